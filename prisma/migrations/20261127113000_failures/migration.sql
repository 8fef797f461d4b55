-- Failures by reason are counted as they come: a look at each of a hundred thousand failed items takes seconds.
CREATE TABLE "transfer_failure" (
    "transfer_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "objects" INTEGER NOT NULL,
    "bytes" BIGINT NOT NULL,
    "message" TEXT,

    CONSTRAINT "transfer_failure_pkey" PRIMARY KEY ("transfer_id", "code")
);
ALTER TABLE "transfer_failure" ADD CONSTRAINT "transfer_failure_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE CASCADE ON UPDATE CASCADE;

INSERT INTO "transfer_failure" ("transfer_id", "code", "objects", "bytes", "message")
SELECT "transfer_id", coalesce("error_code", 'INTERNAL'), count(*), sum("size_bytes"),
    CASE WHEN count(DISTINCT "error_message") = 1 THEN min("error_message") END
FROM "transfer_item" WHERE "state" = 'FAILED' GROUP BY 1, 2;

-- Whoever writes items, an item that has failed stays so: its follow-up has another one in its place.
CREATE FUNCTION count_failure() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transfer_failure AS failure (transfer_id, code, objects, bytes, message)
    VALUES (NEW.transfer_id, coalesce(NEW.error_code, 'INTERNAL'), 1, NEW.size_bytes, NEW.error_message)
    ON CONFLICT (transfer_id, code) DO UPDATE SET
        objects = failure.objects + 1,
        bytes = failure.bytes + EXCLUDED.bytes,
        message = CASE WHEN failure.message = EXCLUDED.message THEN failure.message END;
    RETURN NULL;
END
$$;

CREATE TRIGGER "transfer_item_fails" AFTER UPDATE ON "transfer_item" FOR EACH ROW
WHEN (NEW.state = 'FAILED' AND OLD.state <> 'FAILED')
EXECUTE FUNCTION count_failure();
CREATE TRIGGER "transfer_item_failed" AFTER INSERT ON "transfer_item" FOR EACH ROW
WHEN (NEW.state = 'FAILED')
EXECUTE FUNCTION count_failure();

-- For pages of items that are few among many. Nearly all items of a plain copy are in none of them.
CREATE INDEX "transfer_item_transfer_id_error_code_ordinal_idx" ON "transfer_item"("transfer_id", "error_code", "ordinal")
    WHERE "error_code" IS NOT NULL;
CREATE INDEX "transfer_item_transfer_id_source_removal_ordinal_idx" ON "transfer_item"("transfer_id", "source_removal", "ordinal")
    WHERE "source_removal" IS NOT NULL;
CREATE INDEX "transfer_item_transfer_id_action_ordinal_idx" ON "transfer_item"("transfer_id", "action", "ordinal")
    WHERE "action" <> 'WRITE';
