-- What is verified and skipped, what is handed to destinations and not acknowledged, and the rate to estimate by.
ALTER TABLE "transfer"
    ADD COLUMN "objects_verified" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "bytes_skipped" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "bytes_in_flight" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "pace_bytes_per_second" BIGINT NOT NULL DEFAULT 0,
    ADD CONSTRAINT "transfer_more_counters_check" CHECK (
        "objects_verified" >= 0 AND "bytes_skipped" >= 0 AND "bytes_in_flight" >= 0 AND "pace_bytes_per_second" >= 0
    );
ALTER TABLE "transfer_batch" ADD COLUMN "bytes_in_flight" BIGINT NOT NULL DEFAULT 0;

UPDATE "transfer" SET "pace_bytes_per_second" = "speed_bytes_per_second";
UPDATE "transfer" SET "objects_verified" = item."verified", "bytes_skipped" = item."skipped_bytes"
FROM (
    SELECT "transfer_id",
        count(*) FILTER (WHERE "state" = 'COMPLETED' AND ("evidence"->>'verified')::boolean) AS "verified",
        coalesce(sum("size_bytes") FILTER (WHERE "state" = 'SKIPPED'), 0) AS "skipped_bytes"
    FROM "transfer_item" GROUP BY "transfer_id"
) AS item
WHERE "transfer"."id" = item."transfer_id";
