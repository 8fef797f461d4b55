import { type FragmentOf, graphql } from '../graphql/graphql.ts';
import { formatDuration, formatQuantity, share } from '../ui/format.ts';

export const ProgressFragment = graphql(`
  fragment Progress on TransferProgress {
    sequence
    state
    listingComplete
    objectsListed
    objectsCompleted
    objectsFailed
    objectsSkipped
    bytesListed
    bytesAcknowledged
    bytesVerified
    bytesAbandoned
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

/**
 * What arrived of all there is, from 0 to 1: by bytes, or by objects where all are empty. 1 only when every object is
 * there.
 */
export function arrivedShare(progress: Progress): number {
  const { bytesAcknowledged, bytesListed, objectsCompleted, objectsListed } = progress;
  const arrived =
    BigInt(bytesListed) > 0n ? share(bytesAcknowledged, bytesListed) : share(objectsCompleted, objectsListed);
  return objectsCompleted < objectsListed ? Math.min(arrived, 0.999) : arrived;
}

/** What is proven by evidence from both sides, from 0 to 1. */
export function verifiedShare(progress: Progress): number {
  const { bytesVerified, bytesListed, objectsCompleted, objectsListed } = progress;
  return BigInt(bytesListed) > 0n ? share(bytesVerified, bytesListed) : share(objectsCompleted, objectsListed);
}

/**
 * What was given up of all there is, from 0 to 1: by bytes, or by objects where all that failed is empty. Above 0 as
 * soon as one object has failed.
 */
export function failedShare({ objectsFailed, objectsListed, bytesAbandoned, bytesListed }: Progress): number {
  return objectsFailed === 0 ? 0 : share(bytesAbandoned, bytesListed) || share(objectsFailed, objectsListed);
}

/** Whether every object that arrived is proven by hashes of both sides. */
export function allVerified(progress: Progress): boolean {
  const { state, bytesListed, bytesAbandoned, bytesAcknowledged } = progress;
  // A cancelled transfer leaves objects that neither arrived nor were given up.
  const arrived = state === 'CANCELLED' ? BigInt(bytesAcknowledged) : BigInt(bytesListed) - BigInt(bytesAbandoned);
  return progress.objectsCompleted > 0 && hasEnded(state) && BigInt(progress.bytesVerified) >= arrived;
}

/** The API tells no longer time. */
const longestEtaMs = 2_147_483_647;

/** Estimated time until the end, such as `2 min 5 s`; `about` comes before what is no bound. null: not known. */
export function timeLeft({ etaMs }: Progress, about = ''): string | null {
  if (etaMs === null) return null;
  return etaMs < longestEtaMs ? `${about}${formatDuration(etaMs)}` : 'over 24 d';
}

/** Where a transfer stands, in a few words that hold without figures that change all the time. */
export function stateText(progress: Progress): string {
  const { state, objectsListed, objectsCompleted, objectsFailed } = progress;
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
      return progress.listingComplete ? 'Under way' : 'Listing and moving';
    case 'PAUSED':
      return 'Paused';
    case 'COMPLETED':
      return objectsListed === 0 ? 'Arrived: there was nothing to move' : 'Arrived';
    case 'COMPLETED_WITH_ERRORS':
      return `Arrived but for ${formatQuantity(objectsFailed, 'object')}`;
    case 'FAILED':
      return 'Failed';
    case 'CANCELLED':
      return `Cancelled after ${formatQuantity(objectsCompleted, 'object')}`;
  }
}
