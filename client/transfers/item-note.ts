import { userErrorText } from '../ui/user-errors.ts';
import { standingOf } from './item-standing.ts';
import type { Item } from './items.ts';
import { isPlanState, type Progress } from './progress.ts';
import { reasonText } from './words.ts';

/** What a row says of its object besides its state: why this is planned, why it failed, why its source was kept. */
export function itemNote(item: Item, progress: Pick<Progress, 'state'>): string | null {
  if (item.state === 'FAILED' || standingOf(item, progress.state) === 'FINISHING') return failureText(item);
  if (item.sourceRemoval === 'KEPT') return `The source is kept. ${item.error?.message ?? ''}`.trim();
  if (!isPlanState(progress.state)) return null;
  const name = newNameOf(item);
  return [reasonText(item), name === null ? '' : `Its name there: ${name}`].join(' ').trim();
}

function failureText({ error, collidesWith }: Pick<Item, 'error' | 'collidesWith'>): string | null {
  if (error === null || collidesWith === null) return error?.message ?? null;
  return `${error.message} It is ${collidesWith.sourcePath}`;
}

/**
 * What an object is called at the destination, from the first part of its path that was rewritten or turned back; null: as
 * at the source.
 */
export function newNameOf({
  reason,
  sourcePath,
  destinationPath,
}: Pick<Item, 'reason' | 'sourcePath' | 'destinationPath'>): string | null {
  if (reason === 'EXTRA') return null;
  const [source, destination] = [sourcePath.split('/'), destinationPath.split('/')];
  for (let back = 1; back < Math.min(source.length, destination.length); back += 1) {
    const [from = '', to = ''] = [source.at(-back), destination.at(-back)];
    if (from === to) continue;
    // Several parts may be one where they are rewritten.
    const endsWith = (parts: readonly string[], end: string) =>
      `/${parts.slice(0, parts.length - back + 1).join('/')}`.endsWith(`/${end}`);
    if (endsWith(source, decoded(to))) return destination.slice(-back).join('/');
    if (endsWith(destination, decoded(from))) {
      return [decoded(from), ...destination.slice(destination.length - back + 1)].join('/');
    }
    // Where the folders of the order begin, their names differ and are no rewritten ones.
    return back === 1 ? to : null;
  }
  return null;
}

/** What was rewritten, before it was; a percent sign that begins no escape stands for itself, as all do where one is no UTF-8. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part.replace(/%(?![0-9A-Fa-f]{2})/g, '%25'));
  } catch {
    return part;
  }
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
