-- How many objects at a time a batch's holder moves, and whose limits (TIERS) hold for a user.
ALTER TABLE "transfer_batch" ADD COLUMN "concurrency" INTEGER;
ALTER TABLE "user" ADD COLUMN "tier" TEXT NOT NULL DEFAULT 'standard';
