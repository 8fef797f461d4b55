import { type Db, prepared } from '../../core/db.ts';
import type { Logger } from '../../core/log.ts';
import { type JobPayload, jobIds } from '../../queue/jobs.ts';
import { manifestKeptDays } from '../../queue/manifest.ts';
import { enqueue } from '../../queue/outbox.ts';
import { type ProgressRow, progressColumns } from '../../queue/progress.ts';
import type { JobQueue } from '../../queue/queue.ts';
import { planLeaseMs } from '../../queue/transfer.ts';
import { createLoop } from '../../queue/wake.ts';
import { admissionLeaseMs, advisoryLockSpace } from './admission.ts';
import { leaseMs, speedHoldMs } from './checkpoint.ts';
import { lookForLostUploads } from './uploads.ts';

const pollMs = 2_000;
const sweepLock = 2;
/** Rows that one sweep deletes of a kind: a backlog is worked off little by little. */
const trimLimit = 5_000;
/** After an outage of the database, holders of leases get as long as a lease to renew them. */
const quietMs = leaseMs;
const trimEveryMs = 60_000;
const endsOverlapMs = 5_000;
const workerRetentionMs = 3_600_000;
const transactionOptions = { maxWait: 10_000, timeout: 30_000 };

export interface SweepOptions {
  db: Db;
  log: Logger;
  queue: JobQueue;
  /** Tells subscribers; resolves to whether Redis took it. */
  publish(row: ProgressRow): Promise<boolean>;
  kickDispatcher(): void;
  onError: (error: unknown) => void;
}

/**
 * Finds what fell by the wayside, every two seconds in one of the processes, from Postgres alone: batches and plans
 * whose holder died or whose job was lost with Redis; speeds that nobody brings to zero; ends of transfers that were
 * not published; rows of finished work.
 */
export function startSweeper(options: SweepOptions) {
  const state: SweepState = { endsPublishedUntil: null, trimmedAt: Number.NEGATIVE_INFINITY };
  let quietUntil = Number.NEGATIVE_INFINITY;
  return createLoop(
    async () => {
      if (performance.now() < quietUntil) return false;
      try {
        await sweep(options, state);
      } catch (error) {
        quietUntil = performance.now() + quietMs;
        throw error;
      }
      return false;
    },
    pollMs,
    options.onError,
  );
}

/** What one process remembers from sweep to sweep. */
export interface SweepState {
  /** Ends up to here, by the database's clock, were published by somebody; null: not known yet. */
  endsPublishedUntil: Date | null;
  /** By performance.now(). */
  trimmedAt: number;
}

/** One sweep; does nothing while another process is at it. */
export async function sweep(options: Omit<SweepOptions, 'onError'>, state: SweepState): Promise<void> {
  const { db, log, queue, publish, kickDispatcher } = options;
  await prolongQueued(db, queue);
  await prolongPlans(db, queue);
  const found = await db.$transaction(async (tx) => {
    const [lock] = await tx.$queryRaw<{ taken: boolean; now: Date }[]>`
        SELECT pg_try_advisory_xact_lock(${advisoryLockSpace}::int, ${sweepLock}::int) AS taken, now() AS now`;
    // A little behind, because a commit becomes visible later than it is dated.
    const until = lock && new Date(lock.now.getTime() - endsOverlapMs);
    if (!lock?.taken) return { until, rows: [], returned: [], replanned: [] };
    const returned = await returnBatches(tx);
    const replanned = await replan(tx);
    if (performance.now() - state.trimmedAt >= trimEveryMs) {
      await trim(tx);
      state.trimmedAt = performance.now();
    }
    const ends = state.endsPublishedUntil === null ? [] : await endsSince(tx, state.endsPublishedUntil);
    return { until, rows: [...returned, ...(await zeroSpeeds(tx)), ...ends], returned, replanned };
  }, transactionOptions);
  for (const { id } of found.returned) log.warn({ transferId: id }, 'batches without a sign of life go to others');
  for (const transferId of found.replanned)
    log.warn({ transferId }, 'planning without a sign of life is taken up again');
  kickDispatcher();
  let areAllTold = true;
  for (const row of found.rows) areAllTold = (await publish(row)) && areAllTold;
  if (areAllTold && found.until) state.endsPublishedUntil = found.until;
}

type Tx = Parameters<Parameters<Db['$transaction']>[0]>[0];

/**
 * A batch that nobody took in time is all right as long as its job waits in the queue behind others. A worker that has
 * begun with the job takes the batch at once, or has died before it could. While Redis is away neither can be told, and
 * nothing would be won by admitting the batch anew.
 */
async function prolongQueued(db: Db, queue: JobQueue): Promise<void> {
  const rows = await db.$queryRaw<JobPayload<'transfer.batch'>[]>`
    ${prepared}SELECT transfer_id AS "transferId", number AS "batchNumber", attempt FROM transfer_batch
    WHERE state = 'ADMITTED' AND lease_until < now() AND fence < attempt`;
  if (rows.length === 0) return;
  const idOf = jobIds['transfer.batch'];
  const ids = rows.map(idOf);
  const waiting = queue.ready
    ? new Set([...(await queue.waiting('transfer.batch', ids)), ...(await queue.waiting('transfer.express', ids))])
    : new Set(ids);
  await db.$executeRaw`
    UPDATE transfer_batch AS batch SET lease_until = now() + make_interval(secs => ${admissionLeaseMs / 1_000})
    FROM jsonb_to_recordset(${JSON.stringify(rows.filter((row) => waiting.has(idOf(row))))}::jsonb)
      AS x("transferId" uuid, "batchNumber" int, attempt int)
    WHERE batch.transfer_id = x."transferId" AND batch.number = x."batchNumber" AND batch.attempt = x.attempt
      AND batch.state = 'ADMITTED' AND batch.fence < batch.attempt`;
}

/** A plan that nobody took in time is all right for the same reason. */
async function prolongPlans(db: Db, queue: JobQueue): Promise<void> {
  const rows = await db.$queryRaw<JobPayload<'transfer.plan'>[]>`
    ${prepared}SELECT id AS "transferId", attempt FROM transfer
    WHERE state IN ('SCHEDULED', 'QUEUED', 'PLANNING', 'RUNNING') AND NOT listing_complete AND plan_lease_until < now()
      AND plan_fence < attempt`;
  if (rows.length === 0) return;
  const idOf = jobIds['transfer.plan'];
  const ids = rows.map(idOf);
  const waiting = queue.ready
    ? new Set([...(await queue.waiting('transfer.plan', ids)), ...(await queue.waiting('transfer.express-plan', ids))])
    : new Set(ids);
  await db.$executeRaw`
    UPDATE transfer SET plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000})
    FROM jsonb_to_recordset(${JSON.stringify(rows.filter((row) => waiting.has(idOf(row))))}::jsonb)
      AS x("transferId" uuid, attempt int)
    WHERE transfer.id = x."transferId" AND transfer.attempt = x.attempt AND plan_fence < transfer.attempt`;
}

/**
 * Batches whose lease ran out go back; their former holder is refused from here on, what it had in flight counts as sent no
 * more, and uploads that it may have begun are looked for. Transfers that are being written to wait for the next sweep.
 */
async function returnBatches(tx: Tx): Promise<ProgressRow[]> {
  return tx.$queryRaw<ProgressRow[]>`
    ${prepared}WITH locked AS MATERIALIZED (
      SELECT id FROM transfer
      WHERE id IN (SELECT transfer_id FROM transfer_batch WHERE state = 'ADMITTED' AND lease_until < now())
      FOR NO KEY UPDATE SKIP LOCKED
    ), returned AS (
      UPDATE transfer_batch AS batch
      SET state = 'READY', attempt = batch.attempt + 1, lease_until = NULL, bytes_in_flight = 0
      FROM locked
      WHERE batch.transfer_id = locked.id AND batch.state = 'ADMITTED' AND batch.lease_until < now()
      RETURNING batch.transfer_id, batch.number, old.bytes_in_flight, old.lease_until,
        old.fence = old.attempt AS was_held
    ), lost AS (
      ${lookForLostUploads}
    )
    UPDATE transfer SET sequence = sequence + 1, bytes_in_flight = bytes_in_flight - unsent.bytes, updated_at = now()
    FROM (SELECT transfer_id, sum(bytes_in_flight) AS bytes FROM returned GROUP BY transfer_id) AS unsent
    WHERE transfer.id = unsent.transfer_id
    RETURNING ${progressColumns}`;
}

/** Plans without a sign of life are promised again, unless the promise still waits, in the outbox or in the queue. Returns whose. */
async function replan(tx: Tx): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string; attempt: number }[]>`
    ${prepared}UPDATE transfer
    SET attempt = attempt + 1, plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000}),
      updated_at = now()
    WHERE state IN ('SCHEDULED', 'QUEUED', 'PLANNING', 'RUNNING') AND NOT listing_complete AND plan_lease_until < now()
      AND NOT EXISTS (
        SELECT 1 FROM outbox WHERE outbox.job_id = 't-' || transfer.id || '-' || transfer.attempt
      )
    RETURNING id, attempt`;
  for (const { id, attempt } of rows) await enqueue(tx, 'transfer.plan', { transferId: id, attempt });
  return rows.map(({ id }) => id);
}

async function zeroSpeeds(tx: Tx): Promise<ProgressRow[]> {
  return tx.$queryRaw<ProgressRow[]>`
    ${prepared}UPDATE transfer
    SET speed_bytes_per_second = 0, pace_bytes_per_second = 0, speed_at = NULL, speed_since = NULL,
      sequence = sequence + 1, updated_at = now()
    WHERE state = 'RUNNING' AND (speed_bytes_per_second > 0 OR pace_bytes_per_second > 0)
      AND speed_at < now() - make_interval(secs => ${speedHoldMs / 1_000})
    RETURNING ${progressColumns}`;
}

/** What finished work leaves behind and nobody reads again. */
async function trim(tx: Tx): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM transfer_batch WHERE (transfer_id, number) IN (
      SELECT batch.transfer_id, batch.number FROM transfer JOIN transfer_batch AS batch ON batch.transfer_id = transfer.id
      WHERE transfer.finished_at > now() - interval '7 days' AND batch.state = 'DONE'
        AND transfer.state IN ('COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELLED')
      LIMIT ${trimLimit}
    )`;
  await tx.$executeRaw`
    DELETE FROM transfer_name WHERE (transfer_id, name_hash) IN (
      SELECT name.transfer_id, name.name_hash FROM transfer_name AS name
      JOIN transfer ON transfer.id = name.transfer_id
      WHERE transfer.state IN ('COMPLETED', 'CANCELLED') LIMIT ${trimLimit}
    )`;
  await tx.$executeRaw`
    DELETE FROM idempotency_key WHERE (user_id, key) IN (
      SELECT user_id, key FROM idempotency_key WHERE expires_at < now() LIMIT ${trimLimit}
    )`;
  await tx.$executeRaw`
    DELETE FROM oauth_flow WHERE state_hash IN (
      SELECT state_hash FROM oauth_flow WHERE expires_at < now() LIMIT ${trimLimit}
    )`;
  await tx.$executeRaw`
    DELETE FROM path_manifest AS manifest
    WHERE used_at < now() - make_interval(days => ${manifestKeptDays}::int) AND NOT EXISTS (
      SELECT 1 FROM transfer_schedule AS schedule
      WHERE schedule.user_id = manifest.user_id
        AND schedule."order" -> 'options' -> 'filter' ->> 'manifestId' = manifest.id::text
    ) AND NOT EXISTS (
      SELECT 1 FROM transfer
      WHERE transfer.user_id = manifest.user_id AND NOT listing_complete AND finished_at IS NULL
        AND options -> 'filter' ->> 'manifestId' = manifest.id::text
    )`;
  await tx.$executeRaw`
    DELETE FROM worker_process
    WHERE seen_at < now() - make_interval(secs => ${workerRetentionMs / 1_000})`;
}

/**
 * Ends are published once more a moment after their commit: a process that died between its commit and its
 * publication, or an absent Redis, must not leave a subscriber waiting. Subscribers drop what is not newer.
 */
async function endsSince(tx: Tx, since: Date): Promise<ProgressRow[]> {
  return tx.$queryRaw<ProgressRow[]>`
    ${prepared}SELECT ${progressColumns} FROM transfer
    WHERE finished_at >= ${since}::timestamptz AND finished_at < now() - interval '1 second'
    ORDER BY finished_at LIMIT 10000`;
}
