-- How each object was moved, and why by no better route.
CREATE TYPE "TransferRoute" AS ENUM ('RELAY', 'SERVER_SIDE_COPY', 'INGEST_FROM_URL');
ALTER TABLE "transfer_item" ADD COLUMN "route" "TransferRoute", ADD COLUMN "fallback_code" TEXT;
