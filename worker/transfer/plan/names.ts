import { createHash } from 'node:crypto';
import type { Db } from '../../../core/db.ts';
import { AppError, toAppError } from '../../../core/errors.ts';
import { decodeKey, encodeKey } from '../../../queue/key-encoding.ts';
import { foldKey, type Rename } from '../../../queue/path.ts';
import type { TransferOptions } from '../../../queue/transfer-options.ts';
import type { Capabilities } from '../../../storage/capabilities.ts';
import type { Location, StorageProvider } from '../../../storage/provider.ts';
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

/** What a transfer's rule for names makes of them at the destination. */
export function renaming(rule: TransferOptions['names'], provider: StorageProvider): Rename {
  switch (rule) {
    case 'REFUSE':
      return (name) => name;
    case 'ENCODE':
      return (name, place) => encodeKey(name, (key) => nameProblem(provider, place + key, 0) === undefined);
    case 'DECODE':
      return decodeKey;
  }
}

/** The names at the source of which `renaming` makes this one at the destination, the likeliest first. */
export function namesBefore(rule: TransferOptions['names'], name: string): readonly [string, ...string[]] {
  switch (rule) {
    case 'REFUSE':
      return [name];
    case 'ENCODE':
      return [decodeKey(name)];
    case 'DECODE':
      return [name, encodeKey(name, () => false)];
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

/** What an object takes of the destination's names, as hashes. */
export interface NameClaim {
  /** Its own. */
  name: string;
  /** As the name of a folder: nothing else may be in its folders' place. */
  folders: string[];
  /** What nobody may have for the object to find its place: a folder of its name, files of its folders' names. */
  barred: { asName: string[]; asFolder: string[] };
}

/**
 * What an object takes. Where folders are real, a file and a folder cannot have one name: `a` and `a/b` are in each other's
 * way.
 */
export function claimOf({ container, key }: Location, capabilities: Capabilities): NameClaim {
  const name = nameHash(container, key, capabilities);
  if (capabilities.folders === 'marker') return { name, folders: [], barred: { asName: [], asFolder: [] } };
  // No name holds U+0000.
  const asFolder = (path: string) => nameHash(container, `${path}/\0`, capabilities);
  const folders = foldersOf(key);
  return {
    name,
    folders: folders.map(asFolder),
    barred: {
      asName: key.endsWith('/') ? [] : [asFolder(key)],
      asFolder: folders.map((path) => nameHash(container, path, capabilities)),
    },
  };
}

const foldersOf = (key: string) => [...key.matchAll(/\//g)].map(({ index }) => key.slice(0, index));

/** What stands at a destination whose folders are real, of which no object of this listing may be in the way of another. */
export class Standing {
  readonly #capabilities: Capabilities;
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  constructor(keys: readonly string[], capabilities: Capabilities) {
    this.#capabilities = capabilities;
    for (const key of keys.map((one) => canonicalKey(one, capabilities))) {
      if (!key.endsWith('/')) this.#files.add(key);
      for (const folder of foldersOf(key)) this.#folders.add(folder);
    }
  }

  /** Whether a folder has the object's name, or a file that of one of its folders. */
  bars(key: string): boolean {
    const name = canonicalKey(key, this.#capabilities);
    return this.#folders.has(name) || foldersOf(name).some((folder) => this.#files.has(folder));
  }
}

/** Names at the destination that objects of a transfer have, as hashes, with the ordinals of these; null: not known. */
export type NameOwners = Map<string, number | null>;

/** Which of these names the transfer has given away already. */
export async function takenNames(db: Db, transferId: string, hashes: readonly string[]): Promise<NameOwners> {
  const rows = await db.$queryRaw<{ hash: string; ordinal: number | null }[]>`
    SELECT encode(name_hash, 'hex') AS hash, ordinal FROM transfer_name
    WHERE transfer_id = ${transferId}::uuid
      AND name_hash IN (SELECT decode(hash, 'hex') FROM unnest(${hashes}::text[]) AS hash)`;
  return new Map(rows.map(({ hash, ordinal }) => [hash, ordinal]));
}
