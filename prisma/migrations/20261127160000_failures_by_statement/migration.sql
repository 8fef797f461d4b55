-- A statement may fail thousands of items, each of which would find all former versions of the row that counts them: they
-- are counted together.
DROP TRIGGER "transfer_item_fails" ON "transfer_item";
DROP TRIGGER "transfer_item_failed" ON "transfer_item";
DROP FUNCTION count_failure();

-- Whoever writes items, an item that has failed stays so: its follow-up has another one in its place.
CREATE FUNCTION count_failures() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    failed transfer_item[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        failed := ARRAY(SELECT written FROM written WHERE state = 'FAILED');
    ELSE
        failed := ARRAY(
            SELECT written FROM written JOIN former USING (transfer_id, ordinal)
            WHERE written.state = 'FAILED' AND former.state <> 'FAILED'
        );
    END IF;
    INSERT INTO transfer_failure AS failure (transfer_id, code, objects, bytes, message)
    SELECT transfer_id, coalesce(error_code, 'INTERNAL'), count(*), sum(size_bytes),
        CASE WHEN bool_and(error_message IS NOT NULL) AND min(error_message COLLATE "C") = max(error_message COLLATE "C")
            THEN min(error_message COLLATE "C") END
    FROM unnest(failed) GROUP BY 1, 2
    ON CONFLICT (transfer_id, code) DO UPDATE SET
        objects = failure.objects + EXCLUDED.objects,
        bytes = failure.bytes + EXCLUDED.bytes,
        message = CASE WHEN failure.message = EXCLUDED.message THEN failure.message END;
    RETURN NULL;
END
$$;

CREATE TRIGGER "transfer_item_fails" AFTER UPDATE ON "transfer_item"
REFERENCING OLD TABLE AS former NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION count_failures();
CREATE TRIGGER "transfer_item_failed" AFTER INSERT ON "transfer_item"
REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION count_failures();
