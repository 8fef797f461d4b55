/**
 * Paths as the API writes them: '' is the list of containers, `bucket/` a container, `bucket/folder/` a folder,
 * `bucket/folder/file` a file. Names between slashes may be empty; that is legal in object stores.
 */

/** The folder that holds `path`. The parent of a container is the list of containers. */
export function parentPath(path: string): string {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  return trimmed.slice(0, trimmed.lastIndexOf('/') + 1);
}

/** The last name of a path, without its slash. */
export function lastName(path: string): string {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  return trimmed.slice(trimmed.lastIndexOf('/') + 1);
}

/** Every folder from the container down to `path` itself. */
export function trail(path: string): { name: string; path: string }[] {
  const steps: { name: string; path: string }[] = [];
  for (let at = path; at !== ''; at = parentPath(at)) steps.unshift({ name: lastName(at), path: at });
  return steps;
}

/** A typed folder without the blanks, and the slash at either end, that do not matter. */
const trimFolder = (folder: string) => folder.trim().replace(/^\/|\/$/g, '');

/** What is wrong with a new folder's name (may be several levels) as typed, or null. Blank is right: no new folder. */
export function problemOfFolder(folder: string): string | null {
  const trimmed = trimFolder(folder);
  if (trimmed === '') return null;
  const names = trimmed.split('/');
  if (names.includes('')) return 'A folder in it has no name: type one slash between two names.';
  if (names.includes('.') || names.includes('..')) return 'Folders cannot be called “.” or “..”.';
  return /\p{Cc}/u.test(trimmed)
    ? 'It holds a character that cannot be seen, such as a tab: type the name anew.'
    : null;
}

/** `folder` (may be several levels, a slash around it does not matter) below `path`; `path` itself when it is blank. */
export function folderBelow(path: string, folder: string): string {
  const trimmed = trimFolder(folder);
  return trimmed === '' ? path : `${path}${trimmed}/`;
}

/** How a path reads: `bucket / folder / file`. */
export function readablePath(path: string): string {
  return trail(path)
    .map(({ name }) => name)
    .join(' / ');
}
