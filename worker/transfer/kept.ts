import type { TransferOptions } from '../../queue/transfer-options.ts';
import type { ObjectInfo, ObjectMetadata, StorageProvider } from '../../storage/provider.ts';
import { fittingTags } from '../../storage/tags.ts';
import type { BatchRun } from './batch-run.ts';
import type { Item } from './item.ts';
import { type Pair, passSource } from './pair.ts';

/**
 * What of an object's metadata travels to the destination, as the order chose; with the tags that were read. Where nobody
 * recorded when its file was modified, that is when the object was written: the destination would date it to the transfer.
 */
export function keptMetadata(
  pair: Pair,
  item: Item,
  info: Pick<ObjectInfo, 'metadata' | 'modifiedAt'>,
): ObjectMetadata {
  const { keep } = pair.order.options;
  const { user, modifiedAt, ...contentHeaders } = info.metadata;
  return {
    ...(keep.contentType ? contentHeaders : {}),
    ...(keep.modifiedAt ? timeOf(modifiedAt, info.modifiedAt) : {}),
    user: keep.userMetadata ? user : {},
    ...(item.tags === null ? {} : { tags: item.tags }),
  };
}

function timeOf(
  recorded: Date | undefined,
  writtenAt: Date | null,
): Pick<ObjectMetadata, 'modifiedAt' | 'isModifiedAtInferred'> {
  if (recorded !== undefined) return { modifiedAt: recorded };
  return writtenAt === null ? {} : { modifiedAt: writtenAt, isModifiedAtInferred: true };
}

/** Whether some of it stays behind. */
export function isPartlyKept(metadata: ObjectMetadata, { keep }: TransferOptions): boolean {
  const { user, modifiedAt, ...contentHeaders } = metadata;
  return (
    (!keep.contentType && Object.keys(contentHeaders).length > 0) ||
    (!keep.userMetadata && Object.keys(user).length > 0) ||
    (!keep.modifiedAt && modifiedAt !== undefined)
  );
}

/** Whether tags of objects are read, so that they travel. */
export function carriesTags(source: StorageProvider, destination: StorageProvider, { keep }: TransferOptions): boolean {
  return keep.tags && source.capabilities.tags !== null && destination.capabilities.tags !== null;
}

/**
 * Reads the tags that are to travel with the object, and notes on it which do not fit the destination. Before its bytes are
 * read: what these are pinned to is then what the tags were of.
 */
export async function readKeptTags(pair: Pair, item: Item, run: BatchRun): Promise<void> {
  const { gate, provider } = pair.source;
  const destination = pair.destination.provider;
  const rules = destination.capabilities.tags;
  if (rules === null || !carriesTags(provider, destination, pair.order.options)) return;
  await passSource(pair, run);
  const request = { ...item.source, pin: item.version ?? undefined };
  const { kept, dropped } = fittingTags(await gate.watch(provider.readTags(request, run.signal)), rules);
  item.tags = kept;
  item.droppedTags = dropped;
}
