import { type FragmentOf, graphql } from '../graphql/graphql.ts';
import { formatBytes, formatCount, formatDuration, formatPercent, formatQuantity, share } from '../ui/format.ts';
import { type Mode, modes } from './words.ts';

export const ProgressFragment = graphql(`
  fragment Progress on TransferProgress {
    sequence
    state
    listingComplete
    objectsListed
    objectsPlanned
    objectsCompleted
    objectsVerified
    objectsFailed
    objectsSkipped
    deletionsPlanned
    deletionsCompleted
    sourceRemovalsPlanned
    sourceRemovalsCompleted
    sourceRemovalsKept
    bytesListed
    bytesSent
    bytesAcknowledged
    bytesVerified
    bytesSkipped
    bytesFailed
    speedBytesPerSecond
    etaMs
    throttledUntil
    at
  }
`);

export type Progress = FragmentOf<typeof ProgressFragment>;
export type TransferState = Progress['state'];

const ended: ReadonlySet<TransferState> = new Set(['COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELLED']);

/** Whether nothing more happens by itself. */
export function hasEnded(state: TransferState): boolean {
  return ended.has(state);
}

/** The newer of two states of one transfer. Events may come late or twice; a sequence never goes back. */
export function newest(one: Progress, other: Progress | null | undefined): Progress {
  return other != null && BigInt(other.sequence) > BigInt(one.sequence) ? other : one;
}

/** Whether nothing is known yet of what there is to move: it waits for its time or for a worker. */
export function isWaiting({ state, listingComplete, objectsListed }: Progress): boolean {
  return state === 'SCHEDULED' || (state === 'QUEUED' && !listingComplete && objectsListed === 0);
}

/** Whether the totals are still growing, so that no share of them means anything. */
export function isListing(progress: Progress): boolean {
  return !progress.listingComplete && !hasEnded(progress.state) && !isWaiting(progress);
}

/** Objects that there is something to do about: those listed without those skipped. */
export function objectsWanted({ objectsListed, objectsSkipped }: Progress): number {
  return Math.max(0, objectsListed - objectsSkipped);
}

/** Their bytes. */
export function bytesWanted({ bytesListed, bytesSkipped }: Progress): bigint {
  return BigInt(bytesListed) - BigInt(bytesSkipped);
}

/**
 * `bytes` of all that there is to do, from 0 to 1: of what is neither skipped nor failed, in the part of the whole that
 * has not failed; by objects where all of it is empty.
 */
function shareOfWanted(progress: Progress, bytes: string): number {
  const kept = bytesWanted(progress) - BigInt(progress.bytesFailed);
  const wanted = objectsWanted(progress);
  if (wanted === 0) return hasEnded(progress.state) && progress.listingComplete ? 1 : 0;
  if (kept <= 0n) return share(progress.objectsCompleted, wanted);
  return share(bytes, kept) * (1 - failedShare(progress));
}

/** What arrived of all there is to move, from 0 to 1. 1 only when every object is there. */
export function arrivedShare(progress: Progress): number {
  const arrived = shareOfWanted(progress, progress.bytesAcknowledged);
  return progress.objectsCompleted < objectsWanted(progress) ? Math.min(arrived, 0.999) : arrived;
}

/** What was sent of all there is to move, from 0 to 1: what arrived, and what is on the way. */
export function sentShare(progress: Progress): number {
  return shareOfWanted(progress, progress.bytesSent);
}

/** What bytes are that it is done with, and how many more were sent: `arrived, 3 MiB on the way`. */
export function settledText({ bytesSent, bytesAcknowledged }: Progress, mode: Mode): string {
  const onTheWay = BigInt(bytesSent) - BigInt(bytesAcknowledged);
  return onTheWay > 0n ? `${modes[mode].settled}, ${formatBytes(onTheWay)} on the way` : modes[mode].settled;
}

/** What is proven by evidence from both sides, from 0 to 1. */
export function verifiedShare(progress: Progress): number {
  return shareOfWanted(progress, progress.bytesVerified);
}

/**
 * What failed of all there is to move, from 0 to 1: by bytes, or by objects where all that failed is empty. Above 0 as soon
 * as one object has failed.
 */
export function failedShare(progress: Progress): number {
  const { objectsFailed, bytesFailed } = progress;
  if (objectsFailed === 0) return 0;
  return share(bytesFailed, bytesWanted(progress)) || share(objectsFailed, objectsWanted(progress));
}

/** Whether every object that arrived is proven by hashes of both sides. */
export function allVerified(progress: Progress): boolean {
  const { state, bytesFailed, bytesAcknowledged } = progress;
  // A cancelled transfer leaves objects that neither arrived nor were given up.
  const arrived = state === 'CANCELLED' ? BigInt(bytesAcknowledged) : bytesWanted(progress) - BigInt(bytesFailed);
  return progress.objectsCompleted > 0 && hasEnded(state) && BigInt(progress.bytesVerified) >= arrived;
}

/** The API tells no longer time. */
export const longestEtaMs = 2_147_483_647;

/** Estimated time until the end, such as `2 min 5 s`; `about` comes before what is no bound. null: not known. */
export function timeLeft({ etaMs }: Progress, about = ''): string | null {
  if (etaMs === null) return null;
  return etaMs < longestEtaMs ? `${about}${formatDuration(etaMs)}` : 'over 24 d';
}

/** Whether in this state nothing moves because it is planned, or the plan is to be approved. */
export function isPlanState(state: TransferState): boolean {
  return state === 'PLANNING' || state === 'AWAITING_APPROVAL';
}

/** Whether there is a plan at most. A mirror that waits because of its deletions has moved the rest already. */
export function isPlan({ state, objectsCompleted }: Pick<Progress, 'state' | 'objectsCompleted'>): boolean {
  return isPlanState(state) && objectsCompleted === 0;
}

/** Where a transfer stands, in a few words that hold without figures that change all the time. */
export function stateText(progress: Progress, mode: Mode): string {
  const { state, objectsCompleted, objectsFailed } = progress;
  const { done, doing } = modes[mode];
  switch (state) {
    case 'SCHEDULED':
      return 'Scheduled';
    case 'QUEUED':
      return 'Waiting for a worker';
    case 'PLANNING':
      return 'Planning';
    case 'AWAITING_APPROVAL':
      return 'Waiting for your approval';
    case 'RUNNING':
      return progress.listingComplete ? 'Under way' : `Listing and ${doing}`;
    case 'PAUSED':
      return 'Paused';
    case 'COMPLETED':
      if (objectsWanted(progress) > 0) return done;
      return `${done}: ${progress.sourceRemovalsCompleted > 0 ? 'it was there already' : 'there was nothing to do'}`;
    case 'COMPLETED_WITH_ERRORS':
      return `${done} but for ${formatQuantity(objectsFailed, 'object')}`;
    case 'FAILED':
      return mode === 'VERIFY' && objectsFailed > 0 ? 'Nothing alike' : 'Failed';
    case 'CANCELLED':
      return `Cancelled after ${formatQuantity(objectsCompleted, 'object')}`;
  }
}

/** How much there is, and how much of it is done, in one line. */
export function amountText(progress: Progress, mode: Mode): string {
  const { state, objectsListed, objectsSkipped, objectsCompleted, bytesAcknowledged, sourceRemovalsKept } = progress;
  const found = formatQuantity(objectsListed, 'object');
  if (isPlan(progress)) return progress.listingComplete ? `${found} planned` : `${found} found so far`;
  const { settled } = modes[mode];
  if (isListing(progress)) return `${formatBytes(bytesAcknowledged)} ${settled}; ${found} found so far`;
  if (isWaiting(progress)) return 'nothing listed yet';
  const [objects, bytes] = [formatQuantity(objectsWanted(progress), 'object'), formatBytes(bytesWanted(progress))];
  const skipped = objectsSkipped === 0 ? '' : `, ${formatCount(objectsSkipped)} skipped`;
  const kept = sourceRemovalsKept === 0 ? '' : `, ${formatCount(sourceRemovalsKept)} kept at the source`;
  if (state === 'COMPLETED') return `${objects}, ${bytes}${skipped}${kept}`;
  if (hasEnded(state)) {
    const arrived = formatBytes(bytesAcknowledged);
    return `${formatCount(objectsCompleted)} of ${objects} ${settled}, ${arrived} of ${bytes}${skipped}${kept}`;
  }
  return `${formatPercent(arrivedShare(progress))} of ${bytes} in ${objects}`;
}
