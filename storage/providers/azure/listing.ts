import { AppError } from '../../../core/errors.ts';
import type { Entry, ListRequest, Page } from '../../provider.ts';
import {
  blocks,
  element,
  listedCursor,
  listedDate,
  listedEtag,
  listedKey,
  listedSize,
  requireWhole,
  unescapeXml,
} from '../xml.ts';
import { notAzure } from './errors.ts';
import type { BlobRest } from './rest.ts';

/** A page of 5,000 names of 1,024 characters each, all of them percent-encoded, with 8 KiB of metadata each, is below. */
const maxListingBytes = 128 * 1024 * 1024;

/** One page of List Blobs, with the metadata, which alone tells the directories that Hadoop's tools keep from files. */
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
      include: 'metadata',
      maxresults: String(Math.min(request.limit ?? maxPageSize, maxPageSize)),
      ...(request.prefix === '' ? {} : { prefix: request.prefix }),
      ...(request.delimiter === undefined ? {} : { delimiter: request.delimiter }),
      ...(request.cursor === undefined ? {} : { marker: request.cursor }),
    },
    signal,
  });
  return parseListing(await response.body.text(maxListingBytes), request);
}

/** Throws ENDPOINT_INVALID for what is no listing, PROVIDER_UNAVAILABLE for the beginning of one. */
export function parseListing(
  text: string,
  request: Pick<ListRequest, 'prefix' | 'delimiter' | 'folders' | 'cursor'>,
): Page<Entry> {
  if (!text.includes('<EnumerationResults')) {
    throw notAzure();
  }
  requireWhole(text, 'EnumerationResults');
  const document = withoutMetadata(text);
  const items: Entry[] = [];
  const folders = new Set<string>();
  const addFolder = (key: string) => {
    if (folders.has(key)) return;
    folders.add(key);
    items.push(folderEntry(key));
  };
  // No listing below a folder has the folder itself. That something is in it shows that it is there.
  if (request.folders && request.cursor === undefined && /\/$/.test(request.prefix) && document.includes('<Blob>')) {
    addFolder(request.prefix);
  }
  for (const block of blocks(document, 'BlobPrefix')) addFolder(listedKey(nameOf(block), request.prefix));
  for (const block of blocks(document, 'Blob')) {
    const key = nameOf(block);
    const sizeBytes = listedSize(element(block, 'Content-Length'));
    // A directory of a hierarchical namespace (List Blobs, from version 2020-10-02 on) is no object: in a flat listing
    // it is left out unless folders are asked for, in one of a level it is a folder, once. So is an empty blob that is
    // marked as one; a key that ends in a slash is a marker of its own.
    const isMarked = block.includes(directoryMark) && sizeBytes === 0 && !key.endsWith('/');
    if (isMarked || element(block, 'ResourceType') === 'directory') {
      const folder = key.endsWith('/') ? key : `${key}/`;
      const isWanted = request.delimiter === undefined ? request.folders : folder !== request.prefix;
      if (isWanted) addFolder(listedKey(folder, request.prefix));
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
      sizeBytes,
      modifiedAt: listedDate(element(block, 'Last-Modified'), new Date(0)),
      // Listings give ETags without the quotes that belong to them everywhere else.
      version: etag === undefined ? null : { etag: /^"/.test(etag) ? etag : `"${etag}"` },
      digests: {},
      storageClass: element(block, 'AccessTier') ?? null,
    });
  }
  return { items, nextCursor: listedCursor(unescapeXml(element(document, 'NextMarker') ?? ''), request.cursor) };
}

/** Of a key that ends in '/'. */
export function folderEntry(key: string): Entry {
  return { kind: 'folder', key, sizeBytes: 0, modifiedAt: null, version: null, digests: {}, storageClass: null };
}

const directoryMark = '<!--directory-->';

/**
 * The listing with a comment in the place of each blob's metadata that says `hdi_isfolder=true`, as Hadoop and the Data
 * Lake tools mark directories in a flat namespace (AzCopy and rclone know them so too), and nothing in the place of
 * others: their elements have names that writers choose, those of the listing itself too.
 */
function withoutMetadata(document: string): string {
  let rest = '';
  let from = 0;
  for (let start = document.indexOf('<Metadata>'); start !== -1; start = document.indexOf('<Metadata>', from)) {
    const end = endOfElement(document, start);
    const isDirectory = /<hdi_isfolder>true<\/hdi_isfolder>/i.test(document.slice(start, end));
    rest += document.slice(from, start) + (isDirectory ? directoryMark : '');
    from = end;
  }
  return rest + document.slice(from);
}

/** Index behind the element that begins at `start`: the document's length where it does not end. */
function endOfElement(document: string, start: number): number {
  const tags = /<(\/?)[^>]*?(\/?)>/g;
  tags.lastIndex = start;
  let depth = 0;
  for (let tag = tags.exec(document); tag !== null; tag = tags.exec(document)) {
    const [, closes, closesItself] = tag;
    if (closes) depth -= 1;
    else if (!closesItself) depth += 1;
    if (depth === 0) return tags.lastIndex;
  }
  return document.length;
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
