import { setTimeout as delay } from 'node:timers/promises';
import type { Tier } from '../../core/config.ts';
import { type Db, Prisma, prepared } from '../../core/db.ts';
import { jobIds } from '../../queue/jobs.ts';
import type { JobQueue } from '../../queue/queue.ts';
import { createLoop } from '../../queue/wake.ts';
import { type AdmissionRow, admission } from './admission.ts';
import { giveBack } from './take-batch.ts';

const pollMs = 1_000;
/** While another process is at it, one looks again so soon: it may have begun before what woke this one. */
const busyRetryMs = 20;

/**
 * Admits ready batches to the queue, which holds only a short window, so that one user's million objects never stand
 * before another's single one. Any number of processes may do it; they take turns. Woken when batches become ready or
 * done, and polling besides.
 */
export function startDispatcher(options: {
  db: Db;
  queue: JobQueue;
  tiers: readonly Tier[];
  onError: (error: unknown) => void;
}) {
  const statement = admission(options.tiers);
  return createLoop(
    async () => {
      if ((await dispatch(options.db, options.queue, statement)) !== null) return false;
      await delay(busyRetryMs);
      return true;
    },
    pollMs,
    options.onError,
  );
}

/**
 * One round of admission. Returns how many batches were handed to the queue; null: another process is
 * or was at it meanwhile, and what it left is not known yet.
 *
 * @param statement `admission` under the tiers' limits.
 */
export async function dispatch(db: Db, queue: JobQueue, statement: Prisma.Sql): Promise<number | null> {
  if (!queue.ready) return 0;
  // Batches that end kick too, and mostly nothing waits: choosing among none costs ten times as much as looking.
  const [waiting] = await db.$queryRaw<{ any: boolean }[]>(anyReady);
  if (!waiting?.any) return 0;
  const rows = await db.$queryRaw<AdmissionRow[]>(statement);
  const jobs = rows.flatMap(({ transferId, number: batchNumber, attempt, isExpress }) => {
    if (transferId === null) return [];
    const payload = { transferId, batchNumber, attempt };
    const name = isExpress ? 'transfer.express' : 'transfer.batch';
    return [{ name, payload, id: jobIds[name](payload) } as const];
  });
  if (jobs.length === 0) return rows[0]?.isIdle ? 0 : null;
  try {
    await queue.add(jobs);
  } catch (error) {
    // Redis went away in between: the batches wait for the next round.
    await giveBack(
      db,
      jobs.map(({ payload }) => payload),
    );
    throw error;
  }
  return jobs.length;
}

const anyReady = Prisma.sql`${prepared}SELECT EXISTS (SELECT FROM transfer_batch WHERE state = 'READY') AS any`;
