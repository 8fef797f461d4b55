import { AppError } from '../../../core/errors.ts';
import type { StoragePath } from '../../../queue/path.ts';
import type { Entry, Location, Page, StorageProvider } from '../../../storage/provider.ts';
import { isFolder } from '../folder.ts';

/** One page of what lies below a source path. */
export async function listSource(
  provider: StorageProvider,
  path: StoragePath,
  cursor: string | null,
  signal: AbortSignal,
): Promise<Page<Entry>> {
  if (path.kind === 'object') return { items: [await statEntry(provider, path, signal)], nextCursor: null };
  const request = { container: path.container, prefix: path.key, ...(cursor !== null && { cursor }) };
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
