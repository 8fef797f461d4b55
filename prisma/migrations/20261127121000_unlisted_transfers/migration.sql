-- For the place that a plan has among those of its user: few transfers at a time are not listed.
CREATE INDEX "transfer_user_id_id_unlisted_idx" ON "transfer"("user_id", "id")
    WHERE NOT "listing_complete" AND "finished_at" IS NULL;
