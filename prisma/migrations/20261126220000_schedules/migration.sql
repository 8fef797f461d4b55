CREATE TABLE "transfer_schedule" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "cron" TEXT NOT NULL,
    "time_zone" TEXT NOT NULL,
    "source_account_id" UUID NOT NULL,
    "destination_account_id" UUID NOT NULL,
    "order" JSONB NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "next_run_at" TIMESTAMPTZ(3),
    "last_run_at" TIMESTAMPTZ(3),
    "last_transfer_id" UUID,
    "error_code" TEXT,
    "error_message" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "transfer_schedule_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "transfer_schedule_user_id_id_idx" ON "transfer_schedule"("user_id", "id");
CREATE INDEX "transfer_schedule_next_run_at_idx" ON "transfer_schedule"("next_run_at");

ALTER TABLE "transfer_schedule" ADD CONSTRAINT "transfer_schedule_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "transfer_schedule" ADD CONSTRAINT "transfer_schedule_source_account_id_fkey" FOREIGN KEY ("source_account_id") REFERENCES "cloud_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "transfer_schedule" ADD CONSTRAINT "transfer_schedule_destination_account_id_fkey" FOREIGN KEY ("destination_account_id") REFERENCES "cloud_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "transfer" ADD COLUMN "schedule_id" UUID;
CREATE INDEX "transfer_schedule_id_id_idx" ON "transfer"("schedule_id", "id");
