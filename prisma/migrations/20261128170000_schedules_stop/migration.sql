-- A schedule whose transfer comes to nothing because a cloud refuses the credentials of an account would order the same failure
-- again with every run: it stops at the end of the first, whichever worker brings that about.
CREATE FUNCTION stop_schedule() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    message text;
BEGIN
    -- The first failure is in the row, counted or not yet; one behind others, such as names that the destination cannot hold,
    -- is counted.
    message := CASE NEW.error_code WHEN 'CREDENTIALS_INVALID' THEN NEW.error_message ELSE (
        SELECT coalesce(failure.message, 'The cloud refuses the credentials of an account.')
        FROM transfer_failure AS failure WHERE failure.transfer_id = NEW.id AND failure.code = 'CREDENTIALS_INVALID'
    ) END;
    IF message IS NOT NULL THEN
        UPDATE transfer_schedule
        SET enabled = false, next_run_at = NULL, error_code = 'CREDENTIALS_INVALID', error_message = message, updated_at = now()
        WHERE id = NEW.schedule_id AND enabled;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER "transfer_stops_schedule" AFTER UPDATE ON "transfer" FOR EACH ROW
WHEN (NEW.schedule_id IS NOT NULL AND NEW.state = 'FAILED' AND OLD.state <> 'FAILED')
EXECUTE FUNCTION stop_schedule();
