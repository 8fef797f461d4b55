import { type Db, prepared } from '../core/db.ts';
import type { JobName } from './jobs.ts';
import { listenAlone } from './listen.ts';
import type { JobQueue } from './queue.ts';
import { createLoop } from './wake.ts';

const rowsAtOnce = 200;
const pollMs = 1_000;
const transactionOptions = { maxWait: 10_000, timeout: 30_000 };

interface OutboxRow {
  name: JobName;
  jobId: string;
  payload: object;
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

/** Relays the rows that are due. Returns whether there may be more. */
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
      SELECT job_name AS name, job_id AS "jobId", payload FROM taken ORDER BY priority DESC, id`;
    if (rows.length === 0) return false;
    await queue.add(rows.map(({ name, payload, jobId }) => ({ name, payload, id: jobId })));
    return rows.length === rowsAtOnce;
  }, transactionOptions);
}
