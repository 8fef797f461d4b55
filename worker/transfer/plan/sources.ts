import { AppError } from '../../../core/errors.ts';
import type { StoragePath } from '../../../queue/path.ts';
import type { Entry, Location, Page, StorageProvider } from '../../../storage/provider.ts';

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

/** Whether there is a folder although nothing lies below it, which only clouds can say whose folders are real. */
async function isFolder(
  provider: StorageProvider,
  { container, key }: Location,
  signal: AbortSignal,
): Promise<boolean> {
  if (provider.capabilities.folders !== 'real') return false;
  const beside = { container, prefix: key.slice(0, -1), delimiter: '/' } as const;
  let cursor: string | null = null;
  do {
    const page: Page<Entry> = await provider.list({ ...beside, ...(cursor !== null && { cursor }) }, signal);
    if (page.items.some((entry) => entry.kind === 'folder' && entry.key === key)) return true;
    cursor = page.nextCursor;
  } while (cursor !== null);
  return false;
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
