import { Prisma, type Transfer } from '../core/db.ts';
import type { Redis } from '../core/redis.ts';
import { type TransferProgress, topics, transferControlSchema, transferProgressSchema } from './events.ts';
import { publish } from './pubsub.ts';

/**
 * To estimates of the end, each object is as much work as so many bytes beside its own, and so is the removal of a source:
 * its requests take their time however small it is. About what a connection moves in a request's time.
 */
export const objectWorkBytes = 256 * 1024;

/** What progress tells of a transfer's row. */
export type ProgressRow = Pick<
  Transfer,
  | 'id'
  | 'userId'
  | 'sequence'
  | 'state'
  | 'listingComplete'
  | 'objectsListed'
  | 'objectsCompleted'
  | 'objectsFailed'
  | 'objectsSkipped'
  | 'objectsPlanned'
  | 'objectsVerified'
  | 'objectsExcluded'
  | 'deletionsPlanned'
  | 'deletionsCompleted'
  | 'sourceRemovalsPlanned'
  | 'sourceRemovalsCompleted'
  | 'sourceRemovalsKept'
  | 'bytesListed'
  | 'bytesPlanned'
  | 'bytesAcknowledged'
  | 'bytesVerified'
  | 'bytesInFlight'
  | 'bytesAbandoned'
  | 'bytesSkipped'
  | 'speedBytesPerSecond'
  | 'paceBytesPerSecond'
  | 'throttledUntil'
  | 'speedAt'
  | 'updatedAt'
>;

/** Columns of `transfer` that make a ProgressRow, for RETURNING and SELECT. */
export const progressColumns = Prisma.sql`transfer.id, transfer.user_id AS "userId", transfer.sequence,
  transfer.state::text AS state, transfer.listing_complete AS "listingComplete",
  transfer.objects_listed AS "objectsListed", transfer.objects_completed AS "objectsCompleted",
  transfer.objects_failed AS "objectsFailed", transfer.objects_skipped AS "objectsSkipped",
  transfer.objects_planned AS "objectsPlanned", transfer.objects_verified AS "objectsVerified",
  transfer.objects_excluded AS "objectsExcluded",
  transfer.deletions_planned AS "deletionsPlanned", transfer.deletions_completed AS "deletionsCompleted",
  transfer.source_removals_planned AS "sourceRemovalsPlanned",
  transfer.source_removals_completed AS "sourceRemovalsCompleted", transfer.source_removals_kept AS "sourceRemovalsKept",
  transfer.bytes_planned AS "bytesPlanned", transfer.bytes_listed AS "bytesListed", transfer.bytes_acknowledged AS "bytesAcknowledged",
  transfer.bytes_verified AS "bytesVerified", transfer.bytes_abandoned AS "bytesAbandoned",
  transfer.bytes_skipped AS "bytesSkipped", transfer.bytes_in_flight AS "bytesInFlight",
  transfer.speed_bytes_per_second AS "speedBytesPerSecond",
  transfer.pace_bytes_per_second AS "paceBytesPerSecond", transfer.throttled_until AS "throttledUntil",
  transfer.speed_at AS "speedAt", transfer.updated_at AS "updatedAt"`;

/** Where nothing is sent for so long while a cloud asks for patience, nothing moves. */
const heldUpMs = 3_000;

/**
 * Whether a transfer stands still until its cloud takes more. Its speed and pace are smoothed over what went before, and go on
 * from there afterwards. By the row's own times: the clocks of processes may differ.
 */
function isHeldUp({ throttledUntil, speedAt, updatedAt }: ProgressRow): boolean {
  if (throttledUntil === null || throttledUntil < updatedAt) return false;
  return speedAt === null || updatedAt.getTime() - speedAt.getTime() >= heldUpMs;
}

/** A row's counters as they travel. */
export function toProgress(row: ProgressRow): TransferProgress {
  const heldUp = isHeldUp(row);
  return {
    transferId: row.id,
    userId: row.userId,
    sequence: row.sequence.toString(),
    state: row.state,
    listingComplete: row.listingComplete,
    objectsListed: row.objectsListed.toString(),
    objectsCompleted: row.objectsCompleted.toString(),
    objectsFailed: row.objectsFailed.toString(),
    objectsSkipped: row.objectsSkipped.toString(),
    objectsPlanned: row.objectsPlanned.toString(),
    objectsVerified: row.objectsVerified.toString(),
    objectsExcluded: row.objectsExcluded.toString(),
    deletionsPlanned: row.deletionsPlanned.toString(),
    deletionsCompleted: row.deletionsCompleted.toString(),
    sourceRemovalsPlanned: row.sourceRemovalsPlanned.toString(),
    sourceRemovalsCompleted: row.sourceRemovalsCompleted.toString(),
    sourceRemovalsKept: row.sourceRemovalsKept.toString(),
    bytesListed: row.bytesListed.toString(),
    bytesPlanned: row.bytesPlanned.toString(),
    bytesAcknowledged: row.bytesAcknowledged.toString(),
    bytesVerified: row.bytesVerified.toString(),
    bytesInFlight: row.bytesInFlight.toString(),
    bytesAbandoned: row.bytesAbandoned.toString(),
    bytesSkipped: row.bytesSkipped.toString(),
    speedBytesPerSecond: heldUp ? '0' : row.speedBytesPerSecond.toString(),
    paceBytesPerSecond: heldUp ? '0' : row.paceBytesPerSecond.toString(),
    throttledUntil: row.throttledUntil?.toISOString() ?? null,
    at: new Date().toISOString(),
  };
}

/**
 * Tells subscribers of the transfer and of its owner's list about a committed row. Rejects while Redis is away; the
 * row stays the truth, and sequences tell a late message from a newer one.
 */
export async function publishTransfer(redis: Redis, row: ProgressRow): Promise<void> {
  const progress = toProgress(row);
  await Promise.all([
    publish(redis, topics.transfer(row.id), transferProgressSchema, progress),
    publish(redis, topics.userTransfers(row.userId), transferProgressSchema, progress),
  ]);
}

/**
 * Tells workers to look at a transfer's state at once. They notice by themselves within 2 s too, so a failure to
 * publish costs time only.
 */
export async function publishControl(redis: Redis, transferId: string): Promise<void> {
  await publish(redis, topics.control, transferControlSchema, { transferId });
}
