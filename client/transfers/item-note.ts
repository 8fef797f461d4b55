import { userErrorText } from '../ui/user-errors.ts';
import type { Item } from './items.ts';
import { isPlan, type Progress } from './progress.ts';
import { reasonText } from './words.ts';

/** What a row says of its object besides its state: why this is planned, why it failed, why its source was kept. */
export function itemNote(item: Item, progress: Pick<Progress, 'state'>): string | null {
  if (item.state === 'FAILED') return item.error?.message ?? null;
  if (item.sourceRemoval === 'KEPT') return `The source is kept. ${item.error?.message ?? ''}`.trim();
  return isPlan(progress) ? reasonText(item) : null;
}

/** Where the object lies: at the source, or at the destination what is not at the source. */
export function placeOf({
  reason,
  sourcePath,
  destinationPath,
}: Pick<Item, 'reason' | 'sourcePath' | 'destinationPath'>) {
  return reason === 'EXTRA' ? destinationPath : sourcePath;
}

/** What becomes of a moved object's source, in a sentence. */
export function sourceText({ sourceRemoval, error }: Pick<Item, 'sourceRemoval' | 'error'>): string | null {
  switch (sourceRemoval) {
    case null:
      return null;
    case 'PENDING':
      return 'Removed once the copy is proven.';
    case 'REMOVED':
      return 'Removed, after the copy was proven.';
    case 'KEPT':
      return error === null ? 'Kept.' : `Kept. ${userErrorText(error)}`;
  }
}
