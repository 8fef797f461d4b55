import { describeObject, requireReadable } from '../attributes.ts';
import { checksumHeader } from '../checksums/checksum.ts';
import { checkReadConditions } from '../conditions.ts';
import {
  bucketOf,
  header,
  integerParameter,
  objectOf,
  parameter,
  type RequestContext,
  versionHeaders,
} from '../context.ts';
import { S3Error } from '../errors.ts';
import { type ByteRange, parseRange } from '../range.ts';
import { type ResponseHeaders, sendBody, sendEmpty } from '../respond.ts';
import { readBlobs } from '../store/blobs.ts';
import type { ObjectRecord } from '../store/records.ts';
import { checksumHeaders, wantsChecksum, withRetained } from './shared.ts';

/** Parameters that replace headers of the answer, and those headers. */
const OVERRIDES = {
  'response-cache-control': 'cache-control',
  'response-content-disposition': 'content-disposition',
  'response-content-encoding': 'content-encoding',
  'response-content-language': 'content-language',
  'response-content-type': 'content-type',
  'response-expires': 'expires',
} as const;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
export async function getObject(context: RequestContext): Promise<void> {
  const object = objectOf(context);
  if (checkReadConditions(context, object) === 'not-modified') {
    return sendNotModified(context, object);
  }
  requireReadable(object);
  const { status, headers, range } = describeAnswer(context, object);
  await withRetained(object, () =>
    sendBody(context, status, headers, range.end - range.start, readBlobs(object.blobs, range.start, range.end)),
  );
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html */
export function headObject(context: RequestContext): void {
  const object = objectOf(context);
  if (checkReadConditions(context, object) === 'not-modified') {
    sendNotModified(context, object);
    return;
  }
  const { status, headers, range } = describeAnswer(context, object);
  sendEmpty(context, status, { ...headers, 'content-length': range.end - range.start });
}

function sendNotModified(context: RequestContext, object: ObjectRecord): void {
  const { etag, 'last-modified': lastModified } = describeObject(object) as Record<string, string>;
  sendEmpty(context, 304, { etag: etag as string, 'last-modified': lastModified as string });
}

interface Answer {
  readonly status: 200 | 206;
  readonly headers: ResponseHeaders;
  readonly range: ByteRange;
}

function describeAnswer(context: RequestContext, object: ObjectRecord): Answer {
  const headers = { ...describeObject(object), ...versionHeaders(bucketOf(context), object) };
  for (const [name, replaced] of Object.entries(OVERRIDES)) {
    const value = parameter(context, name);
    if (value !== undefined) {
      headers[replaced] = value;
    }
  }
  const rangeHeader = header(context, 'range');
  if (parameter(context, 'partNumber') !== undefined) {
    if (rangeHeader !== undefined) {
      throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter');
    }
    return describePart(context, object, headers);
  }
  const range = parseRange(rangeHeader, object.size);
  if (range === undefined) {
    Object.assign(headers, wantsChecksum(context) ? checksumHeaders(object.checksum) : {});
    return { status: 200, headers, range: { start: 0, end: object.size } };
  }
  headers['content-range'] = contentRange(range, object);
  return { status: 206, headers, range };
}

/** One part of a multipart object; other objects have one part, the whole. */
function describePart(context: RequestContext, object: ObjectRecord, headers: ResponseHeaders): Answer {
  const partNumber = integerParameter(context, 'partNumber', 1, 1, 10_000);
  const whole = { partNumber: 1, size: object.size, checksum: undefined };
  const parts = object.parts ?? [whole];
  const part = parts[partNumber - 1];
  if (part === undefined) {
    throw new S3Error('InvalidPartNumber', undefined, {
      details: { PartNumberRequested: String(partNumber), ActualPartCount: String(parts.length) },
    });
  }
  const start = parts.slice(0, partNumber - 1).reduce((sum, { size }) => sum + size, 0);
  const range = { start, end: start + part.size };
  if (object.parts !== undefined) {
    headers['x-amz-mp-parts-count'] = parts.length;
  }
  if (wantsChecksum(context) && object.checksum !== undefined) {
    if (object.parts === undefined) {
      Object.assign(headers, checksumHeaders(object.checksum));
    } else if (part.checksum !== undefined) {
      headers[checksumHeader(object.checksum.algorithm)] = part.checksum;
      headers['x-amz-checksum-type'] = object.checksum.type;
    }
  }
  if (part.size === 0) {
    return { status: 200, headers, range };
  }
  headers['content-range'] = contentRange(range, object);
  return { status: 206, headers, range };
}

function contentRange({ start, end }: ByteRange, object: ObjectRecord): string {
  return `bytes ${start}-${end - 1}/${object.size}`;
}
