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

/** `folder` (may be several levels, slashes around it do not matter) below `path`; `path` itself when it is blank. */
export function folderBelow(path: string, folder: string): string {
  const trimmed = folder.trim().replace(/^\/+|\/+$/g, '');
  return trimmed === '' ? path : `${path}${trimmed}/`;
}

/** How a path reads: `bucket / folder / file`. */
export function readablePath(path: string): string {
  return trail(path)
    .map(({ name }) => name)
    .join(' / ');
}
