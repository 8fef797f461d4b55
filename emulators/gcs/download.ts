import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { readBlobs } from '../s3/store/blobs.ts';
import { statedHashes } from './body.ts';
import { GcsError } from './errors.ts';
import { type Exchange, header } from './exchange.ts';
import { jsonEtag, xmlEtag } from './resource.ts';
import { type ResponseHeaders, sendBody, sendEmpty } from './respond.ts';
import type { ObjectRecord } from './store/records.ts';

/**
 * Sends an object's bytes: whole or a range, and decompressed where its gzip encoding is not accepted.
 * https://cloud.google.com/storage/docs/xml-api/get-object-download and https://cloud.google.com/storage/docs/transcoding
 */
export async function download(exchange: Exchange, record: ObjectRecord, options: { isXml: boolean; isHead: boolean }) {
  const { size, blobs } = record;
  const headers = objectHeaders(exchange, record, options.isXml);
  if (isTranscoded(exchange, record)) {
    const { 'content-encoding': _stored, ...rest } = headers;
    // Neither a length nor ranges: what is sent is not what is stored.
    const plain = { ...rest, warning: '214 UploadServer gunzipped', 'accept-ranges': 'none' };
    if (options.isHead) return sendEmpty(exchange, 200, plain);
    const unzipped = Readable.from(readBlobs(blobs, 0, size)).pipe(createGunzip());
    return sendBody(exchange, 200, plain, undefined, unzipped as AsyncIterable<Buffer>);
  }
  const range = parseRange(header(exchange, 'range'), size);
  if (range === undefined) {
    if (options.isHead) return sendEmpty(exchange, 200, { ...headers, 'content-length': size });
    return sendBody(exchange, 200, headers, size, readBlobs(blobs, 0, size));
  }
  const partial = { ...headers, 'content-range': `bytes ${range.start}-${range.end - 1}/${size}` };
  if (options.isHead) return sendEmpty(exchange, 206, { ...partial, 'content-length': range.end - range.start });
  return sendBody(exchange, 206, partial, range.end - range.start, readBlobs(blobs, range.start, range.end));
}

function isTranscoded(exchange: Exchange, { contentEncoding, cacheControl }: ObjectRecord): boolean {
  if (contentEncoding !== 'gzip' || /\bno-transform\b/.test(cacheControl ?? '')) return false;
  return !/\bgzip\b|\*/.test(header(exchange, 'accept-encoding') ?? '');
}

/** https://cloud.google.com/storage/docs/xml-api/reference-headers */
function objectHeaders(exchange: Exchange, record: ObjectRecord, isXml: boolean): ResponseHeaders {
  const { crc32c, md5 } = statedHashes(exchange, record);
  const custom = Object.entries(record.metadata).map(([name, value]) => [`x-goog-meta-${name}`, latin1(value)]);
  return {
    'content-type': record.contentType ?? 'application/octet-stream',
    ...(record.contentEncoding === undefined ? {} : { 'content-encoding': record.contentEncoding }),
    ...(record.contentLanguage === undefined ? {} : { 'content-language': record.contentLanguage }),
    ...(record.contentDisposition === undefined ? {} : { 'content-disposition': latin1(record.contentDisposition) }),
    'cache-control': record.cacheControl ?? 'private, max-age=0',
    'last-modified': new Date(record.updated).toUTCString(),
    etag: isXml ? xmlEtag(record) : jsonEtag(record),
    'accept-ranges': 'bytes',
    'x-goog-generation': record.generation,
    'x-goog-metageneration': String(record.metageneration),
    'x-goog-storage-class': record.storageClass,
    'x-goog-stored-content-encoding': record.contentEncoding ?? 'identity',
    'x-goog-stored-content-length': String(record.size),
    // One header line a hash, as the service sends them.
    'x-goog-hash': [`crc32c=${crc32c}`, ...(md5 === undefined ? [] : [`md5=${md5}`])],
    ...(record.componentCount === undefined ? {} : { 'x-goog-component-count': String(record.componentCount) }),
    // Downloads by the JSON API leave custom metadata out.
    ...(isXml ? Object.fromEntries(custom) : {}),
  };
}

/** UTF-8 as Node writes it to the wire. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** One range of bytes (RFC 9110, section 14.2); what is not understood is ignored. @throws rangeNotSatisfiable */
function parseRange(text: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (start >= end) throw new GcsError('rangeNotSatisfiable', undefined, { 'content-range': `bytes */${size}` });
  return { start, end };
}
