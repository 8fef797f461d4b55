import { type Db, prepared } from '../core/db.ts';
import type { JobName } from './jobs.ts';
import { listenAlone } from './listen.ts';
import type { JobQueue, QueuedJob } from './queue.ts';
import { createLoop } from './wake.ts';

const rowsAtOnce = 200;
const pollMs = 1_000;
const transactionOptions = { maxWait: 10_000, timeout: 30_000 };

/** Older plans of a user beyond so many make no difference. */
const mostOlder = 1_000;

interface OutboxRow {
  name: JobName;
  jobId: string;
  payload: object;
  /** Of a plan: older transfers of its user that are due and not listed; null: anything else. */
  older: number | null;
}

/**
 * Moves promised jobs from the outbox to BullMQ: rows are locked (any number of processes may do it), handed over and
 * deleted in one transaction, so that each arrives at least once. One of the processes is woken by Postgres' notification;
 * all poll in case one was lost and for rows that are due later. Rows stay where they are while Redis is away.
 */
export function startOutboxRelay(options: {
  db: Db;
  /** For LISTEN. */
  directUrl: string;
  queue: JobQueue;
  onError: (error: unknown) => void;
}): { kick(): void; stop(): Promise<void> } {
  const { db, queue } = options;
  const loop = createLoop(() => relayOutbox(db, queue), pollMs, options.onError);
  const listener = listenAlone(options.directUrl, 'skyferry_outbox', loop.kick);
  return {
    kick: loop.kick,
    async stop() {
      await Promise.all([listener.stop(), loop.stop()]);
    },
  };
}

/**
 * Relays the rows that are due. Returns whether there may be more.
 *
 * Plans wait by the place that they have among those of their user, so that one user's hundreds never stand before another's
 * few; the first of each goes to slots of its own, which long listings of one user never fill.
 */
export async function relayOutbox(db: Db, queue: JobQueue): Promise<boolean> {
  if (!queue.ready) return false;
  return db.$transaction(async (tx) => {
    const rows = await tx.$queryRaw<OutboxRow[]>`
      ${prepared}WITH due AS MATERIALIZED (
        SELECT id FROM outbox
        WHERE available_at <= now() ORDER BY priority DESC, id LIMIT ${rowsAtOnce} FOR UPDATE SKIP LOCKED
      ), taken AS (
        DELETE FROM outbox USING due WHERE outbox.id = due.id
        RETURNING outbox.id, priority, job_name, job_id, payload
      )
      SELECT job_name AS name, job_id AS "jobId", payload, place.older FROM taken
      LEFT JOIN transfer AS own ON job_name = 'transfer.plan' AND own.id = (payload->>'transferId')::uuid
      LEFT JOIN LATERAL (
        SELECT count(*)::int AS older FROM (
          SELECT FROM transfer AS other
          WHERE other.user_id = own.user_id AND other.id < own.id
            AND NOT other.listing_complete AND other.finished_at IS NULL AND other.state <> 'PAUSED'
            AND (other.start_at IS NULL OR other.start_at <= now())
          LIMIT ${mostOlder}
        ) AS other
      ) AS place ON own.id IS NOT NULL
      ORDER BY taken.priority DESC, taken.id`;
    if (rows.length === 0) return false;
    await queue.add(rows.map(toJob));
    return rows.length === rowsAtOnce;
  }, transactionOptions);
}

function toJob({ name, payload, jobId, older }: OutboxRow): QueuedJob {
  if (older === 0) return { name: 'transfer.express-plan', payload, id: jobId };
  return { name, payload, id: jobId, ...(older !== null && { priority: older }) };
}
