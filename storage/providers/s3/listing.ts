import { AppError } from '../../../core/errors.ts';
import type { Entry, FindUploadsRequest, ListRequest, Page, UploadSession } from '../../provider.ts';
import { uploadsIn } from '../found-uploads.ts';
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
import { notS3 } from './errors.ts';
import { quotedEtag } from './properties.ts';
import type { S3Rest } from './rest.ts';

/** A page of 1,000 keys of 1,024 bytes each, all of them percent-encoded, is far below. */
const maxListingBytes = 16 * 1024 * 1024;

/**
 * One page of ListObjectsV2. Read without an XML parser: the document's form is fixed, keys come percent-encoded, and
 * a transfer of a million objects reads a thousand of them.
 */
export async function listObjects(
  rest: S3Rest,
  request: ListRequest,
  maxPageSize: number,
  signal: AbortSignal,
): Promise<Page<Entry>> {
  const response = await rest.send({
    method: 'GET',
    bucket: request.container,
    query: {
      'list-type': '2',
      'encoding-type': 'url',
      'max-keys': String(Math.min(request.limit ?? maxPageSize, maxPageSize)),
      ...(request.prefix === '' ? {} : { prefix: request.prefix }),
      ...(request.delimiter === undefined ? {} : { delimiter: request.delimiter }),
      ...(request.cursor === undefined ? {} : { 'continuation-token': request.cursor }),
    },
    signal,
  });
  return parseListing(await response.body.text(maxListingBytes), request);
}

/** `findUploads` of the contract. */
export async function findUploads(
  rest: S3Rest,
  request: FindUploadsRequest,
  signal: AbortSignal,
): Promise<UploadSession[]> {
  const query = { uploads: '', prefix: request.key, 'encoding-type': 'url' };
  const response = await rest.send({ method: 'GET', bucket: request.container, query, signal });
  const document = await response.body.text(maxListingBytes);
  if (!document.includes('<ListMultipartUploadsResult')) throw notS3();
  const isEncoded = /<EncodingType>url<\/EncodingType>/.test(document);
  return uploadsIn(document, request, response.headers.date, isEncoded ? decodeKey : (key) => key);
}

/** Throws ENDPOINT_INVALID for what is no listing, PROVIDER_UNAVAILABLE for the beginning of one. */
export function parseListing(
  document: string,
  request: Pick<ListRequest, 'prefix' | 'delimiter' | 'cursor'>,
): Page<Entry> {
  if (!document.includes('<ListBucketResult')) {
    throw notS3();
  }
  requireWhole(document, 'ListBucketResult');
  const isEncoded = /<EncodingType>url<\/EncodingType>/.test(document);
  const keyOf = (text: string | undefined) => {
    const plain = unescapeXml(text ?? '');
    return listedKey(isEncoded ? decodeKey(plain) : plain, request.prefix);
  };
  const items: Entry[] = [];
  for (const block of blocks(document, 'Contents')) {
    const key = keyOf(element(block, 'Key'));
    // The marker of the very folder that is listed.
    if (request.delimiter !== undefined && key === request.prefix) continue;
    const etag = element(block, 'ETag');
    items.push({
      kind: 'file',
      key,
      sizeBytes: listedSize(element(block, 'Size')),
      modifiedAt: listedDate(element(block, 'LastModified'), new Date(0)),
      version: etag === undefined ? null : { etag: quotedEtag(listedEtag(etag)) },
      // An ETag may be an MD5, but under SSE-KMS it only looks like one, and a listing does not tell.
      digests: {},
      storageClass: element(block, 'StorageClass') ?? null,
    });
  }
  const folders: Entry[] = [];
  for (const block of blocks(document, 'CommonPrefixes')) {
    const key = keyOf(element(block, 'Prefix'));
    folders.push({
      kind: 'folder',
      key,
      sizeBytes: 0,
      modifiedAt: null,
      version: null,
      digests: {},
      storageClass: null,
    });
  }
  const isTruncated = /<IsTruncated>true<\/IsTruncated>/.test(document);
  const token = unescapeXml(element(document, 'NextContinuationToken') ?? '');
  if (isTruncated && token === '') {
    const message = 'The store lists only the first of its objects: it does not know ListObjectsV2. Update it.';
    throw new AppError('ENDPOINT_INVALID', message);
  }
  return {
    items: folders.length === 0 ? items : [...folders, ...items].sort(byKey),
    nextCursor: listedCursor(isTruncated ? token : undefined, request.cursor),
  };
}

function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    throw new AppError('ENDPOINT_INVALID', 'The store lists a name that is not valid UTF-8.');
  }
}

function byKey(a: Entry, b: Entry): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}
