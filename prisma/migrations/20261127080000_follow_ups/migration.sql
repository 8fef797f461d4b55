-- A follow-up tries the failed items of another transfer again. Without a foreign key: partitions are dropped by month,
-- and an origin may go before its follow-ups.
ALTER TABLE "transfer" ADD COLUMN "retry_of_id" UUID;
CREATE INDEX "transfer_retry_of_id_id_idx" ON "transfer"("retry_of_id", "id");
