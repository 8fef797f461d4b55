import { flag, integer, text } from '../arguments.ts';
import { badInput, RouteError, union, within } from '../errors.ts';
import { type Call, metadataOf, type Route } from '../service.ts';
import { childrenOf, type FolderNode, type Node } from '../tree.ts';

/** What a cursor says. It holds its whole state, so that it outlives the server and any other. */
interface Cursor {
  namespace: string;
  folder: string;
  recursive: boolean;
  limit: number;
  /** Id of the last entry given. */
  after: string;
}

/** "The maximum number of results to return per request": 1 to 2,000. */
const MAXIMUM_LIMIT = 2000;

/** Entries come ordered by id, which is as good as none: the reference promises no order. */
function page(call: Call, folder: FolderNode, cursor: Cursor): Record<string, unknown> {
  const nodes: Node[] = [];
  const walk = (at: FolderNode) => {
    for (const child of childrenOf(at).values()) {
      nodes.push(child);
      if (cursor.recursive && child.kind === 'folder') walk(child);
    }
  };
  // A recursive listing begins with the folder itself, unless that is the root.
  if (cursor.recursive && folder.parent !== null) nodes.push(folder);
  walk(folder);
  const rest = nodes.filter((node) => node.id > cursor.after).sort((a, b) => (a.id < b.id ? -1 : 1));
  const entries = rest.slice(0, cursor.limit);
  const next: Cursor = { ...cursor, after: entries.at(-1)?.id ?? cursor.after };
  return {
    entries: entries.map((node) => metadataOf(call, node)),
    cursor: Buffer.from(JSON.stringify(next)).toString('base64url'),
    has_more: rest.length > entries.length,
  };
}

/** https://www.dropbox.com/developers/documentation/http/documentation#files-list_folder and the pages after it. */
export const listingRoutes: Record<string, Route> = {
  'files/list_folder': {
    style: 'rpc',
    scope: 'files.metadata.read',
    run: (call) => {
      const { forest } = call.service;
      const path = text(call.argument, 'path');
      // "Specify the root folder as an empty string rather than as '/'."
      if (path === '/') {
        throw badInput(
          'Error in call to API function "files/list_folder": path: Specify the root folder as an empty string rather than as "/".',
        );
      }
      const folder = within('path', () => forest.find(call.root, path));
      if (folder.kind !== 'folder') throw new RouteError(union('path', union('not_folder')));
      const limit = call.argument.limit === undefined ? 500 : integer(call.argument, 'limit', 1, MAXIMUM_LIMIT);
      const recursive = flag(call.argument, 'recursive');
      return page(call, folder, { namespace: call.root.id, folder: folder.id, recursive, limit, after: '' });
    },
  },
  'files/list_folder/continue': {
    style: 'rpc',
    scope: 'files.metadata.read',
    run: (call) => {
      let cursor: Cursor;
      try {
        cursor = JSON.parse(Buffer.from(text(call.argument, 'cursor'), 'base64url').toString()) as Cursor;
      } catch {
        throw badInput('Error in call to API function "files/list_folder/continue": Invalid "cursor" parameter');
      }
      if (cursor.namespace !== call.root.id) throw new RouteError(union('reset'));
      const folder = within('path', () => call.service.forest.find(call.root, cursor.folder));
      if (folder.kind !== 'folder') throw new RouteError(union('path', union('not_folder')));
      return page(call, folder, cursor);
    },
  },
};
