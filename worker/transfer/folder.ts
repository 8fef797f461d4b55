import { AppError } from '../../core/errors.ts';
import type { Capabilities } from '../../storage/capabilities.ts';
import type { Entry, Location, Page, StorageProvider, Version } from '../../storage/provider.ts';
import type { BatchRun } from './batch-run.ts';
import type { Item } from './item.ts';
import { type Pair, passDestination, passSource } from './pair.ts';
import { type Evidence, evidenceOf, unknownLeg } from './verify.ts';

/** Whether an object is the marker of a folder, which the destination does not hold as an object but as a folder. */
export function isFolderMarker(key: string, sizeBytes: number, { folders }: Capabilities): boolean {
  return folders === 'real' && sizeBytes === 0 && key.length > 1 && key.endsWith('/');
}

/** Whether it is the name of a folder where folders are no objects. */
export function isFolderName(key: string, { listing }: Capabilities): boolean {
  return listing.hasFolders && key.endsWith('/');
}

/** Whether the source has it as a folder that is no object. Listings give markers, which are objects, a version. */
export function isRealFolder(
  { source: { key }, sizeBytes, version }: { source: Location; sizeBytes: number; version: Version | null },
  capabilities: Capabilities,
): boolean {
  return isFolderName(key, capabilities) && version === null && sizeBytes === 0;
}

/** Whether it is a folder at either side, and no object: then it has no bytes that could travel. */
export function isPlainFolder(
  object: Parameters<typeof isRealFolder>[0] & { destination: Location },
  source: StorageProvider,
  destination: StorageProvider,
): boolean {
  const { key } = object.destination;
  return isRealFolder(object, source.capabilities) || isFolderMarker(key, object.sizeBytes, destination.capabilities);
}

/** Makes the folder. There are no bytes that could be held against anything. */
export async function makeFolder(pair: Pair, item: Item, run: BatchRun): Promise<Evidence> {
  if (isRealFolder(item, pair.source.provider.capabilities)) await assertPlanned(pair, item, run);
  await passDestination(pair, run);
  const { gate, provider } = pair.destination;
  await gate.watch(provider.createFolder(item.destination, run.signal));
  return evidenceOf(unknownLeg, unknownLeg);
}

/** Throws OBJECT_NOT_FOUND for a folder that is gone, and OBJECT_CHANGED for one that is no longer as it was approved of. */
async function assertPlanned(pair: Pair, item: Item, run: BatchRun): Promise<void> {
  await passSource(pair, run);
  const { gate, provider } = pair.source;
  const state = await gate.watch(stateOfFolder(provider, item.source, run.signal));
  if (state === 'GONE') throw new AppError('OBJECT_NOT_FOUND', 'The source folder is no longer there.');
  // Otherwise it is a folder all the same, and what came into it since is no part of the transfer.
  if (state === 'FULL' && pair.order.isAsPlanned) {
    throw new AppError('OBJECT_CHANGED', 'The source folder was empty when it was listed, and no longer is.');
  }
}

/** What is in a folder that is no object, if it is there. */
export async function stateOfFolder(
  provider: StorageProvider,
  { container, key }: Location,
  signal: AbortSignal,
): Promise<'GONE' | 'EMPTY' | 'FULL'> {
  // The folder itself, and something in it.
  const request = { container, prefix: key, folders: true, limit: 2 } as const;
  let isThere = false;
  let cursor: string | null = null;
  do {
    const page: Page<Entry> = await provider.list({ ...request, ...(cursor !== null && { cursor }) }, signal);
    if (page.items.some((entry) => entry.kind === 'file' || entry.key !== key)) return 'FULL';
    isThere ||= page.items.length > 0;
    cursor = page.nextCursor;
  } while (cursor !== null);
  return isThere ? 'EMPTY' : 'GONE';
}
