import type { Db } from '../../../core/db.ts';
import type { PlanEstimate, Workload } from '../../../queue/plan-estimate.ts';
import { bothCosts, costOf, type PriceTable } from './prices.ts';

/**
 * What is assumed of a pair that no transfer has measured (docs/prices.md): to begin with, a second; then so many bytes and
 * objects a second when all goes well, and a twentieth of that when it goes slowly.
 */
const beginMs = 1_000;
const fastBytesPerMs = (100 * 1024 * 1024) / 1_000;
const fastObjectsPerMs = 400 / 1_000;
const slowFactor = 20;

/** Former transfers that a duration is measured by, at the most, and how far back. */
const mostMeasured = 10;
const measuredDays = 90;
/** One that had less than this share of the work says nothing about it. */
const comparableShare = 0.1;
/** How far the next one may lie outside of what was measured. */
const margin = 1.25;

export interface EstimateOrder {
  userId: string;
  sourceId: string;
  destinationId: string;
  /** Bytes a second that pass through workers; null: no limit. */
  bandwidthLimit: bigint | null;
}

/** What carrying out a plan comes to. */
export async function estimateOf(
  db: Db,
  prices: PriceTable,
  order: EstimateOrder,
  workload: Workload,
): Promise<PlanEstimate> {
  const facts = { select: { provider: true, identity: true, settings: true } } as const;
  const [from, to] = await Promise.all([
    db.cloudAccount.findUniqueOrThrow({ where: { id: order.sourceId }, ...facts }),
    db.cloudAccount.findUniqueOrThrow({ where: { id: order.destinationId }, ...facts }),
  ]);
  const [sourceCost, destinationCost] = [
    costOf(prices, from, workload.source),
    costOf(prices, to, workload.destination),
  ];
  return {
    source: { ...workload.source, cost: sourceCost },
    destination: { ...workload.destination, cost: destinationCost },
    cost: bothCosts(sourceCost, destinationCost),
    duration: await durationOf(db, order, workload),
  };
}

async function durationOf(db: Db, order: EstimateOrder, workload: Workload): Promise<PlanEstimate['duration']> {
  if (workload.objects === 0) return { lowMs: 0, highMs: 0, measuredTransfers: 0 };
  const fastMs = fastMsOf(workload);
  const factors = (await formerTransfers(db, order))
    .map(({ objects, bytes, ms }) => ({ ms, fastMs: fastMsOf({ objects: Number(objects), bytes: Number(bytes) }) }))
    .filter((former) => former.fastMs >= fastMs * comparableShare)
    .map((former) => former.ms / former.fastMs);
  const [low, high] =
    factors.length === 0 ? [1, slowFactor] : [Math.min(...factors) / margin, Math.max(...factors) * margin];
  const limitedMs = order.bandwidthLimit === null ? 0 : (workload.relayedBytes / Number(order.bandwidthLimit)) * 1_000;
  return {
    lowMs: Math.ceil(Math.max(fastMs * low, limitedMs)),
    highMs: Math.ceil(Math.max(fastMs * high, limitedMs)),
    measuredTransfers: factors.length,
  };
}

function fastMsOf({ objects, bytes }: { objects: number; bytes: number }): number {
  return beginMs + bytes / fastBytesPerMs + objects / fastObjectsPerMs;
}

interface FormerTransfer {
  objects: bigint;
  bytes: bigint;
  /** From when it could move, to its end. */
  ms: number;
}

function formerTransfers(db: Db, { userId, sourceId, destinationId }: EstimateOrder): Promise<FormerTransfer[]> {
  return db.$queryRaw<FormerTransfer[]>`
    SELECT objects_completed AS objects, bytes_acknowledged AS bytes,
      (extract(epoch FROM finished_at - greatest(started_at, approved_at)) * 1000)::float8 AS ms
    FROM transfer
    WHERE user_id = ${userId}::uuid AND source_account_id = ${sourceId}::uuid
      AND destination_account_id = ${destinationId}::uuid AND mode <> 'VERIFY' AND objects_completed > 0
      AND state IN ('COMPLETED', 'COMPLETED_WITH_ERRORS')
      AND finished_at > now() - make_interval(days => ${measuredDays}::int)
    ORDER BY finished_at DESC LIMIT ${mostMeasured}::int`;
}
