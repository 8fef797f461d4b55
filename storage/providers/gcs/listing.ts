import type { Entry, ListRequest, Page } from '../../provider.ts';
import { listedCursor, listedDate, listedKey, listedSize } from '../xml.ts';
import { notGcs } from './errors.ts';
import { jsonPath } from './names.ts';
import { digestsOf, type ObjectResource, versionOf } from './properties.ts';
import type { GcsRest } from './rest.ts';

const fields = 'kind,nextPageToken,prefixes,items(name,size,generation,updated,md5Hash,crc32c,storageClass)';

export interface Listing {
  kind?: string;
  nextPageToken?: string;
  prefixes?: string[];
  items?: ObjectResource[];
}

/**
 * One page of "Objects: list". Names come in byte order of UTF-8 ("Listing objects", Ordering), folders among them.
 * Without the SDK, which makes an object with its interceptors and methods of every row.
 */
export async function listObjects(
  rest: GcsRest,
  request: ListRequest,
  maxPageSize: number,
  signal: AbortSignal,
): Promise<Page<Entry>> {
  const listing = await rest.json<Listing>({
    method: 'GET',
    path: jsonPath(request.container),
    query: {
      fields,
      maxResults: String(Math.min(request.limit ?? maxPageSize, maxPageSize)),
      prefix: request.prefix === '' ? undefined : request.prefix,
      delimiter: request.delimiter,
      pageToken: request.cursor,
    },
    signal,
  });
  return toPage(listing, request);
}

/** Throws ENDPOINT_INVALID for what is no listing. */
export function toPage(listing: Listing, request: Pick<ListRequest, 'prefix' | 'delimiter' | 'cursor'>): Page<Entry> {
  if (listing.kind !== 'storage#objects') throw notGcs();
  const items: Entry[] = [];
  for (const { name, size, generation, updated, md5Hash, crc32c, storageClass } of listing.items ?? []) {
    const key = listedKey(name ?? '', request.prefix);
    // The marker of the very folder that is listed.
    if (request.delimiter !== undefined && key === request.prefix) continue;
    items.push({
      kind: 'file',
      key,
      sizeBytes: listedSize(size),
      modifiedAt: listedDate(updated, null),
      version: versionOf(generation),
      digests: digestsOf(crc32c, md5Hash),
      storageClass: storageClass ?? null,
    });
  }
  const folders = (listing.prefixes ?? []).map(
    (prefix): Entry => ({
      kind: 'folder',
      key: listedKey(prefix, request.prefix),
      sizeBytes: 0,
      modifiedAt: null,
      version: null,
      digests: {},
      storageClass: null,
    }),
  );
  return {
    items: folders.length === 0 ? items : [...folders, ...items].sort(byKey),
    nextCursor: listedCursor(listing.nextPageToken, request.cursor),
  };
}

function byKey(a: Entry, b: Entry): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}
