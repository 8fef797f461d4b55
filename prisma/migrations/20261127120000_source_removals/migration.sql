-- Sources that a move is to remove, those that it did, and those that stay though it was to.
ALTER TABLE "transfer"
    ADD COLUMN "source_removals_planned" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "source_removals_completed" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "source_removals_kept" BIGINT NOT NULL DEFAULT 0,
    ADD CONSTRAINT "transfer_source_removals_check" CHECK (
        "source_removals_planned" >= 0 AND "source_removals_completed" >= 0 AND "source_removals_kept" >= 0
    );

UPDATE "transfer" SET "source_removals_planned" = item."planned", "source_removals_completed" = item."removed",
    "source_removals_kept" = item."kept"
FROM (
    SELECT "transfer_id", count(*) AS "planned",
        count(*) FILTER (WHERE "source_removal" = 'REMOVED') AS "removed",
        count(*) FILTER (WHERE "source_removal" = 'KEPT') AS "kept"
    FROM "transfer_item" WHERE "source_removal" IS NOT NULL GROUP BY "transfer_id"
) AS item
WHERE "transfer"."id" = item."transfer_id";
