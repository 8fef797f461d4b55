ALTER TABLE "transfer_batch" ADD COLUMN "express" BOOLEAN NOT NULL DEFAULT false;
