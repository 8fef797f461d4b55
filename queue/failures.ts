import type { DbSession, Transfer } from '../core/db.ts';
import type { ErrorCode } from '../core/errors.ts';
import { type PlanCheckpoint, planCheckpointSchema } from './plan-checkpoint.ts';

/**
 * Failures that the listing brought to light, of names above all: another try meets the same, an object whose name is
 * taken would overwrite the one that has it, and one outside of the source paths was never ordered. They stay failed.
 */
export const listedFailures: readonly ErrorCode[] = [
  'INVALID_INPUT',
  'NAME_COLLISION',
  'NAME_NOT_ALLOWED',
  'DESTINATION_EXISTS',
  'DESTINATION_DIFFERS',
];

const noCheckpoint: PlanCheckpoint = planCheckpointSchema.parse({ remaining: [], nextOrdinal: 0, failed: [] });
/** A transfer's checkpoint; an empty one where its planning never began. */
export const checkpointOf = (stored: unknown) => (stored === null ? noCheckpoint : planCheckpointSchema.parse(stored));

/** Failed objects of a transfer that share a reason. */
export interface Failures {
  code: ErrorCode;
  objects: number;
  bytes: bigint;
  /** As told of each of them; null: not the same of all. */
  message: string | null;
  /** How many of them are open. */
  open: number;
}

/** A transfer's failures by reason, most frequent first, by what was counted as they came: quick, however many there are. */
export async function failuresOf(db: DbSession, { id, objectsFailed }: Transfer): Promise<Failures[]> {
  if (objectsFailed === 0n) return [];
  const failures = await db.transferFailure.findMany({
    where: { transferId: id },
    orderBy: [{ objects: 'desc' }, { code: 'asc' }],
  });
  const retried = await retriedOf(db, id);
  return failures.map(({ transferId: _, ...failure }) => {
    const code = failure.code as ErrorCode;
    const left = failure.objects - (retried.get(code) ?? 0);
    return { ...failure, code, open: listedFailures.includes(code) ? 0 : Math.max(0, left) };
  });
}

/** How many failures of a transfer follow-ups have, and cancelled ones have got done, by error code. */
async function retriedOf(db: DbSession, id: string): Promise<Map<string, number>> {
  const followUps = await db.transfer.findMany({
    where: { retryOfId: id },
    select: { id: true, state: true, planCheckpoint: true },
  });
  const retried = new Map<string, number>();
  const add = (code: string, count: number) => retried.set(code, (retried.get(code) ?? 0) + count);
  const cancelled = followUps.filter(({ state }) => state === 'CANCELLED').map((followUp) => followUp.id);
  for (const { state, planCheckpoint } of followUps) {
    if (state === 'CANCELLED') continue;
    for (const [code, count] of Object.entries(checkpointOf(planCheckpoint).retried)) add(code, count);
  }
  if (cancelled.length === 0) return retried;
  const done = await db.$queryRaw<{ code: string; count: number }[]>`
    SELECT coalesce(item.error_code, 'INTERNAL') AS code, count(DISTINCT item.ordinal)::int AS count
    FROM transfer_item AS done JOIN transfer_item AS item USING (ordinal)
    WHERE done.transfer_id = ANY(${cancelled}::uuid[]) AND done.state IN ('COMPLETED', 'SKIPPED')
      AND item.transfer_id = ${id}::uuid AND item.state = 'FAILED'
    GROUP BY 1`;
  for (const { code, count } of done) add(code, count);
  return retried;
}

/** Whether `retryFailedItems` would find something to try again, at accounts that are still connected. */
export async function canRetryFailed(db: DbSession, row: Transfer): Promise<boolean> {
  if (row.state !== 'COMPLETED_WITH_ERRORS' && row.state !== 'FAILED') return false;
  const gone = await db.cloudAccount.count({
    where: { id: { in: [row.sourceAccountId, row.destinationAccountId] }, status: 'DISCONNECTED' },
  });
  return gone === 0 && (await failuresOf(db, row)).some(({ open }) => open > 0);
}
