import { AppError } from '../../../core/errors.ts';
import type { Entry, ListRequest, Page } from '../../provider.ts';
import { blocks, element, listedCursor, listedDate, listedEtag, listedKey, listedSize, unescapeXml } from '../xml.ts';
import { notAzure } from './errors.ts';
import type { BlobRest } from './rest.ts';

/** A page of 5,000 names of 1,024 characters each, all of them percent-encoded, is below. */
const maxListingBytes = 64 * 1024 * 1024;

/** One page of List Blobs. */
export async function listBlobs(
  rest: BlobRest,
  request: ListRequest,
  maxPageSize: number,
  signal: AbortSignal,
): Promise<Page<Entry>> {
  const response = await rest.send({
    method: 'GET',
    container: request.container,
    query: {
      restype: 'container',
      comp: 'list',
      maxresults: String(Math.min(request.limit ?? maxPageSize, maxPageSize)),
      ...(request.prefix === '' ? {} : { prefix: request.prefix }),
      ...(request.delimiter === undefined ? {} : { delimiter: request.delimiter }),
      ...(request.cursor === undefined ? {} : { marker: request.cursor }),
    },
    signal,
  });
  return parseListing(await response.body.text(maxListingBytes), request);
}

/** Throws ENDPOINT_INVALID for what is no listing. */
export function parseListing(
  document: string,
  request: Pick<ListRequest, 'prefix' | 'delimiter' | 'cursor'>,
): Page<Entry> {
  if (!document.includes('<EnumerationResults')) {
    throw notAzure();
  }
  const items: Entry[] = [];
  const folders = new Set<string>();
  const addFolder = (key: string) => {
    if (folders.has(key)) return;
    folders.add(key);
    items.push({
      kind: 'folder',
      key,
      sizeBytes: 0,
      modifiedAt: null,
      version: null,
      digests: {},
      storageClass: null,
    });
  };
  for (const block of blocks(document, 'BlobPrefix')) addFolder(listedKey(nameOf(block), request.prefix));
  for (const block of blocks(document, 'Blob')) {
    const key = nameOf(block);
    // A directory of a hierarchical namespace (List Blobs, from version 2020-10-02 on) is no object: in a flat listing
    // it is left out, in one of a level it is a folder, once.
    if (element(block, 'ResourceType') === 'directory') {
      const folder = key.endsWith('/') ? key : `${key}/`;
      if (request.delimiter !== undefined && folder !== request.prefix) addFolder(listedKey(folder, request.prefix));
      continue;
    }
    // The marker of the very folder that is listed.
    if (request.delimiter !== undefined && key === request.prefix) continue;
    listedKey(key, request.prefix);
    const text = element(block, 'Etag');
    const etag = text === undefined ? undefined : listedEtag(text);
    items.push({
      kind: 'file',
      key,
      sizeBytes: listedSize(element(block, 'Content-Length')),
      modifiedAt: listedDate(element(block, 'Last-Modified'), new Date(0)),
      // Listings give ETags without the quotes that belong to them everywhere else.
      version: etag === undefined ? null : { etag: /^"/.test(etag) ? etag : `"${etag}"` },
      digests: {},
      storageClass: element(block, 'AccessTier') ?? null,
    });
  }
  return { items, nextCursor: listedCursor(unescapeXml(element(document, 'NextMarker') ?? ''), request.cursor) };
}

/** Names that XML cannot write are percent-encoded and marked so (List Blobs, from version 2021-02-12 on). */
function nameOf(block: string): string {
  const [, attributes = '', text = ''] = /<Name([^>]*)>([^<]*)<\/Name>/.exec(block) ?? [];
  const name = unescapeXml(text);
  if (!attributes.includes('Encoded="true"')) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    throw new AppError('ENDPOINT_INVALID', 'The service lists a name that is not valid UTF-8.');
  }
}
