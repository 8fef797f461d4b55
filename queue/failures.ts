import { type DbSession, Prisma, type Transfer } from '../core/db.ts';
import type { ErrorCode } from '../core/errors.ts';
import { type PlanCheckpoint, planCheckpointSchema } from './plan-checkpoint.ts';

/**
 * Failures that the listing brought to light, of names above all: another try meets the same, an object whose name is
 * taken would overwrite the one that has it. They stay failed, as does a path of a manifest that lies below no source path
 * (INVALID_INPUT).
 */
export const listedFailures: readonly ErrorCode[] = [
  'INVALID_INPUT',
  'NAME_COLLISION',
  'NAME_NOT_ALLOWED',
  'DESTINATION_EXISTS',
  'DESTINATION_DIFFERS',
];

/** Of deletions that a plan dropped, because not everything could be listed, so that nobody knew what is extra. */
export const droppedCode: ErrorCode = 'LISTING_INCOMPLETE';

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
  const retried = await retriedOf(db, id, await followUpsOf(db, id));
  return failures.map(({ transferId: _, ...failure }) => {
    const code = failure.code as ErrorCode;
    const left = Math.max(0, failure.objects - (retried.get(code) ?? 0));
    return { ...failure, code, open: listedFailures.includes(code) ? 0 : left };
  });
}

/** What follow-ups of a transfer have of it. */
export interface FollowUps {
  ids: readonly string[];
  /** Those of them that are cancelled: what they did not get done is open again. */
  cancelled: readonly string[];
  /** How many failed objects and dropped deletions the others have, by error code. */
  retried: ReadonlyMap<string, number>;
  /** Items of source paths that the others list again. */
  relisted: ReadonlySet<number>;
  /** Whether all of these are listed well: before, nobody knows what is extra. */
  areListed: boolean;
}

export async function followUpsOf(db: DbSession, id: string): Promise<FollowUps> {
  const rows = await db.transfer.findMany({
    where: { retryOfId: id },
    select: { id: true, state: true, planCheckpoint: true, listingComplete: true },
  });
  const retried = new Map<string, number>();
  const relisted = new Set<number>();
  let areListed = true;
  for (const { state, planCheckpoint, listingComplete } of rows) {
    if (state === 'CANCELLED') continue;
    const checkpoint = checkpointOf(planCheckpoint);
    for (const [code, count] of Object.entries(checkpoint.retried)) retried.set(code, (retried.get(code) ?? 0) + count);
    for (const { ordinal } of checkpoint.relisted) relisted.add(ordinal);
    areListed &&= checkpoint.relisted.length === 0 || (listingComplete && checkpoint.failed.length === 0);
  }
  const cancelled = rows.filter(({ state }) => state === 'CANCELLED').map((row) => row.id);
  return { ids: rows.map((row) => row.id), cancelled, retried, relisted, areListed };
}

/** Rows of `transfer_item AS theirs` of which another try is not needed. */
export const isDone = Prisma.sql`(theirs.state = 'COMPLETED' OR (theirs.state = 'SKIPPED'
  AND theirs.error_code IS DISTINCT FROM ${droppedCode}))`;

/** How many failed objects and dropped deletions of a transfer follow-ups have, and cancelled ones have got done, by error code. */
async function retriedOf(db: DbSession, id: string, followUps: FollowUps): Promise<ReadonlyMap<string, number>> {
  if (followUps.cancelled.length === 0) return followUps.retried;
  // An object that was under way when its follow-up was cancelled may end after another one took it.
  const others = followUps.ids.filter((one) => !followUps.cancelled.includes(one));
  const done = await db.$queryRaw<{ code: string; count: number }[]>`
    SELECT coalesce(item.error_code, 'INTERNAL') AS code, count(DISTINCT item.ordinal)::int AS count
    FROM transfer_item AS theirs JOIN transfer_item AS item USING (ordinal)
    WHERE theirs.transfer_id = ANY(${followUps.cancelled}::uuid[]) AND ${isDone}
      AND NOT EXISTS (SELECT 1 FROM transfer_item AS again
        WHERE again.transfer_id = ANY(${others}::uuid[]) AND again.ordinal = theirs.ordinal)
      AND item.transfer_id = ${id}::uuid AND (item.state = 'FAILED' OR item.error_code = ${droppedCode})
    GROUP BY 1`;
  const retried = new Map(followUps.retried);
  for (const { code, count } of done) retried.set(code, (retried.get(code) ?? 0) + count);
  return retried;
}

/** Whether `retryFailedItems` would find something to try again, at accounts that are still connected. */
export async function canRetryFailed(db: DbSession, row: Transfer): Promise<boolean> {
  if (row.state !== 'COMPLETED_WITH_ERRORS' && row.state !== 'FAILED') return false;
  const gone = await db.cloudAccount.count({
    where: { id: { in: [row.sourceAccountId, row.destinationAccountId] }, status: 'DISCONNECTED' },
  });
  if (gone > 0) return false;
  return (await failuresOf(db, row)).some(({ open }) => open > 0) || hasOpenDrops(db, row);
}

/** Whether deletions that the plan dropped can be made up for: what was not listed then is by now. */
async function hasOpenDrops(db: DbSession, { id, planCheckpoint }: Transfer): Promise<boolean> {
  const { totals, failed } = checkpointOf(planCheckpoint);
  const dropped = totals[droppedCode]?.objects ?? 0;
  if (dropped === 0) return false;
  const followUps = await followUpsOf(db, id);
  if (!followUps.areListed || failed.some(({ ordinal }) => !followUps.relisted.has(ordinal))) return false;
  return dropped > ((await retriedOf(db, id, followUps)).get(droppedCode) ?? 0);
}
