import type { Entry } from '../browse/entries.ts';
import { folderBelow, lastName } from '../browse/paths.ts';
import { type Selection, toggle, toggleAll } from '../browse/selection.ts';

interface Place {
  accountId: string | null;
  path: string;
}

/** A transfer that is being put together. */
export interface Draft {
  source: Place;
  selection: Selection;
  destination: Place;
  /** A new folder below the destination's path, as typed. */
  folder: string;
}

export type DraftChange =
  | { kind: 'account'; side: 'source' | 'destination'; accountId: string }
  | { kind: 'open'; side: 'source' | 'destination'; path: string }
  | { kind: 'toggle'; entry: Entry }
  | { kind: 'toggleAll'; entries: readonly Entry[] }
  | { kind: 'clear' }
  | { kind: 'folder'; folder: string };

export function emptyDraft(sourceAccountId: string | null): Draft {
  return {
    source: { accountId: sourceAccountId, path: '' },
    selection: new Map(),
    destination: { accountId: null, path: '' },
    folder: '',
  };
}

/** What was picked belongs to an account: another account starts with nothing picked. */
export function changeDraft(draft: Draft, change: DraftChange): Draft {
  switch (change.kind) {
    case 'account': {
      const place = { accountId: change.accountId, path: '' };
      return change.side === 'source'
        ? { ...draft, source: place, selection: new Map() }
        : { ...draft, destination: place, folder: '' };
    }
    case 'open':
      return { ...draft, [change.side]: { ...draft[change.side], path: change.path } };
    case 'toggle':
      return { ...draft, selection: toggle(draft.selection, change.entry) };
    case 'toggleAll':
      return { ...draft, selection: toggleAll(draft.selection, change.entries) };
    case 'clear':
      return { ...draft, selection: new Map() };
    case 'folder':
      return { ...draft, folder: change.folder };
  }
}

/** Where the draft goes: `container/` or a folder in one; '' while no container is chosen. */
export function destinationOf(draft: Draft): string {
  return draft.destination.path === '' ? '' : folderBelow(draft.destination.path, draft.folder);
}

/**
 * Where a picked entry appears at the destination: a file and a folder keep their last name, a container's contents
 * come directly below.
 */
export function arrivalOf(entry: Pick<Entry, 'path' | 'kind'>, destinationPath: string): string {
  if (entry.kind === 'CONTAINER') return destinationPath;
  return `${destinationPath}${lastName(entry.path)}${entry.kind === 'FOLDER' ? '/' : ''}`;
}
