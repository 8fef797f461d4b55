import { AppError } from '../../../core/errors.ts';
import type { StoragePath } from '../../../queue/path.ts';
import type { Entry, Location, Page, StorageProvider } from '../../../storage/provider.ts';
import { stateOfFolder } from '../folder.ts';

/** One page of what lies below a source path; `folders`: with the folders that are no objects. */
export async function listSource(
  provider: StorageProvider,
  path: StoragePath,
  cursor: string | null,
  folders: true | undefined,
  signal: AbortSignal,
): Promise<Page<Entry>> {
  if (path.kind === 'object') return { items: [await statEntry(provider, path, signal)], nextCursor: null };
  const request = { container: path.container, prefix: path.key, folders, ...(cursor !== null && { cursor }) };
  const page = await provider.list(request, signal);
  const isEmpty = cursor === null && page.items.length === 0 && page.nextCursor === null;
  if (path.kind === 'folder' && isEmpty && !(await isFolder(provider, path, signal))) {
    throw new AppError('OBJECT_NOT_FOUND', `There is no folder ${path.container}/${path.key} and nothing below it.`);
  }
  return page;
}

/** One object as a listing would have it. */
export async function statEntry(
  provider: StorageProvider,
  { container, key }: Location,
  signal: AbortSignal,
): Promise<Entry> {
  const info = await provider.stat({ container, key }, signal);
  return {
    kind: 'file',
    key,
    sizeBytes: info.sizeBytes,
    modifiedAt: info.modifiedAt,
    version: info.version,
    digests: info.digests,
    storageClass: info.storageClass,
  };
}

/** Whether there is a folder although nothing lies below it, which only clouds can say whose folders are no objects. */
async function isFolder(provider: StorageProvider, path: Location, signal: AbortSignal): Promise<boolean> {
  return provider.capabilities.listing.hasFolders && (await stateOfFolder(provider, path, signal)) !== 'GONE';
}
