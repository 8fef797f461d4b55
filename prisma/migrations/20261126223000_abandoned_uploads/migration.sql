CREATE TABLE "abandoned_upload" (
    "id" BIGSERIAL NOT NULL,
    "account_id" UUID NOT NULL,
    "session" JSONB NOT NULL,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "next_try_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "abandoned_upload_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "abandoned_upload_next_try_at_idx" ON "abandoned_upload"("next_try_at");
CREATE INDEX "abandoned_upload_account_id_idx" ON "abandoned_upload"("account_id");

ALTER TABLE "abandoned_upload" ADD CONSTRAINT "abandoned_upload_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "cloud_account"("id") ON DELETE CASCADE ON UPDATE CASCADE;
