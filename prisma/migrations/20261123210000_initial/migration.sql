-- Equal to prisma/schema.prisma as far as Prisma can say it (a test compares them). By hand: partitions, check
-- constraints, storage parameters and the outbox trigger.

CREATE TYPE "Role" AS ENUM ('ADMIN', 'MEMBER');
CREATE TYPE "Provider" AS ENUM ('S3', 'AZURE');
CREATE TYPE "CloudAccountStatus" AS ENUM ('CONNECTED', 'FAILING', 'DISCONNECTED');
CREATE TYPE "TransferState" AS ENUM ('SCHEDULED', 'QUEUED', 'RUNNING', 'PAUSED', 'COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELLED');
CREATE TYPE "TransferPriority" AS ENUM ('LOW', 'NORMAL', 'HIGH');
CREATE TYPE "TransferItemState" AS ENUM ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED');
CREATE TYPE "TransferBatchState" AS ENUM ('READY', 'ADMITTED', 'DONE');

CREATE TABLE "user" (
    "id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "email_verified" BOOLEAN NOT NULL DEFAULT false,
    "image" TEXT,
    "role" "Role" NOT NULL DEFAULT 'MEMBER',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "user_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "session" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "token" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "ip_address" TEXT,
    "user_agent" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "session_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "auth_account" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "account_id" TEXT NOT NULL,
    "provider_id" TEXT NOT NULL,
    "access_token" TEXT,
    "refresh_token" TEXT,
    "id_token" TEXT,
    "access_token_expires_at" TIMESTAMPTZ(3),
    "refresh_token_expires_at" TIMESTAMPTZ(3),
    "scope" TEXT,
    "password" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "auth_account_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "verification" (
    "id" UUID NOT NULL,
    "identifier" TEXT NOT NULL,
    "value" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "verification_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "cloud_account" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "provider" "Provider" NOT NULL,
    "name" TEXT NOT NULL,
    "identity" TEXT NOT NULL,
    "status" "CloudAccountStatus" NOT NULL DEFAULT 'CONNECTED',
    "error_code" TEXT,
    "error_message" TEXT,
    "sealed_credentials" BYTEA,
    "key_id" TEXT,
    "settings" JSONB NOT NULL DEFAULT '{}',
    "capabilities" JSONB NOT NULL DEFAULT '{}',
    "last_checked_at" TIMESTAMPTZ(3),
    "throttled_until" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "cloud_account_pkey" PRIMARY KEY ("id"),
    -- Sealed bytes are of no use without the id of their key, and a disconnected account keeps neither.
    CONSTRAINT "cloud_account_sealed_check" CHECK (("sealed_credentials" IS NULL) = ("key_id" IS NULL)),
    CONSTRAINT "cloud_account_disconnected_check" CHECK ("status" <> 'DISCONNECTED' OR "sealed_credentials" IS NULL)
);

CREATE TABLE "transfer" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "source_account_id" UUID NOT NULL,
    "destination_account_id" UUID NOT NULL,
    "source_paths" TEXT[],
    "destination_path" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "state" "TransferState" NOT NULL DEFAULT 'QUEUED',
    "priority" "TransferPriority" NOT NULL DEFAULT 'NORMAL',
    "start_at" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "attempt" INTEGER NOT NULL DEFAULT 1,
    "plan_fence" INTEGER NOT NULL DEFAULT 0,
    "plan_lease_until" TIMESTAMPTZ(3),
    "plan_checkpoint" JSONB,
    "listing_complete" BOOLEAN NOT NULL DEFAULT false,
    "sequence" BIGINT NOT NULL DEFAULT 0,
    "objects_listed" BIGINT NOT NULL DEFAULT 0,
    "objects_completed" BIGINT NOT NULL DEFAULT 0,
    "objects_failed" BIGINT NOT NULL DEFAULT 0,
    "objects_skipped" BIGINT NOT NULL DEFAULT 0,
    "bytes_listed" BIGINT NOT NULL DEFAULT 0,
    "bytes_acknowledged" BIGINT NOT NULL DEFAULT 0,
    "bytes_verified" BIGINT NOT NULL DEFAULT 0,
    "bytes_abandoned" BIGINT NOT NULL DEFAULT 0,
    "speed_bytes_per_second" BIGINT NOT NULL DEFAULT 0,
    "speed_at" TIMESTAMPTZ(3),
    "speed_since" TIMESTAMPTZ(3),
    "batches_listed" INTEGER NOT NULL DEFAULT 0,
    "batches_done" INTEGER NOT NULL DEFAULT 0,
    "admitted_at" TIMESTAMPTZ(3),
    "published_at" TIMESTAMPTZ(3),
    "throttled_until" TIMESTAMPTZ(3),
    "error_code" TEXT,
    "error_message" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "transfer_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "transfer_source_paths_check" CHECK ("source_paths" IS NOT NULL AND cardinality("source_paths") > 0),
    CONSTRAINT "transfer_attempt_check" CHECK ("attempt" > 0 AND "plan_fence" >= 0 AND "sequence" >= 0),
    CONSTRAINT "transfer_counters_check" CHECK (
        "objects_listed" >= 0 AND "objects_completed" >= 0 AND "objects_failed" >= 0 AND "objects_skipped" >= 0
        AND "bytes_listed" >= 0 AND "bytes_acknowledged" >= 0 AND "bytes_verified" >= 0 AND "bytes_abandoned" >= 0
        AND "speed_bytes_per_second" >= 0 AND "batches_done" >= 0 AND "batches_done" <= "batches_listed"
    )
) PARTITION BY RANGE ("id");

CREATE TABLE "transfer_item" (
    "transfer_id" UUID NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "batch_number" INTEGER NOT NULL,
    "state" "TransferItemState" NOT NULL DEFAULT 'PENDING',
    "source_container" TEXT NOT NULL,
    "source_key" TEXT NOT NULL,
    "destination_container" TEXT NOT NULL,
    "destination_key" TEXT NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "source_version" JSONB,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "acknowledged_bytes" BIGINT NOT NULL DEFAULT 0,
    "checkpoint" JSONB,
    "evidence" JSONB,
    "error_code" TEXT,
    "error_message" TEXT,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "transfer_item_pkey" PRIMARY KEY ("transfer_id","ordinal"),
    CONSTRAINT "transfer_item_counters_check" CHECK (
        "ordinal" >= 0 AND "batch_number" >= 0 AND "size_bytes" >= 0 AND "attempts" >= 0 AND "acknowledged_bytes" >= 0
    )
) PARTITION BY RANGE ("transfer_id");

CREATE TABLE "transfer_batch" (
    "transfer_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "state" "TransferBatchState" NOT NULL DEFAULT 'READY',
    "attempt" INTEGER NOT NULL DEFAULT 1,
    "fence" INTEGER NOT NULL DEFAULT 0,
    "lease_until" TIMESTAMPTZ(3),
    "not_before" TIMESTAMPTZ(3),
    "item_count" INTEGER NOT NULL,
    "size_bytes" BIGINT NOT NULL,

    CONSTRAINT "transfer_batch_pkey" PRIMARY KEY ("transfer_id","number"),
    CONSTRAINT "transfer_batch_counters_check" CHECK (
        "number" >= 0 AND "attempt" > 0 AND "fence" >= 0 AND "item_count" >= 0 AND "size_bytes" >= 0
    )
) PARTITION BY RANGE ("transfer_id");

CREATE TABLE "transfer_name" (
    "transfer_id" UUID NOT NULL,
    "name_hash" BYTEA NOT NULL,

    CONSTRAINT "transfer_name_pkey" PRIMARY KEY ("transfer_id","name_hash")
);

CREATE TABLE "worker_process" (
    "id" UUID NOT NULL,
    "slots" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "worker_process_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "worker_process_slots_check" CHECK ("slots" > 0)
);

-- Rows live for moments: vacuum by number of dead rows, not by share of a table that is empty most of the time.
CREATE TABLE "outbox" (
    "id" BIGSERIAL NOT NULL,
    "job_name" TEXT NOT NULL,
    "job_id" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "priority" INTEGER NOT NULL DEFAULT 0,
    "available_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE "idempotency_key" (
    "user_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "operation" TEXT NOT NULL,
    "arguments_hash" TEXT NOT NULL,
    "result_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("user_id","key")
);

CREATE TABLE "audit_event" (
    "id" UUID NOT NULL,
    "user_id" UUID,
    "action" TEXT NOT NULL,
    "subject_type" TEXT NOT NULL,
    "subject_id" TEXT,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "ip_address" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "audit_event_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "user_email_key" ON "user"("email");
CREATE UNIQUE INDEX "session_token_key" ON "session"("token");
CREATE INDEX "session_user_id_idx" ON "session"("user_id");
CREATE INDEX "auth_account_user_id_idx" ON "auth_account"("user_id");
CREATE INDEX "verification_identifier_idx" ON "verification"("identifier");
CREATE INDEX "cloud_account_user_id_id_idx" ON "cloud_account"("user_id", "id");
CREATE INDEX "transfer_user_id_id_idx" ON "transfer"("user_id", "id");
CREATE INDEX "transfer_state_start_at_idx" ON "transfer"("state", "start_at");
CREATE INDEX "transfer_finished_at_idx" ON "transfer"("finished_at");
CREATE INDEX "transfer_item_transfer_id_state_ordinal_idx" ON "transfer_item"("transfer_id", "state", "ordinal");
CREATE INDEX "transfer_item_transfer_id_batch_number_idx" ON "transfer_item"("transfer_id", "batch_number");
CREATE INDEX "transfer_batch_transfer_id_state_number_idx" ON "transfer_batch"("transfer_id", "state", "number");
CREATE INDEX "transfer_batch_state_lease_until_idx" ON "transfer_batch"("state", "lease_until");
CREATE INDEX "worker_process_seen_at_idx" ON "worker_process"("seen_at");
CREATE INDEX "outbox_available_at_idx" ON "outbox"("available_at");
CREATE INDEX "idempotency_key_expires_at_idx" ON "idempotency_key"("expires_at");
CREATE INDEX "audit_event_user_id_id_idx" ON "audit_event"("user_id", "id");

ALTER TABLE "session" ADD CONSTRAINT "session_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "auth_account" ADD CONSTRAINT "auth_account_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "cloud_account" ADD CONSTRAINT "cloud_account_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_source_account_id_fkey" FOREIGN KEY ("source_account_id") REFERENCES "cloud_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_destination_account_id_fkey" FOREIGN KEY ("destination_account_id") REFERENCES "cloud_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "transfer_item" ADD CONSTRAINT "transfer_item_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "transfer_batch" ADD CONSTRAINT "transfer_batch_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The least UUIDv7 of an instant: 48 bits of milliseconds since 1970, the rest zero (RFC 9562, section 5.7).
CREATE FUNCTION uuid_v7_floor(instant timestamptz) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM instant) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the monthly partitions (UTC) of transfer and its children that are missing, from last month to `months_ahead`
-- months from now, and returns how many tables it made. Idempotent. Callers at the same time wait for one another.
-- A new partition is attached rather than created in place, which leaves readers and writers of the others alone.
CREATE FUNCTION ensure_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month_start timestamp;
    parent text;
    child text;
    storage text;
    made integer := 0;
BEGIN
    IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_ahead must be between 0 and 120, not %', months_ahead;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('skyferry.ensure_partitions'));
    FOR month_offset IN -1..months_ahead LOOP
        month_start := this_month + make_interval(months => month_offset);
        -- transfer first: the children's foreign keys refer to it.
        FOREACH parent IN ARRAY ARRAY['transfer', 'transfer_item', 'transfer_batch'] LOOP
            child := parent || to_char(month_start, '"_"YYYY"_"MM');
            CONTINUE WHEN to_regclass(quote_ident(child)) IS NOT NULL;
            -- Counters of transfer and checkpoints of items change often and are in no index: room in the page keeps
            -- those updates heap-only. Few rows take very many updates, so vacuum goes by their number.
            storage := CASE parent
                WHEN 'transfer' THEN 'fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 200'
                WHEN 'transfer_item' THEN 'fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05'
                ELSE 'fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05'
            END;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (%s)', child, parent, storage);
            EXECUTE format(
                'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                parent,
                child,
                uuid_v7_floor(month_start AT TIME ZONE 'UTC'),
                uuid_v7_floor((month_start + interval '1 month') AT TIME ZONE 'UTC')
            );
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

SELECT ensure_partitions(12);

-- Wakes the outbox relay; it polls too, so a lost notification costs time only.
CREATE FUNCTION notify_outbox() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('skyferry_outbox', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER "outbox_notify" AFTER INSERT ON "outbox" FOR EACH STATEMENT EXECUTE FUNCTION notify_outbox();

-- Ends a running transfer in the very update that brings its last batch, or the end of its listing: whichever worker
-- commits it, the end is seen once and with final counters.
CREATE FUNCTION settle_transfer() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.state := CASE
        WHEN NEW.objects_failed = 0 THEN 'COMPLETED'::"TransferState"
        WHEN NEW.objects_completed + NEW.objects_skipped = 0 THEN 'FAILED'::"TransferState"
        ELSE 'COMPLETED_WITH_ERRORS'::"TransferState"
    END;
    NEW.finished_at := now();
    NEW.speed_bytes_per_second := 0;
    NEW.speed_at := NULL;
    NEW.speed_since := NULL;
    NEW.throttled_until := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER "transfer_settle" BEFORE UPDATE ON "transfer" FOR EACH ROW
WHEN (NEW.state = 'RUNNING' AND NEW.listing_complete AND NEW.batches_done = NEW.batches_listed)
EXECUTE FUNCTION settle_transfer();
