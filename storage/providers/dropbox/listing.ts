import type { Dropbox, files } from 'dropbox';
import { AppError } from '../../../core/errors.ts';
import type { Entry, ListRequest, Page } from '../../provider.ts';
import { DropboxRefusal, notDropbox } from './errors.ts';
import { canExist, toPath } from './names.ts';
import { toFileEntry, toFolderEntry } from './properties.ts';
import { callSdk } from './sdk.ts';

/**
 * Where a listing stands. It runs over one level first where there is something to choose there, then through the whole
 * of each folder that was chosen.
 */
interface State {
  /** `level`: the entries of the prefix's folder; `tree`: everything below the first of `folders`. */
  in: 'level' | 'tree';
  /** Folders that are still to be gone through, as keys without a slash behind. */
  folders: string[];
  /** Dropbox's own, within the folder that is being listed. */
  cursor?: string | undefined;
}

/** Names as Dropbox tells them apart: by no case. */
const byName = new Intl.Collator('en', { sensitivity: 'accent' });

/** A folder that is gone, or is a file by now, has nothing in it. */
const nothing = { entries: [], cursor: '', has_more: false };

/**
 * One page below a prefix. A prefix may end within a name, which Dropbox knows nothing of: then its folder is listed, and
 * what begins so is chosen from it. Pages may be empty although more follow, and each page of one level is in the order of
 * its names.
 */
export async function listEntries(
  client: Dropbox,
  headers: Record<string, string>,
  request: ListRequest,
  maxPageSize: number,
  signal: AbortSignal,
): Promise<Page<Entry>> {
  const { prefix, delimiter, folders } = request;
  const base = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')));
  const start = prefix.slice(prefix.lastIndexOf('/') + 1);
  if (prefix.startsWith('/') || base.endsWith('/') || (base !== '' && !canExist(base)))
    return { items: [], nextCursor: null };

  const state = request.cursor === undefined ? firstState(base, start, delimiter) : parseState(request.cursor);
  const isTree = state.in === 'tree';
  const folder = isTree ? (state.folders[0] as string) : base;
  const limit = Math.min(request.limit ?? maxPageSize, maxPageSize);
  const page = await fetchPage(client, headers, { folder, recursive: isTree, limit, cursor: state.cursor }, signal);

  const depth = folder === '' ? 0 : folder.split('/').length;
  const items: Entry[] = [];
  const found: string[] = [];
  for (const entry of page.entries) {
    // Only the last name of `path_display` is sure to be in its own case: the folder is called as it was asked for.
    const below = (entry.path_display ?? '')
      .split('/')
      .slice(1 + depth)
      .join('/');
    // A whole tree begins with its own folder.
    if (isTree ? below === '' && !folders : !below.startsWith(start)) continue;
    const key = [folder, below].filter((part) => part !== '').join('/');
    if (entry['.tag'] === 'file') items.push(toFileEntry(key, entry));
    else if (entry['.tag'] !== 'folder') continue;
    else if (isTree ? folders : delimiter !== undefined) items.push(toFolderEntry(`${key}/`));
    else if (!isTree) found.push(key);
  }
  // Who looks into a folder looks for a name; Dropbox has it anywhere on the page.
  if (delimiter !== undefined) items.sort((one, other) => byName.compare(one.key, other.key));
  const next = nextState(state, page, found);
  return { items, nextCursor: next === null ? null : Buffer.from(JSON.stringify(next)).toString('base64url') };
}

function firstState(base: string, start: string, delimiter: string | undefined): State {
  return delimiter === undefined && start === '' ? { in: 'tree', folders: [base] } : { in: 'level', folders: [] };
}

function nextState(state: State, page: { cursor: string; has_more: boolean }, found: string[]): State | null {
  const folders = [...state.folders, ...found];
  if (page.has_more) return { in: state.in, folders, cursor: page.cursor };
  const rest = state.in === 'tree' ? folders.slice(1) : folders;
  return rest.length === 0 ? null : { in: 'tree', folders: rest };
}

function parseState(cursor: string): State {
  try {
    const state = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as State;
    if (state.in === 'level' || (state.in === 'tree' && typeof state.folders[0] === 'string')) return state;
  } catch {
    // Said below.
  }
  throw new AppError('INVALID_INPUT', 'This cursor is none of a Dropbox listing.');
}

async function fetchPage(
  client: Dropbox,
  headers: Record<string, string>,
  {
    folder,
    recursive,
    limit,
    cursor,
  }: { folder: string; recursive: boolean; limit: number; cursor?: string | undefined },
  signal: AbortSignal,
): Promise<Pick<files.ListFolderResult, 'entries' | 'cursor' | 'has_more'>> {
  const options = { signal, extraHeaders: headers };
  try {
    const page = await callSdk(() =>
      cursor === undefined
        ? client.filesListFolder({ path: toPath(folder), recursive, limit }, options)
        : client.filesListFolderContinue({ cursor }, options),
    );
    if (Array.isArray(page.entries)) return page;
    throw notDropbox();
  } catch (error) {
    if (!(error instanceof DropboxRefusal)) throw error;
    if (error.has('not_found') || error.has('not_folder')) return nothing;
    if (error.has('reset')) {
      throw new AppError(
        'OBJECT_CHANGED',
        'Dropbox has dropped its place in this listing. List again from the start.',
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}
