import type { Capabilities } from '../../storage/capabilities.ts';
import type { Entry, Location, Page, StorageProvider } from '../../storage/provider.ts';
import type { BatchRun } from './batch-run.ts';
import type { Item } from './item.ts';
import { type Pair, passDestination } from './pair.ts';
import { type Evidence, evidenceOf, unknownLeg } from './verify.ts';

/** Whether an object is the marker of a folder, which the destination does not hold as an object but as a folder. */
export function isFolderMarker(key: string, sizeBytes: number, { folders }: Capabilities): boolean {
  return folders === 'real' && sizeBytes === 0 && key.length > 1 && key.endsWith('/');
}

/** Makes the folder. There are no bytes that could be held against anything. */
export async function makeFolder(pair: Pair, item: Item, run: BatchRun): Promise<Evidence> {
  await passDestination(pair, run);
  const { gate, provider } = pair.destination;
  await gate.watch(provider.createFolder(item.destination, run.signal));
  return evidenceOf(unknownLeg, unknownLeg);
}

/** Whether there is a folder although nothing lies below it, which only clouds can say whose folders are real. */
export async function isFolder(
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
