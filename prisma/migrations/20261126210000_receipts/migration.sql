CREATE TABLE "receipt_key" (
    "id" TEXT NOT NULL,
    "public_key" BYTEA NOT NULL,
    "sealed_private_key" BYTEA,
    "key_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "receipt_key_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "receipt_key_public_key_check" CHECK (length("public_key") = 32),
    CONSTRAINT "receipt_key_sealed_check" CHECK (("sealed_private_key" IS NULL) = ("key_id" IS NULL))
);

-- Not partitioned, as few rows as transfers whose receipt somebody asked for: those of a month are deleted before its
-- transfers are dropped.
CREATE TABLE "transfer_receipt" (
    "transfer_id" UUID NOT NULL,
    "sequence" BIGINT NOT NULL,
    "document" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "transfer_receipt_pkey" PRIMARY KEY ("transfer_id")
);

ALTER TABLE "transfer_receipt" ADD CONSTRAINT "transfer_receipt_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE CASCADE ON UPDATE CASCADE;
