CREATE TYPE "TransferMode" AS ENUM ('COPY', 'MOVE', 'SYNC', 'VERIFY');
CREATE TYPE "TransferAction" AS ENUM ('WRITE', 'ADD', 'REPLACE', 'SKIP', 'DELETE', 'COMPARE');
CREATE TYPE "TransferReason" AS ENUM (
    'ABSENT', 'EXTRA', 'EXISTS', 'NEWER', 'NOT_NEWER', 'DIFFERENT_SIZE', 'DIFFERENT_HASH', 'SAME', 'NOT_COMPARABLE'
);
CREATE TYPE "SourceRemoval" AS ENUM ('PENDING', 'REMOVED', 'KEPT');
ALTER TYPE "TransferState" ADD VALUE 'PLANNING' BEFORE 'RUNNING';
ALTER TYPE "TransferState" ADD VALUE 'AWAITING_APPROVAL' BEFORE 'RUNNING';
ALTER TYPE "TransferBatchState" ADD VALUE 'HELD' BEFORE 'READY';

ALTER TABLE "transfer"
    ADD COLUMN "mode" "TransferMode" NOT NULL DEFAULT 'COPY',
    ADD COLUMN "options" JSONB NOT NULL DEFAULT '{}',
    ADD COLUMN "bandwidth_limit_bytes_per_second" BIGINT,
    ADD COLUMN "dry_run" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "approved_at" TIMESTAMPTZ(3),
    ADD COLUMN "objects_planned" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "bytes_planned" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "deletions_planned" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "deletions_completed" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "objects_excluded" BIGINT NOT NULL DEFAULT 0,
    ADD CONSTRAINT "transfer_plan_counters_check" CHECK (
        "objects_planned" >= 0 AND "bytes_planned" >= 0 AND "deletions_planned" >= 0 AND "deletions_completed" >= 0
        AND "objects_excluded" >= 0 AND "bandwidth_limit_bytes_per_second" > 0
    );

ALTER TABLE "transfer_item"
    ADD COLUMN "action" "TransferAction" NOT NULL DEFAULT 'WRITE',
    ADD COLUMN "reason" "TransferReason",
    ADD COLUMN "modified_at" TIMESTAMPTZ(3),
    ADD COLUMN "destination_version" JSONB,
    ADD COLUMN "source_removal" "SourceRemoval";
