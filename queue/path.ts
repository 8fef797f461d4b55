import { AppError } from '../core/errors.ts';

/**
 * A place at a cloud as people write it: `container/key` is one object, `container/prefix/` a folder, `container/` all
 * of a container. Only the first slash separates; what follows is the key or prefix, byte for byte: leading slashes,
 * `//`, `.` and `..` are ordinary characters of a key and are never resolved.
 */
export interface StoragePath {
  container: string;
  kind: 'object' | 'folder' | 'container';
  /** The object's key; the folder's prefix, ending in '/'; '' for a container. */
  key: string;
}

/** Longer than any cloud names a container, in characters. */
const maxContainerLength = 255;
/** As Azure Storage and, in bytes, Amazon S3 have it; which names a cloud takes is the provider's to say. */
const maxKeyLength = 1_024;

/** Throws INVALID_INPUT with what a path must look like. `field` names the input field at fault. */
export function parsePath(path: string, field?: readonly string[]): StoragePath {
  const slash = path.indexOf('/');
  const container = path.slice(0, Math.max(slash, 0));
  const key = path.slice(slash + 1);
  const wrong = (rule: string) =>
    new AppError('INVALID_INPUT', `'${shown(path)}' is not a path: ${rule}`, field === undefined ? {} : { field });
  if (slash === -1) throw wrong('write container/ for all of a container, or container/key.');
  if (container === '') throw wrong('it must begin with the name of a container (bucket), not with a slash.');
  if (container.length > maxContainerLength) {
    throw wrong(`the name of a container has at most ${maxContainerLength} characters.`);
  }
  if (key.length > maxKeyLength) {
    throw wrong(`what follows the container has at most ${maxKeyLength.toLocaleString('en')} characters.`);
  }
  if (!path.isWellFormed()) throw wrong('it must be valid Unicode.');
  if (path.includes('\0')) throw wrong('it must not hold the character U+0000.');
  if (key === '') return { container, kind: 'container', key };
  return { container, kind: key.endsWith('/') ? 'folder' : 'object', key };
}

/** So much of a path as a message has room for. */
function shown(path: string): string {
  return path.length <= 200 ? path : `${path.slice(0, 200)}…`.toWellFormed();
}

/** Parses where a transfer goes to: a container or a folder. Throws INVALID_INPUT. */
export function parseDestination(path: string, field?: readonly string[]): StoragePath {
  const parsed = parsePath(path, field);
  if (parsed.kind === 'object') {
    const message = `'${shown(path)}' is not a folder: end the destination with a slash.`;
    throw new AppError('INVALID_INPUT', message, field === undefined ? {} : { field });
  }
  return parsed;
}

/** A key as clouds compare it that tell names apart neither by case nor by how Unicode composes them. */
export function foldKey(key: string): string {
  return key.normalize('NFC').toLowerCase();
}

/** The last name of a key or prefix, without a closing slash: `c` for `a/b/c` and `a/b/c/`. May be '' (`a//`). */
export function lastName(key: string): string {
  const bare = key.endsWith('/') ? key.slice(0, -1) : key;
  return bare.slice(bare.lastIndexOf('/') + 1);
}

/** What a name, or several with slashes between, is at the destination; `place` is what stands before it there. */
export type Rename = (name: string, place: string) => string;

const keepName: Rename = (name) => name;

/**
 * What the keys of all objects below a source path begin with at the destination; of a single object, its key. An object
 * keeps its last name, a folder appears under its own last name, a container's contents come directly below the
 * destination. The destination itself is there under the name by which it was chosen: only what follows is renamed.
 */
export function destinationPrefix(source: StoragePath, destination: StoragePath, rename = keepName): string {
  switch (source.kind) {
    case 'object':
      return destination.key + rename(lastName(source.key), destination.key);
    case 'folder':
      return destination.key + rename(`${lastName(source.key)}/`, destination.key);
    case 'container':
      return destination.key;
  }
}

/** The key at the destination of an object found below a source path. */
export function destinationKey(source: StoragePath, sourceKey: string, destination: StoragePath): string {
  const prefix = destinationPrefix(source, destination);
  return source.kind === 'object' ? prefix : prefix + sourceKey.slice(source.key.length);
}

/** The sources but for those whose objects another one brings to the very same places. */
export function withoutCovered<Source extends StoragePath>(
  sources: readonly Source[],
  destination: StoragePath,
): Source[] {
  const covers = (outer: StoragePath, inner: StoragePath) =>
    outer !== inner &&
    outer.kind !== 'object' &&
    outer.container === inner.container &&
    inner.key.startsWith(outer.key) &&
    destinationKey(outer, inner.key, destination) === destinationKey(inner, inner.key, destination);
  return sources.filter((inner) => !sources.some((outer) => covers(outer, inner)));
}

/**
 * Whether a transfer within one store would read what it writes: its listing would never end, or an object would be
 * overwritten before it is read. What each source writes is held against what every source reads. `fold` makes keys
 * equal that are one to the store; default: none are. `rename`: as at `destinationPrefix`.
 */
export function readsItsOwn(
  sourcePaths: readonly StoragePath[],
  destinationPath: StoragePath,
  fold: (key: string) => string = (key) => key,
  rename = keepName,
): boolean {
  const sources = sourcePaths.map((path) => ({ ...path, key: fold(path.key) }));
  const written = sourcePaths.map((source) => ({
    isObject: source.kind === 'object',
    key: fold(destinationPrefix(source, destinationPath, rename)),
  }));
  return sources.some((source) => {
    if (source.container !== destinationPath.container) return false;
    const isObject = source.kind === 'object';
    return written.some(
      (to) =>
        to.key === source.key ||
        (!isObject && to.key.startsWith(source.key)) ||
        (!to.isObject && source.key.startsWith(to.key)),
    );
  });
}
