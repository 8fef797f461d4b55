import { createHash } from 'node:crypto';
import type { Db } from '../../../core/db.ts';
import { AppError, toAppError } from '../../../core/errors.ts';
import { foldKey } from '../../../queue/path.ts';
import type { Capabilities } from '../../../storage/capabilities.ts';
import type { StorageProvider } from '../../../storage/provider.ts';
import { isFolderMarker } from '../folder.ts';

/** Why an object cannot have this name at the destination; undefined when it can. */
export function nameProblem(provider: StorageProvider, key: string, sizeBytes: number): AppError | undefined {
  if (key.includes('\0')) return new AppError('NAME_NOT_ALLOWED', 'The name holds the character U+0000.');
  try {
    provider.checkName(isFolderMarker(key, sizeBytes, provider.capabilities) ? key.slice(0, -1) : key);
    return undefined;
  } catch (error) {
    return toAppError(error);
  }
}

/** The name by which the destination tells objects apart. */
export function canonicalKey(key: string, { caseSensitive }: Capabilities): string {
  return caseSensitive ? key : foldKey(key);
}

/** SHA-256 of the name by which the destination tells objects apart. */
export function nameHash(container: string, key: string, capabilities: Capabilities): string {
  // Container names hold no slash.
  return createHash('sha256')
    .update(`${container}/${canonicalKey(key, capabilities)}`)
    .digest('hex');
}

/** Which of these names the transfer has given away already. */
export async function takenNames(db: Db, transferId: string, hashes: readonly string[]): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ hash: string }[]>`
    SELECT encode(name_hash, 'hex') AS hash FROM transfer_name
    WHERE transfer_id = ${transferId}::uuid
      AND name_hash IN (SELECT decode(hash, 'hex') FROM unnest(${hashes}::text[]) AS hash)`;
  return new Set(rows.map(({ hash }) => hash));
}

/** What no cloud with real folders takes in a name, besides the character that begins an escape. */
const forbidden = /[\p{Cc}"*:<>?\\|]|%(?=[0-9A-Fa-f]{2})/gu;
/** Names that are taken for something else: `.`, `..`, and dots and spaces at an end. */
const edges = /^\.{1,2}$|^ +|[. ]+$/g;

/**
 * A name that the destination can hold, from which `decodeKey` makes the original: what it cannot hold becomes `%` and
 * the hexadecimal of its UTF-8 bytes. Keys that the destination holds stay as they are, but for those that look encoded.
 * A slash that would make an empty name is encoded too.
 */
export function encodeKey(key: string, isAllowed: (key: string) => boolean): string {
  if (isAllowed(key) && !/%[0-9A-Fa-f]{2}/.test(key)) return key;
  const percent = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  const isFolder = key.endsWith('/') && key.length > 1;
  const encoded = (isFolder ? key.slice(0, -1) : key)
    .split('/')
    .map((name) => name.replace(forbidden, percent).replace(edges, percent))
    .reduce((path, name) =>
      name === '' || path === '' || path.endsWith('%2F') ? `${path}%2F${name}` : `${path}/${name}`,
    );
  return isFolder ? `${encoded}/` : encoded;
}

export function decodeKey(encoded: string): string {
  return decodeURIComponent(encoded.replace(/%(?![0-9A-Fa-f]{2})/g, '%25'));
}
