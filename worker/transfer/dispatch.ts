import { setTimeout as delay } from 'node:timers/promises';
import { type Db, Prisma, prepared } from '../../core/db.ts';
import { jobIds } from '../../queue/jobs.ts';
import type { JobQueue } from '../../queue/queue.ts';
import { priorityWeights } from '../../queue/transfer.ts';
import { createLoop } from '../../queue/wake.ts';
import { giveBack } from './take-batch.ts';

/** Batches handed to the queue per slot of all living workers: one that moves, one that waits behind it. */
const windowPerSlot = 2;
/** After so long the sweeper looks whether the job of a batch that nobody took is still there. */
export const admissionLeaseMs = 15_000;
const pollMs = 1_000;
/** First key of the advisory locks of this product's workers. */
export const advisoryLockSpace = 0x5b1f;
const dispatchLock = 1;
/** While another process is at it, one looks again so soon: it may have begun before what woke this one. */
const busyRetryMs = 20;

/** One admitted batch; where there is none, one row that only tells whose turn it was. */
interface AdmissionRow {
  isOurTurn: boolean;
  transferId: string | null;
  number: number;
  attempt: number;
}

/**
 * Admits ready batches to the queue, which holds only a short window, so that one user's million objects never stand
 * before another's single one. Any number of processes may do it; they take turns. Woken when batches become ready or
 * done, and polling besides.
 */
export function startDispatcher(options: { db: Db; queue: JobQueue; onError: (error: unknown) => void }) {
  return createLoop(
    async () => {
      if ((await dispatch(options.db, options.queue)) !== null) return false;
      await delay(busyRetryMs);
      return true;
    },
    pollMs,
    options.onError,
  );
}

/** One round of admission. Returns how many batches were handed to the queue; null while another process is at it. */
export async function dispatch(db: Db, queue: JobQueue): Promise<number | null> {
  if (!queue.ready) return 0;
  // Batches that end kick too, and mostly nothing waits: choosing among none costs ten times as much as looking.
  const [waiting] = await db.$queryRaw<{ any: boolean }[]>(anyReady);
  if (!waiting?.any) return 0;
  const rows = await db.$queryRaw<AdmissionRow[]>(admission);
  const jobs = rows.flatMap(({ transferId, number: batchNumber, attempt }) => {
    if (transferId === null) return [];
    const payload = { transferId, batchNumber, attempt };
    return [{ name: 'transfer.batch' as const, payload, id: jobIds['transfer.batch'](payload) }];
  });
  if (jobs.length === 0) return rows[0]?.isOurTurn ? 0 : null;
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

/** Stands in the text: a statement without parameters is never planned anew, and this one takes ten times as long to plan as to run. */
const constant = (value: number) => Prisma.raw(String(value));

const anyReady = Prisma.sql`${prepared}SELECT EXISTS (SELECT FROM transfer_batch WHERE state = 'READY') AS any`;

/**
 * Chooses batches for the free part of the window. Users share it equally; within a user, transfers share by the
 * weight of their priority. A transfer's n-th batch beyond those it has under way ranks at n / weight; among equals,
 * whoever was admitted longest ago comes first. Batches of a cancelled transfer are admitted too: their holder drops
 * what was begun.
 *
 * One statement, whose snapshot may be a little older than the end of another process's turn: then the window is
 * overfilled for a moment, and still no batch is admitted twice.
 */
const admission = Prisma.sql`
  ${prepared}WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(${constant(advisoryLockSpace)}, ${constant(dispatchLock)}) AS is_ours
  ), free AS MATERIALIZED (
    SELECT greatest(0,
      (SELECT coalesce(sum(slots), 0) FROM worker_process WHERE seen_at > now() - interval '30 seconds')
        * ${constant(windowPerSlot)}
      - (SELECT count(*) FROM transfer_batch WHERE state = 'ADMITTED')
    )::int AS batches
    FROM turn WHERE is_ours
  ), under_way AS MATERIALIZED (
    SELECT transfer_id, count(*) AS batches FROM transfer_batch WHERE state = 'ADMITTED' GROUP BY transfer_id
  ), open AS (
    SELECT * FROM (
      SELECT transfer.id, user_id, admitted_at, coalesce(under_way.batches, 0) AS under_way,
        CASE priority
          WHEN 'HIGH' THEN ${constant(priorityWeights.HIGH)}
          WHEN 'NORMAL' THEN ${constant(priorityWeights.NORMAL)}
          ELSE ${constant(priorityWeights.LOW)}
        END AS weight,
        row_number() OVER (PARTITION BY user_id, priority ORDER BY admitted_at NULLS FIRST, transfer.id) AS place
      FROM transfer LEFT JOIN under_way ON under_way.transfer_id = transfer.id
      WHERE batches_listed - batches_done > coalesce(under_way.batches, 0)
        AND (state = 'RUNNING' OR (state = 'CANCELLED' AND finished_at > now() - interval '7 days'))
        AND (SELECT batches FROM free) > 0
    ) AS waiting
    -- No more of a user's transfers of one priority can be served than there is room.
    WHERE place <= (SELECT batches FROM free)
  ), ranked AS (
    SELECT open.id, open.user_id, open.admitted_at, ready.number,
      (open.under_way + row_number() OVER (PARTITION BY open.id ORDER BY ready.number))::float8 / open.weight AS turn
    FROM open
    CROSS JOIN LATERAL (
      SELECT number FROM transfer_batch AS batch
      WHERE batch.transfer_id = open.id AND batch.state = 'READY'
        AND (batch.not_before IS NULL OR batch.not_before <= now())
      ORDER BY number LIMIT (SELECT batches FROM free)
    ) AS ready
  ), users AS (
    SELECT transfer.user_id, sum(under_way.batches) AS batches
    FROM under_way JOIN transfer ON transfer.id = under_way.transfer_id GROUP BY transfer.user_id
  ), chosen AS (
    SELECT ranked.id, ranked.number
    FROM ranked LEFT JOIN users ON users.user_id = ranked.user_id
    ORDER BY
      coalesce(users.batches, 0) + row_number() OVER (
        PARTITION BY ranked.user_id ORDER BY ranked.turn, ranked.admitted_at NULLS FIRST, ranked.id
      ),
      max(ranked.admitted_at) OVER (PARTITION BY ranked.user_id) NULLS FIRST,
      ranked.turn, ranked.id
    LIMIT (SELECT batches FROM free)
  ), served AS (
    UPDATE transfer SET admitted_at = clock_timestamp()
    WHERE id IN (SELECT id FROM chosen) AND state IN ('RUNNING', 'CANCELLED')
    RETURNING id
  ), admitted AS (
    UPDATE transfer_batch AS batch
    SET state = 'ADMITTED', lease_until = now() + make_interval(secs => ${constant(admissionLeaseMs / 1_000)})
    FROM chosen JOIN served ON served.id = chosen.id
    WHERE batch.transfer_id = chosen.id AND batch.number = chosen.number AND batch.state = 'READY'
    RETURNING batch.transfer_id, batch.number, batch.attempt
  )
  SELECT turn.is_ours AS "isOurTurn", admitted.transfer_id AS "transferId", admitted.number, admitted.attempt
  FROM turn LEFT JOIN admitted ON true`;
