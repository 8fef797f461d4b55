CREATE TABLE "path_manifest" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "paths" TEXT[],
    "path_count" INTEGER NOT NULL,
    "hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "path_manifest_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "path_manifest_user_id_hash_key" ON "path_manifest"("user_id", "hash");
CREATE INDEX "path_manifest_used_at_idx" ON "path_manifest"("used_at");

ALTER TABLE "path_manifest" ADD CONSTRAINT "path_manifest_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;
