import { type DbSession, prepared, type TransferState } from '../../core/db.ts';
import { objectWorkBytes, type ProgressRow, progressColumns } from '../../queue/progress.ts';
import type { Item } from './item.ts';

/** A batch without a sign of life for so long is given to another worker. */
export const leaseMs = 15_000;
/** Events about one transfer are at least so far apart, over all workers. */
export const publishIntervalMs = 100;
/** Speed is smoothed over about so long. */
const speedWindowMs = 5_000;
/** The pace that estimates count with is smoothed over half the time since bytes began to flow, and no longer than so. */
const longestPaceWindowMs = 300_000;
/** Where nothing comes about for so long, speed and pace are 0. */
export const speedHoldMs = 15_000;

/** A batch as its holder writes about it. */
export interface RunRecord {
  number: number;
  /** The fencing token. */
  attempt: number;
  /** Lets go of the batch: DONE for good, READY for whoever comes next. */
  release: 'DONE' | 'READY' | null;
  /** Prolongs the lease. */
  renew: boolean;
  /** A batch that is let go READY is not admitted again for so long. */
  restMs: number;
  /** Handed to the destination's connections and not acknowledged. */
  bytesInFlight: number;
}

export interface WriteResult {
  row: ProgressRow;
  /** Numbers of the batches that were still held; a missing one belongs to somebody else. */
  held: number[];
  /** Whether an event may be published now. */
  due: boolean;
  /** Bytes a second; null: no limit. */
  bandwidthLimit: bigint | null;
}

type WriteRow = ProgressRow & Omit<WriteResult, 'row'>;

/**
 * Writes, in one statement and behind the fences of the batches, the items that changed, the leases and the
 * transfer's counters. Counters move by the difference between an item's stored and its new state, so writing the
 * same state twice (after an answer was lost) changes nothing. null: none of the batches is held any more, or there is no
 * such transfer; then nothing is written.
 *
 * The transfer's row is locked first, as everywhere, and the fences are read behind that lock.
 *
 * Times are the database's: the clocks of workers may differ from it, and step.
 *
 * @param elapsedMs How long this process has been moving the transfer: the span of a first speed sample.
 * @param throttledMs For how long a cloud still asks for patience.
 */
export async function writeCheckpoint(
  db: DbSession,
  transferId: string,
  runs: readonly RunRecord[],
  items: readonly { item: Item; number: number; attempt: number }[],
  options: { elapsedMs: number; throttledMs: number },
): Promise<WriteResult | null> {
  const runsJson = JSON.stringify(
    runs.map(({ restMs, bytesInFlight, ...run }) => ({ ...run, rest_ms: restMs, bytes_in_flight: bytesInFlight })),
  );
  const itemsJson = JSON.stringify(items.map(({ item, number, attempt }) => ({ ...item.toRecord(), number, attempt })));
  // Said beside the join, so that no plan, however little is known of a new transfer, looks at all of its items. The join
  // itself offers no index anything to look up: an index that is asked once for each item sorts all of these every time.
  const ordinals = items.map(({ item }) => item.ordinal);
  const { elapsedMs, throttledMs } = options;
  const [row] = await db.$queryRaw<WriteRow[]>`
    ${prepared}WITH locked AS MATERIALIZED (
      SELECT id, published_at, speed_at, speed_since, bytes_listed - bytes_acknowledged - bytes_abandoned AS bytes_left
      FROM transfer WHERE id = ${transferId}::uuid FOR NO KEY UPDATE
    ), run AS MATERIALIZED (
      SELECT x.number, x.attempt, x.release, x.renew, x.rest_ms, batch.bytes_in_flight AS old_bytes_in_flight,
        CASE WHEN x.release IS NULL THEN x.bytes_in_flight ELSE 0 END AS bytes_in_flight
      FROM locked
      CROSS JOIN jsonb_to_recordset(${runsJson}::jsonb) AS x(
        number int, attempt int, release text, renew boolean, rest_ms int, bytes_in_flight bigint
      )
      JOIN transfer_batch AS batch
        ON batch.transfer_id = ${transferId}::uuid AND batch.number = x.number
        AND batch.attempt = x.attempt AND batch.fence = x.attempt AND batch.state = 'ADMITTED'
      FOR NO KEY UPDATE OF batch
    ), released AS (
      UPDATE transfer_batch AS batch
      SET state = coalesce(run.release, 'ADMITTED')::"TransferBatchState",
        attempt = batch.attempt + CASE WHEN run.release = 'READY' THEN 1 ELSE 0 END,
        lease_until = CASE
          WHEN run.release IS NOT NULL THEN NULL
          WHEN run.renew THEN now() + make_interval(secs => ${leaseMs / 1_000})
          ELSE batch.lease_until
        END,
        not_before = CASE WHEN run.rest_ms > 0 THEN now() + make_interval(secs => run.rest_ms / 1000.0) END,
        bytes_in_flight = run.bytes_in_flight
      FROM run
      WHERE batch.transfer_id = ${transferId}::uuid AND batch.number = run.number
        AND (run.renew OR run.release IS NOT NULL OR run.bytes_in_flight <> run.old_bytes_in_flight)
      RETURNING batch.state
    ), input AS MATERIALIZED (
      SELECT x.* FROM jsonb_to_recordset(${itemsJson}::jsonb) AS x(
        ordinal int, number int, attempt int, state "TransferItemState", size_bytes bigint, version jsonb, attempts int,
        acknowledged_bytes bigint, checkpoint jsonb, route "TransferRoute", fallback_code text, dropped_tags text[], evidence jsonb,
        verified boolean, skip_reason "TransferReason", source_removal "SourceRemoval", error_code text, error_message text
      ) JOIN run ON run.number = x.number AND run.attempt = x.attempt
    ), changed AS (
      UPDATE transfer_item AS item
      SET state = input.state, size_bytes = input.size_bytes, source_version = nullif(input.version, 'null'),
        attempts = input.attempts, acknowledged_bytes = input.acknowledged_bytes,
        checkpoint = nullif(input.checkpoint, 'null'), route = input.route, fallback_code = input.fallback_code,
        dropped_tags = input.dropped_tags, reason = coalesce(input.skip_reason, item.reason),
        action = CASE WHEN input.skip_reason IS NULL THEN item.action ELSE 'SKIP' END,
        evidence = nullif(input.evidence, 'null'), source_removal = input.source_removal,
        error_code = input.error_code, error_message = input.error_message,
        started_at = coalesce(item.started_at, CASE WHEN input.state <> 'PENDING' THEN now() END),
        finished_at = CASE WHEN input.state IN ('COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED') THEN now() END
      FROM input
      WHERE item.transfer_id = ${transferId}::uuid AND item.ordinal = ANY(${ordinals}::int[])
        AND item.ordinal + 0 = input.ordinal
      RETURNING old.action, new.ordinal, new.state, new.size_bytes, new.acknowledged_bytes, new.error_code,
        new.error_message, input.verified, old.state AS old_state, old.size_bytes AS old_size_bytes,
        old.acknowledged_bytes AS old_acknowledged_bytes, new.source_removal, old.source_removal AS old_source_removal
    ), delta AS MATERIALIZED (
      SELECT
        coalesce(sum((state = 'COMPLETED')::int - (old_state = 'COMPLETED')::int), 0) AS completed,
        coalesce(sum((state = 'COMPLETED')::int - (old_state = 'COMPLETED')::int)
          FILTER (WHERE action = 'DELETE'), 0) AS deleted,
        count(*) FILTER (WHERE source_removal = 'REMOVED' AND old_source_removal = 'PENDING') AS removed,
        count(*) FILTER (WHERE source_removal = 'KEPT' AND old_source_removal = 'PENDING') AS kept,
        coalesce(sum((state = 'FAILED')::int - (old_state = 'FAILED')::int), 0) AS failed,
        coalesce(sum(size_bytes - old_size_bytes), 0) AS listed_bytes,
        coalesce(sum(acknowledged_bytes - old_acknowledged_bytes), 0) AS bytes,
        count(*) FILTER (WHERE state = 'COMPLETED' AND old_state <> 'COMPLETED' AND verified) AS verified,
        coalesce(sum(size_bytes) FILTER (WHERE state = 'COMPLETED' AND old_state <> 'COMPLETED' AND verified), 0)
          AS verified_bytes,
        count(*) FILTER (WHERE state = 'SKIPPED' AND old_state <> 'SKIPPED') AS skipped,
        coalesce(sum(size_bytes) FILTER (WHERE state = 'SKIPPED' AND old_state <> 'SKIPPED'), 0) AS skipped_bytes,
        coalesce(sum(size_bytes) FILTER (WHERE state IN ('FAILED', 'SKIPPED') AND old_state <> state), 0)
          AS abandoned_bytes,
        min(ARRAY[lpad(ordinal::text, 10, '0'), error_code, error_message]) FILTER (WHERE state = 'FAILED') AS failure
      FROM changed
    ), in_flight AS MATERIALIZED (
      SELECT coalesce(sum(bytes_in_flight - old_bytes_in_flight), 0) AS bytes FROM run
    ), speed AS MATERIALIZED (
      SELECT *, CASE
          WHEN bytes_left <= 0 THEN ${speedWindowMs / 1_000}::float8
          ELSE least(greatest(age / 2, ${speedWindowMs / 1_000}::float8), ${longestPaceWindowMs / 1_000}::float8)
        END AS pace_window
      FROM (
        SELECT delta.bytes + in_flight.bytes AS bytes,
          locked.bytes_left + delta.listed_bytes - delta.bytes - delta.abandoned_bytes AS bytes_left,
          delta.bytes + in_flight.bytes + (delta.completed + delta.failed + delta.skipped + delta.removed + delta.kept) * ${objectWorkBytes}::int AS work,
          coalesce(locked.speed_since, from_elapsed) AS since,
          greatest(extract(epoch FROM now() - coalesce(locked.speed_at, from_elapsed)), 0.001)::float8 AS span,
          greatest(extract(epoch FROM now() - coalesce(locked.speed_since, from_elapsed)), 0.001)::float8 AS age
        FROM delta, in_flight, locked, LATERAL (
          SELECT now() - make_interval(secs => ${Math.max(elapsedMs, 50) / 1_000}) AS from_elapsed
        ) AS sample
      ) AS sample
    )
    UPDATE transfer SET
      sequence = sequence + 1,
      objects_completed = objects_completed + delta.completed,
      objects_failed = objects_failed + delta.failed,
      objects_skipped = objects_skipped + delta.skipped,
      objects_planned = objects_planned - delta.skipped,
      bytes_skipped = bytes_skipped + delta.skipped_bytes,
      -- Planned by a former version of the product, an object may have grown unnoticed.
      bytes_planned = greatest(0, bytes_planned + delta.listed_bytes - delta.skipped_bytes),
      deletions_completed = deletions_completed + delta.deleted,
      source_removals_completed = source_removals_completed + delta.removed,
      source_removals_kept = source_removals_kept + delta.kept,
      bytes_listed = bytes_listed + delta.listed_bytes,
      bytes_acknowledged = bytes_acknowledged + delta.bytes,
      objects_verified = objects_verified + delta.verified,
      bytes_verified = bytes_verified + delta.verified_bytes,
      bytes_in_flight = bytes_in_flight + in_flight.bytes,
      bytes_abandoned = bytes_abandoned + delta.abandoned_bytes,
      batches_done = batches_done + (SELECT count(*) FROM released WHERE state = 'DONE'),
      error_code = coalesce(error_code, delta.failure[2]),
      error_message = CASE WHEN error_code IS NULL THEN delta.failure[3] ELSE error_message END,
      throttled_until = CASE
        WHEN ${throttledMs}::float8 > 0 THEN now() + make_interval(secs => ${throttledMs}::float8 / 1000)
        WHEN throttled_until > now() THEN throttled_until
      END,
      -- The average over the first samples, then exponential smoothing; the weight follows the sample's span, so that
      -- samples of any number of workers add up to one rate. Bytes count as they are sent: acknowledgements come in lumps of
      -- whole parts, several at a time where objects began together, and a rate of theirs swings to twice the true one.
      -- What was sent in vain counts against it once its request has failed.
      speed_bytes_per_second = CASE
        WHEN state <> 'RUNNING' THEN 0
        WHEN speed.work <> 0 THEN greatest(0, speed_bytes_per_second
          + (1 - exp(-least(span, age) / ${speedWindowMs / 1_000}::float8))
          / (1 - exp(-age / ${speedWindowMs / 1_000}::float8))
          * (speed.bytes / span - speed_bytes_per_second))::bigint
        WHEN transfer.speed_at < now() - make_interval(secs => ${speedHoldMs / 1_000}) THEN 0
        ELSE speed_bytes_per_second
      END,
      -- Lumps, such as what clouds copy by themselves, average out over it: an estimate of the end needs calm more than
      -- news. Once no bytes are left, only deletions are, whose rate is another.
      pace_bytes_per_second = CASE
        WHEN state <> 'RUNNING' THEN 0
        WHEN speed.work <> 0 THEN greatest(0, pace_bytes_per_second
          + (1 - exp(-least(span, age) / pace_window)) / (1 - exp(-age / pace_window))
          * (speed.work / span - pace_bytes_per_second))::bigint
        WHEN transfer.speed_at < now() - make_interval(secs => ${speedHoldMs / 1_000}) THEN 0
        ELSE pace_bytes_per_second
      END,
      speed_at = CASE
        WHEN speed.work <> 0 THEN now()
        WHEN transfer.speed_at >= now() - make_interval(secs => ${speedHoldMs / 1_000}) THEN transfer.speed_at
      END,
      speed_since = CASE
        WHEN speed.work <> 0 THEN speed.since
        WHEN transfer.speed_at >= now() - make_interval(secs => ${speedHoldMs / 1_000}) THEN transfer.speed_since
      END,
      published_at = CASE
        WHEN locked.published_at > now() - make_interval(secs => ${publishIntervalMs / 1_000}) THEN locked.published_at
        ELSE now()
      END,
      updated_at = now()
    FROM locked, delta, in_flight, speed
    WHERE transfer.id = ${transferId}::uuid AND EXISTS (SELECT FROM run)
    RETURNING ${progressColumns},
      ARRAY(SELECT number FROM run) AS held, transfer.bandwidth_limit_bytes_per_second AS "bandwidthLimit",
      locked.published_at IS NULL
        OR locked.published_at <= now() - make_interval(secs => ${publishIntervalMs / 1_000}) AS due`;
  if (!row) return null;
  const { held, due, bandwidthLimit, ...progress } = row;
  return { row: progress, held, due, bandwidthLimit };
}

export function isTerminal(state: TransferState): boolean {
  return state === 'COMPLETED' || state === 'COMPLETED_WITH_ERRORS' || state === 'FAILED' || state === 'CANCELLED';
}
