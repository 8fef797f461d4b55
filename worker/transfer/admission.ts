import type { Tier } from '../../core/config.ts';
import { Prisma, prepared } from '../../core/db.ts';
import { priorityWeights } from '../../queue/transfer.ts';

/** Batches handed to the queue per slot of all living workers: one that moves, one that waits behind it. */
const windowPerSlot = 2;
/** After so long the sweeper looks whether the job of a batch that nobody took is still there. */
export const admissionLeaseMs = 15_000;
/** First key of the advisory locks of this product's workers. */
export const advisoryLockSpace = 0x5b1f;
const dispatchLock = 1;
/** Objects of one batch that relays move at a time, and that clouds move by themselves: no bytes pass through here. */
export const mostRelays = 16;
export const mostByCloud = 32;

/** One admitted batch; where there is none, one row that only tells whether that is so because nothing could be chosen. */
export interface AdmissionRow {
  isIdle: boolean;
  transferId: string | null;
  number: number;
  attempt: number;
  /** Whether it goes to the slots for those who have nothing under way. */
  isExpress: boolean;
}

/** Stands in the text: a statement without parameters is never planned anew, and this one takes ten times as long to plan as to run. */
const constant = (value: number) => Prisma.raw(String(value));
/** Names of tiers hold no quotes. */
const quoted = (name: string) => Prisma.raw(`'${name}'`);

/**
 * The statement that chooses batches for the free part of the window. Users share it equally; within a user, transfers
 * share by the weight of their priority. A transfer's n-th batch beyond those it has under way ranks at n / weight; among
 * equals, whoever was admitted longest ago comes first. Batches of a cancelled transfer are admitted too: their holder
 * drops what was begun.
 *
 * A batch of somebody who has none under way goes to slots of its own, as many as the others, where all of those are taken:
 * however long the batches of others hold them, it never waits for one of theirs to end.
 *
 * Where objects under way are limited, of the transfer by its options and of its user and accounts by the user's tier,
 * each batch is told how many its holder moves at a time, so that together they never exceed the limit, whoever
 * holds them.
 *
 * One statement, whose snapshot may be a little older than the end of another process's turn: then it admits nothing of
 * the transfers that the other one served, so that a transfer's limit holds exactly. The window and the limits of tiers may
 * be exceeded for a moment by what others are given.
 */
export function admission(tiers: readonly Tier[]): Prisma.Sql {
  const tierRows = tiers.map(
    ({ name, userObjects, accountObjects }) =>
      Prisma.sql`(${quoted(name)}, ${constant(userObjects)}, ${constant(accountObjects)})`,
  );
  return Prisma.sql`
  ${prepared}WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(${constant(advisoryLockSpace)}, ${constant(dispatchLock)}) AS is_ours
  ), free AS MATERIALIZED (
    SELECT greatest(0, slots * ${constant(windowPerSlot)} - usual)::int AS batches,
      greatest(0, slots - usual)::int AS idle, greatest(0, slots - express)::int AS express
    FROM turn,
      LATERAL (
        SELECT coalesce(sum(slots), 0) AS slots FROM worker_process
        WHERE is_ours AND seen_at > now() - interval '30 seconds'
      ) AS living,
      LATERAL (
        SELECT count(*) FILTER (WHERE NOT express) AS usual, count(*) FILTER (WHERE express) AS express
        FROM transfer_batch WHERE state = 'ADMITTED'
      ) AS admitted
    WHERE is_ours
  ), tier (name, user_objects, account_objects) AS (
    ${tiers.length > 0 ? Prisma.sql`VALUES ${Prisma.join(tierRows)}` : Prisma.raw('SELECT NULL, 0, 0 WHERE false')}
  ), under_way AS MATERIALIZED (
    SELECT transfer_id, count(*) AS batches,
      sum(coalesce(concurrency, least(item_count, ${constant(mostByCloud)}))) AS objects
    FROM transfer_batch WHERE state = 'ADMITTED' GROUP BY transfer_id
  ), busy AS MATERIALIZED (
    SELECT transfer.user_id, transfer.source_account_id, transfer.destination_account_id, batches, objects
    FROM under_way JOIN transfer ON transfer.id = under_way.transfer_id
  ), users AS (
    SELECT user_id, sum(batches) AS batches, sum(objects) AS objects FROM busy GROUP BY user_id
  ), sources AS (
    SELECT source_account_id, sum(objects) AS objects FROM busy GROUP BY source_account_id
  ), destinations AS (
    SELECT destination_account_id, sum(objects) AS objects FROM busy GROUP BY destination_account_id
  ), waiting AS (
    SELECT transfer.id, transfer.user_id, transfer.source_account_id, transfer.destination_account_id, admitted_at,
      coalesce(under_way.batches, 0) AS under_way,
      CASE priority
        WHEN 'HIGH' THEN ${constant(priorityWeights.HIGH)}
        WHEN 'NORMAL' THEN ${constant(priorityWeights.NORMAL)}
        ELSE ${constant(priorityWeights.LOW)}
      END AS weight, priority,
      coalesce(users.batches, 0) AS user_batches,
      -- How many objects more; null: any number.
      (options->>'concurrency')::int - coalesce(under_way.objects, 0) AS room,
      tier.user_objects - coalesce(users.objects, 0) AS user_room,
      tier.account_objects - coalesce(sources.objects, 0) AS source_room,
      tier.account_objects - coalesce(destinations.objects, 0) AS destination_room
    FROM transfer
    JOIN "user" ON "user".id = transfer.user_id
    LEFT JOIN tier ON tier.name = "user".tier
    LEFT JOIN under_way ON under_way.transfer_id = transfer.id
    LEFT JOIN users ON users.user_id = transfer.user_id
    LEFT JOIN sources ON sources.source_account_id = transfer.source_account_id
    LEFT JOIN destinations ON destinations.destination_account_id = transfer.destination_account_id
    WHERE batches_listed - batches_done > coalesce(under_way.batches, 0)
      AND (state = 'RUNNING' OR (state = 'CANCELLED' AND finished_at > now() - interval '7 days'))
      AND ((SELECT batches FROM free) > 0 OR (users.user_id IS NULL AND (SELECT express FROM free) > 0))
  ), open AS (
    SELECT * FROM (
      SELECT able.*,
        row_number() OVER (PARTITION BY user_id, priority ORDER BY admitted_at NULLS FIRST, id) AS place,
        dense_rank() OVER (ORDER BY user_batches, user_admitted_at NULLS FIRST, user_id) AS user_place
      FROM (
        SELECT waiting.*, max(admitted_at) OVER (PARTITION BY user_id) AS user_admitted_at
        FROM waiting
        WHERE least(room, user_room, source_room, destination_room, 1) > 0 AND EXISTS (
          SELECT FROM transfer_batch AS batch WHERE batch.transfer_id = waiting.id AND ${canBeAdmitted}
        )
      ) AS able
    ) AS placed
    -- No more users, nor of a user's transfers of one priority, can be served than there is room.
    WHERE place <= (SELECT batches + express FROM free) AND user_place <= (SELECT batches + express FROM free)
  ), ranked AS (
    SELECT open.*, ready.number,
      (open.under_way + row_number() OVER (PARTITION BY open.id ORDER BY ready.number))::float8 / open.weight AS turn,
      least(ready.objects, open.room - ready.objects_before)::int AS objects
    FROM open
    CROSS JOIN LATERAL (
      SELECT number, least(item_count, ${constant(mostRelays)}) AS objects,
        coalesce(sum(least(item_count, ${constant(mostRelays)})) OVER (${everythingBefore('number')}), 0) AS objects_before
      FROM transfer_batch AS batch
      WHERE batch.transfer_id = open.id AND ${canBeAdmitted}
      ORDER BY number LIMIT (SELECT batches + express FROM free)
    ) AS ready
    WHERE coalesce(ready.objects_before < open.room, true)
  ), fitting AS (
    ${
      tiers.length === 0
        ? Prisma.raw('SELECT * FROM ranked')
        : within(
            within(
              within(Prisma.raw('SELECT * FROM ranked'), 'source_account_id', 'source_room'),
              'destination_account_id',
              'destination_room',
            ),
            'user_id',
            'user_room',
          )
    }
  ), ordered AS (
    -- Those who have nothing under way stand first, each with one batch.
    SELECT *, row_number() OVER (ORDER BY user_turn, user_admitted_at NULLS FIRST, turn, id) AS position,
      count(*) FILTER (WHERE user_turn = 1) OVER () AS firsts
    FROM (
      SELECT *, user_batches
        + row_number() OVER (PARTITION BY user_id ORDER BY turn, admitted_at NULLS FIRST, id) AS user_turn
      FROM fitting
    ) AS fitting
  ), chosen AS (
    SELECT id, number, admitted_at,
      CASE WHEN room IS NOT NULL OR user_room IS NOT NULL THEN objects END AS concurrency,
      position > idle AND position <= idle + expressed AS express
    FROM ordered, free, LATERAL (SELECT least(greatest(firsts - idle, 0), free.express) AS expressed) AS taken
    WHERE position <= batches + expressed
  ), served AS (
    UPDATE transfer SET admitted_at = clock_timestamp()
    FROM (SELECT DISTINCT id, admitted_at FROM chosen) AS due
    WHERE transfer.id = due.id AND transfer.admitted_at IS NOT DISTINCT FROM due.admitted_at
      AND state IN ('RUNNING', 'CANCELLED')
    RETURNING transfer.id
  ), admitted AS (
    UPDATE transfer_batch AS batch
    SET state = 'ADMITTED', concurrency = chosen.concurrency, express = chosen.express,
      lease_until = now() + make_interval(secs => ${constant(admissionLeaseMs / 1_000)})
    FROM chosen JOIN served ON served.id = chosen.id
    WHERE batch.transfer_id = chosen.id AND batch.number = chosen.number AND batch.state = 'READY'
    RETURNING batch.transfer_id, batch.number, batch.attempt, batch.express
  )
  SELECT turn.is_ours AND NOT EXISTS (SELECT FROM chosen) AS "isIdle", admitted.transfer_id AS "transferId", admitted.number, admitted.attempt,
    admitted.express AS "isExpress"
  FROM turn LEFT JOIN admitted ON true`;
}

const canBeAdmitted = Prisma.raw("batch.state = 'READY' AND (batch.not_before IS NULL OR batch.not_before <= now())");

const everythingBefore = (order: string) =>
  Prisma.raw(`ORDER BY ${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING`);

/** The batches of `from` that find room with what `by` names, in their order; the last of them as many objects as do. */
function within(from: Prisma.Sql, by: string, room: string): Prisma.Sql {
  return Prisma.sql`
    SELECT id, user_id, source_account_id, destination_account_id, admitted_at, number, turn, user_batches,
      user_admitted_at, room,
      source_room, destination_room, user_room, least(objects, ${Prisma.raw(room)} - coalesce(objects_before, 0))::int AS objects
    FROM (
      SELECT *, sum(objects) OVER (
        PARTITION BY ${Prisma.raw(by)} ${everythingBefore('turn, admitted_at NULLS FIRST, id, number')}
      ) AS objects_before
      FROM (${from}) AS batch
    ) AS batch
    WHERE coalesce(coalesce(objects_before, 0) < ${Prisma.raw(room)}, true)`;
}
