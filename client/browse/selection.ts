import type { Entry } from './entries.ts';

/** What was picked, by path, in the order of picking. A folder stands for all that it holds. */
export type Selection = ReadonlyMap<string, Entry>;

/** The API takes at most this many paths for one transfer. */
export const maxPaths = 1000;

const holds = (folder: string, path: string) => folder.endsWith('/') && path.startsWith(folder) && path !== folder;

/** The picked folder that already holds `path`, if any. */
export function holderOf(selection: Selection, path: string): string | undefined {
  return selection.keys().find((picked) => holds(picked, path));
}

/**
 * Picks an entry, or lets go of it. Picking a folder replaces what was picked inside it; what lies inside a picked
 * folder cannot be picked on its own.
 */
export function toggle(selection: Selection, entry: Entry): Selection {
  const next = new Map(selection);
  if (next.delete(entry.path)) return next;
  if (holderOf(selection, entry.path) !== undefined) return selection;
  for (const path of selection.keys()) if (holds(entry.path, path)) next.delete(path);
  next.set(entry.path, entry);
  return next;
}

/** Picks all of `entries`, or lets go of all of them when all are picked already. */
export function toggleAll(selection: Selection, entries: readonly Entry[]): Selection {
  const open = entries.filter(({ path }) => holderOf(selection, path) === undefined);
  const wanted = open.every(({ path }) => selection.has(path)) ? open : open.filter(({ path }) => !selection.has(path));
  return wanted.reduce(toggle, selection);
}
