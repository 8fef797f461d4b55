import type { TransferState as TransferStateValue } from '../../core/db.ts';
import type { TransferProgress as Progress } from '../../queue/events.ts';
import { objectWorkBytes } from '../../queue/progress.ts';
import { builder } from '../builder.ts';

export const TransferState = builder.enumType('TransferState', {
  description: 'Where a transfer stands.',
  values: {
    SCHEDULED: { description: 'Waits for its start time.' },
    QUEUED: { description: 'Waits for a worker.' },
    PLANNING: { description: 'A dry run is being planned; nothing moves.' },
    AWAITING_APPROVAL: {
      description: 'Waits for `approveTransfer`: its plan is complete, or it would delete more than its limit allows.',
    },
    RUNNING: { description: 'Lists, moves, or both.' },
    PAUSED: { description: 'Stopped by its owner; resumes where it was.' },
    COMPLETED: { description: 'Ended: every object arrived and was verified.' },
    COMPLETED_WITH_ERRORS: { description: 'Ended: some objects failed. They can be retried.' },
    FAILED: { description: 'Ended: nothing arrived, or it could not go on. It can be retried.' },
    CANCELLED: { description: 'Ended by its owner.' },
  } satisfies Record<TransferStateValue, { description: string }>,
});

const maxInt = 2_147_483_647;
/** Counts above GraphQL's Int hardly occur in practice; they show as the largest Int. */
export const toInt = (count: string | number) => Math.min(Number(count), maxInt);

/**
 * Whole milliseconds until everything that was listed is done, at the pace of late, which is smoothed over longer than the
 * speed that is shown, and counts objects and removals of sources beside bytes; at most the largest Int.
 * null while listing goes on, nothing moves, or nothing is left.
 */
export function etaMs(progress: Progress): number | null {
  const pace = Number(progress.paceBytesPerSecond);
  if (progress.state !== 'RUNNING' || !progress.listingComplete || pace <= 0) return null;
  const settled = BigInt(progress.bytesAcknowledged) + BigInt(progress.bytesInFlight) + BigInt(progress.bytesAbandoned);
  const objectsSettled = [progress.objectsCompleted, progress.objectsFailed, progress.objectsSkipped].map(BigInt);
  const objectsLeft = objectsSettled.reduce((left, count) => left - count, BigInt(progress.objectsListed));
  const removalsSettled = BigInt(progress.sourceRemovalsCompleted) + BigInt(progress.sourceRemovalsKept);
  const removalsLeft = BigInt(progress.sourceRemovalsPlanned) - removalsSettled;
  const left = BigInt(progress.bytesListed) - settled + (objectsLeft + removalsLeft) * BigInt(objectWorkBytes);
  return left <= 0n ? null : Math.min(Math.ceil((Number(left) / pace) * 1000), maxInt);
}

export const TransferProgress = builder.objectRef<Progress>('TransferProgress').implement({
  description: 'Counters of a transfer at one moment.',
  fields: (t) => ({
    sequence: t.exposeString('sequence', {
      description: 'Whole number as decimal text that rises with every change of the transfer. Drop what is not newer.',
    }),
    state: t.expose('state', { type: TransferState, description: 'Where the transfer stands.' }),
    listingComplete: t.exposeBoolean('listingComplete', {
      description: 'Whether all sources were listed. Until then the totals are of what was listed so far.',
    }),
    objectsListed: t.int({
      description:
        'Objects found at the source, and source paths that could not be listed, such as one that does not exist: these have failed from the start. At the end of a transfer that was not cancelled it is what completed, failed and was skipped together.',
      resolve: (p) => toInt(p.objectsListed),
    }),
    objectsCompleted: t.int({
      description:
        'Objects for which all is done that was planned: moved, compared or deleted. `objectsVerified` tells how many were proved equal.',
      resolve: (p) => toInt(p.objectsCompleted),
    }),
    objectsVerified: t.int({
      description:
        'Objects, among those completed, with evidence recorded for both sides. Deletions and folders have none to record, nor have objects of clouds that state no hash.',
      resolve: (p) => toInt(p.objectsVerified),
    }),
    objectsFailed: t.int({
      description: 'Objects, and source paths, that failed for good; they can be retried.',
      resolve: (p) => toInt(p.objectsFailed),
    }),
    objectsSkipped: t.int({ description: 'Objects that need not be moved.', resolve: (p) => toInt(p.objectsSkipped) }),
    objectsPlanned: t.int({
      description:
        'Objects for which something is to be done, deletions included: neither skipped nor refused by the plan.',
      resolve: (p) => toInt(p.objectsPlanned),
    }),
    objectsExcluded: t.int({
      description: 'Objects on either side that filters left out; they are not among those listed.',
      resolve: (p) => toInt(p.objectsExcluded),
    }),
    deletionsPlanned: t.int({
      description: 'Objects to be deleted at the destination, among those planned.',
      resolve: (p) => toInt(p.deletionsPlanned),
    }),
    deletionsCompleted: t.int({
      description: 'Objects deleted at the destination, among those completed.',
      resolve: (p) => toInt(p.deletionsCompleted),
    }),
    sourceRemovalsPlanned: t.int({
      description:
        'Objects of a move whose source is to be removed once they are at the destination, those that are there already included. 0 for other modes.',
      resolve: (p) => toInt(p.sourceRemovalsPlanned),
    }),
    sourceRemovalsCompleted: t.int({
      description: 'Objects of a move whose source is gone since their copy was verified, whoever removed it.',
      resolve: (p) => toInt(p.sourceRemovalsCompleted),
    }),
    sourceRemovalsKept: t.int({
      description:
        'Objects of a move whose source was to be removed and was not by this transfer, because they failed, were cancelled, were skipped after all, changed meanwhile or could not be removed.',
      resolve: (p) => toInt(p.sourceRemovalsKept),
    }),
    bytesPlanned: t.field({
      type: 'ByteSize',
      description: 'Bytes of the objects for which something is to be done.',
      resolve: (p) => BigInt(p.bytesPlanned),
    }),
    bytesListed: t.field({
      type: 'ByteSize',
      description: 'Bytes of all objects found.',
      resolve: (p) => BigInt(p.bytesListed),
    }),
    bytesSent: t.field({
      type: 'ByteSize',
      description:
        'Bytes acknowledged, and those of requests under way that were handed to connections to the destination, which may have received them or not. It sinks when such a request fails: its bytes are sent again, and count once. Of what clouds copy or fetch by themselves nothing counts before it is acknowledged. Brought forward at least every second.',
      resolve: (p) => BigInt(p.bytesAcknowledged) + BigInt(p.bytesInFlight),
    }),
    bytesAcknowledged: t.field({
      type: 'ByteSize',
      description: 'Bytes that the destination has acknowledged, not merely bytes sent.',
      resolve: (p) => BigInt(p.bytesAcknowledged),
    }),
    bytesVerified: t.field({
      type: 'ByteSize',
      description: 'Bytes of completed objects, with evidence recorded for both sides.',
      resolve: (p) => BigInt(p.bytesVerified),
    }),
    bytesAbandoned: t.field({
      type: 'ByteSize',
      description: 'Bytes of failed and skipped objects. Listed minus acknowledged minus abandoned is what is left.',
      resolve: (p) => BigInt(p.bytesAbandoned),
    }),
    bytesSkipped: t.field({
      type: 'ByteSize',
      description: 'Bytes of objects that need not be moved.',
      resolve: (p) => BigInt(p.bytesSkipped),
    }),
    bytesFailed: t.field({
      type: 'ByteSize',
      description: 'Bytes of objects that failed for good; they can be retried.',
      resolve: (p) => BigInt(p.bytesAbandoned) - BigInt(p.bytesSkipped),
    }),
    speedBytesPerSecond: t.field({
      type: 'ByteSize',
      description:
        'Bytes a second that are sent to the destination, or acknowledged of what clouds copy or fetch by themselves, smoothed. 0 while nothing moves.',
      resolve: (p) => BigInt(p.speedBytesPerSecond),
    }),
    etaMs: t.int({
      nullable: true,
      description:
        'Estimated milliseconds until the end. At most 2147483647, which means 24 days or longer. null while the total is unknown or nothing moves.',
      resolve: etaMs,
    }),
    throttledUntil: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'A cloud asked for fewer requests until then. null: none does.',
      resolve: (p) => (p.throttledUntil === null ? null : new Date(p.throttledUntil)),
    }),
    at: t.field({ type: 'DateTime', description: 'The moment of these counters.', resolve: (p) => new Date(p.at) }),
  }),
});
