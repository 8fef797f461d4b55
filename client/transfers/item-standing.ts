import { formatPercent, share } from '../ui/format.ts';
import type { Item, ItemState } from './items.ts';
import { isPlanState, type TransferState } from './progress.ts';
import { actions } from './words.ts';

/** How an object stands, its own state seen with its transfer's. */
export type Standing = ItemState | 'PAUSED' | 'FINISHING' | 'LEFT' | 'PLANNED';

type ItemFacts = Pick<Item, 'state' | 'action' | 'route' | 'attempts' | 'size' | 'sourcePath' | 'acknowledgedBytes'> & {
  evidence: Pick<NonNullable<Item['evidence']>, 'verified'> | null;
  error: Pick<NonNullable<Item['error']>, 'code'> | null;
};

/**
 * Where an object stands. The transfer's state comes first and live: an object that has not ended follows it at once,
 * whatever was last read of the object itself. What a cloud moves by itself stops for neither a pause nor an end.
 */
export function standingOf(
  { state, route, error }: Pick<ItemFacts, 'state' | 'route' | 'error'>,
  transferState: TransferState,
): Standing {
  const isHalted = transferState === 'PAUSED' || transferState === 'CANCELLED';
  const isByCloud = route === 'SERVER_SIDE_COPY' || route === 'INGEST_FROM_URL';
  // One that is cancelled has that for an error where it may arrive still.
  const isGoing = state === 'RUNNING' || (state === 'CANCELLED' && error?.code === 'CANCELLED');
  if (isHalted && isByCloud && isGoing) return 'FINISHING';
  if (state !== 'PENDING' && state !== 'RUNNING') return state;
  if (isHalted) return transferState;
  if (isPlanState(transferState)) return 'PLANNED';
  return transferState === 'FAILED' ? 'LEFT' : state;
}

/** Whether it is the marker of a folder that became a folder: there are no bytes that could be held against anything. */
export function becameFolder({
  state,
  action,
  route,
  sourcePath,
}: Pick<Item, 'state' | 'action' | 'route' | 'sourcePath'>): boolean {
  const isWritten = action === 'WRITE' || action === 'ADD' || action === 'REPLACE';
  return state === 'COMPLETED' && isWritten && route === null && sourcePath.endsWith('/');
}

/** The same in words; how much of it is there wherever part of it is. */
export function standingText(item: ItemFacts, transferState: TransferState): string {
  const arrived = share(item.acknowledgedBytes, item.size);
  const part = arrived > 0 ? `, ${formatPercent(arrived)}` : '';
  switch (standingOf(item, transferState)) {
    case 'PENDING':
      return `${item.attempts > 0 ? 'Waiting to be tried again' : 'Waiting'}${part}`;
    case 'RUNNING':
      return item.action === 'COMPARE' ? 'Comparing' : item.action === 'DELETE' ? 'Deleting' : `Moving${part}`;
    case 'PLANNED':
      return actions[item.action];
    case 'PAUSED':
      return `Paused${part}`;
    case 'FINISHING':
      return 'Finishing in the cloud';
    case 'COMPLETED':
      if (item.action === 'DELETE') return 'Deleted';
      if (becameFolder(item)) return 'Folder made';
      if (item.action === 'COMPARE') return item.evidence?.verified === true ? 'Alike' : 'Alike in size';
      return item.evidence?.verified === true ? 'Verified' : 'Arrived, not verified';
    case 'FAILED':
      if (isPlanState(transferState)) return 'Refused';
      return item.error?.code === 'DESTINATION_DIFFERS' ? 'Different' : 'Failed';
    case 'SKIPPED':
      return 'Skipped';
    case 'CANCELLED':
      return 'Cancelled';
    case 'LEFT':
      return 'Not moved';
  }
}
