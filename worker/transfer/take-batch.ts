import { type Db, prepared, type TransferMode, type TransferState } from '../../core/db.ts';
import type { JobPayload } from '../../queue/jobs.ts';
import { type TransferOptions, transferOptionsSchema } from '../../queue/transfer-options.ts';
import { leaseMs } from './checkpoint.ts';
import { Item, type ItemRow } from './item.ts';

/** An account as a piece of work finds it. */
export interface AccountReference {
  id: string;
  /** Changes with whatever the account is opened by. */
  updatedAt: Date;
}

/** What was ordered, as far as it concerns the work on objects. */
export interface TransferOrder {
  mode: TransferMode;
  options: TransferOptions;
  /** A plan was approved: what is not as planned is reported, and not moved. */
  isAsPlanned: boolean;
  /** It waited for an approval, or follows up another: what was planned from was listed long ago. */
  isDeferred: boolean;
}

/** A batch as its holder finds it. */
export interface TakenBatch {
  transferState: TransferState;
  order: TransferOrder;
  /** Bytes a second; null: no limit. */
  bandwidthLimit: bigint | null;
  /** Whether it was admitted past all others, for somebody who had nothing under way. */
  isExpress: boolean;
  /** Objects at a time; null: as many as there is room for. */
  concurrency: number | null;
  source: AccountReference;
  destination: AccountReference;
  /** Its objects that are not at an end, or whose source is to be removed, in order. */
  items: Item[];
}

interface TakenRow {
  transferState: TransferState;
  sourceId: string;
  sourceUpdatedAt: Date;
  destinationId: string;
  destinationUpdatedAt: Date;
  mode: TransferMode;
  options: unknown;
  dryRun: boolean;
  isDeferred: boolean;
  bandwidthLimit: bigint | null;
  isExpress: boolean;
  concurrency: number | null;
  items: ItemRow[];
}

/**
 * Takes an admitted batch under its fencing token, which is the attempt: each attempt can be taken once, so a job that
 * BullMQ runs twice finds nothing to do. null: taken, returned or done meanwhile. One statement for all that a batch
 * needs, because small batches cost little else.
 */
export async function takeBatch(db: Db, job: JobPayload<'transfer.batch'>): Promise<TakenBatch | null> {
  const [row] = await db.$queryRaw<TakenRow[]>`
    ${prepared}WITH taken AS (
      UPDATE transfer_batch AS batch
      SET fence = batch.attempt, lease_until = now() + make_interval(secs => ${leaseMs / 1_000})
      WHERE batch.transfer_id = ${job.transferId}::uuid AND batch.number = ${job.batchNumber}::int
        AND batch.attempt = ${job.attempt}::int AND batch.fence < batch.attempt AND batch.state = 'ADMITTED'
      RETURNING batch.concurrency, batch.express
    )
    SELECT transfer.state::text AS "transferState", transfer.mode::text AS mode, transfer.options,
      transfer.dry_run AS "dryRun", transfer.bandwidth_limit_bytes_per_second AS "bandwidthLimit", taken.concurrency,
      taken.express AS "isExpress", transfer.approved_at IS NOT NULL OR transfer.retry_of_id IS NOT NULL AS "isDeferred",
      source.id AS "sourceId", source.updated_at AS "sourceUpdatedAt",
      destination.id AS "destinationId", destination.updated_at AS "destinationUpdatedAt",
      (
        SELECT coalesce(json_agg(json_build_object(
          'ordinal', item.ordinal, 'sourceContainer', item.source_container, 'sourceKey', item.source_key,
          'destinationContainer', item.destination_container, 'destinationKey', item.destination_key,
          'sizeBytes', item.size_bytes, 'sourceVersion', item.source_version, 'attempts', item.attempts,
          'acknowledgedBytes', item.acknowledged_bytes, 'checkpoint', item.checkpoint, 'state', item.state,
          'action', item.action, 'destinationVersion', item.destination_version,
          'sourceRemoval', item.source_removal, 'evidence', item.evidence, 'route', item.route,
          'fallback', item.fallback_code, 'droppedTags', item.dropped_tags
        ) ORDER BY item.ordinal), '[]')
        FROM transfer_item AS item
        WHERE item.transfer_id = ${job.transferId}::uuid AND item.batch_number = ${job.batchNumber}::int
          AND (item.state IN ('PENDING', 'RUNNING') OR item.source_removal = 'PENDING')
      ) AS items
    FROM taken
    JOIN transfer ON transfer.id = ${job.transferId}::uuid
    JOIN cloud_account AS source ON source.id = transfer.source_account_id
    JOIN cloud_account AS destination ON destination.id = transfer.destination_account_id`;
  if (!row) return null;
  return {
    transferState: row.transferState,
    source: { id: row.sourceId, updatedAt: row.sourceUpdatedAt },
    destination: { id: row.destinationId, updatedAt: row.destinationUpdatedAt },
    order: {
      mode: row.mode,
      options: transferOptionsSchema.parse(row.options),
      isAsPlanned: row.dryRun,
      isDeferred: row.isDeferred,
    },
    bandwidthLimit: row.bandwidthLimit,
    isExpress: row.isExpress,
    concurrency: row.concurrency,
    items: row.items.map((item) => new Item(item, job.attempt > 1)),
  };
}

/** Gives back admitted batches that nobody has taken. Others are left alone. */
export async function giveBack(db: Db, batches: readonly JobPayload<'transfer.batch'>[]): Promise<void> {
  await db.$executeRaw`
    UPDATE transfer_batch AS batch SET state = 'READY', attempt = batch.attempt + 1, lease_until = NULL
    FROM jsonb_to_recordset(${JSON.stringify(batches)}::jsonb) AS x("transferId" uuid, "batchNumber" int, attempt int)
    WHERE batch.transfer_id = x."transferId" AND batch.number = x."batchNumber" AND batch.attempt = x.attempt
      AND batch.state = 'ADMITTED' AND batch.fence < batch.attempt`;
}
