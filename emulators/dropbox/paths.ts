import { RouteError, union } from './errors.ts';

/** Where a path begins: at the root of the request, at a namespace, at an entry, or at a revision of a file. */
export type ParsedPath =
  | { readonly from: 'root'; readonly names: readonly string[] }
  | { readonly from: 'namespace'; readonly id: string; readonly names: readonly string[] }
  | { readonly from: 'id'; readonly id: string }
  | { readonly from: 'rev'; readonly rev: string };

const malformed = () => new RouteError(union('malformed_path'));

/**
 * Path formats: https://www.dropbox.com/developers/documentation/http/documentation#path-formats. The root is the
 * empty string, never `/`.
 * @throws RouteError malformed_path
 */
export function parsePath(path: string): ParsedPath {
  if (/^id:.+$/.test(path)) return { from: 'id', id: path };
  if (/^rev:[0-9a-f]{9,}$/.test(path)) return { from: 'rev', rev: path.slice(4) };
  const namespace = /^ns:(\d+)(\/.*)?$/s.exec(path);
  if (namespace) return { from: 'namespace', id: namespace[1] as string, names: split(namespace[2] ?? '') };
  return { from: 'root', names: split(path) };
}

function split(path: string): string[] {
  if (path === '') return [];
  if (!path.startsWith('/') || path.includes('\\') || !path.isWellFormed()) throw malformed();
  const names = path.slice(1).split('/');
  for (const name of names) {
    if (name === '' || name === '.' || name === '..' || name.endsWith(' ') || name.includes('\0')) throw malformed();
    // "Path component too long": 255 characters.
    if (name.length > 255) throw malformed();
  }
  return names;
}

/** Names that desktop clients do not sync: https://help.dropbox.com/sync/files-not-syncing ("Ignored files"). */
const ignored = /^(desktop\.ini|thumbs\.db|\.ds_store|icon\r|\.dropbox|\.dropbox\.attr)$/i;

/** @throws RouteError disallowed_name */
export function requireAllowedName(name: string): void {
  if (ignored.test(name)) throw new RouteError(union('disallowed_name'));
}

/** Paths compare without case: https://www.dropbox.com/developers/documentation/http/documentation#case-insensitivity */
export function foldCase(name: string): string {
  return name.toLowerCase();
}
