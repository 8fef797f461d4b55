ALTER TABLE "oauth_flow" ADD COLUMN "taken_at" TIMESTAMPTZ(3);
