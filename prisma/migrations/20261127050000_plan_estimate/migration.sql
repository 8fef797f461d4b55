ALTER TABLE "transfer" ADD COLUMN "plan_estimate" JSONB;
