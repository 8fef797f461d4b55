ALTER TYPE "Provider" ADD VALUE 'GCS';
ALTER TYPE "Provider" ADD VALUE 'DROPBOX';

CREATE TABLE "access_token" (
    "account_id" UUID NOT NULL,
    "sealed_token" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "access_token_pkey" PRIMARY KEY ("account_id")
);

CREATE TABLE "oauth_flow" (
    "state_hash" BYTEA NOT NULL,
    "user_id" UUID NOT NULL,
    "provider" "Provider" NOT NULL,
    "account_id" UUID,
    "sealed_verifier" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "oauth_flow_pkey" PRIMARY KEY ("state_hash")
);

CREATE INDEX "oauth_flow_expires_at_idx" ON "oauth_flow"("expires_at");

ALTER TABLE "access_token" ADD CONSTRAINT "access_token_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "cloud_account"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "oauth_flow" ADD CONSTRAINT "oauth_flow_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;
