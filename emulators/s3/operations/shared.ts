import { createHash } from 'node:crypto';
import { type ReceivedBody, receiveBody } from '../body.ts';
import { type ChecksumAlgorithm, checksumElement, checksumHeader } from '../checksums/checksum.ts';
import { header, type RequestContext } from '../context.ts';
import { S3Error } from '../errors.ts';
import { listingEncode, toText } from '../keys.ts';
import type { ResponseHeaders } from '../respond.ts';
import type { Blob } from '../store/blobs.ts';
import type { ObjectRecord, StoredChecksum } from '../store/records.ts';
import { element, wrap } from '../xml.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html: of one PUT, one part and one copy. */
export const MAXIMUM_UPLOAD_BYTES = 5 * 1024 ** 3;

const OWNER_ID = createHash('sha256').update('skyferry').digest('hex');

/** All buckets and objects have one owner. */
export const OWNER_XML = wrap('Owner', element('ID', OWNER_ID), element('DisplayName', 'skyferry'));

export const INITIATOR_XML = wrap('Initiator', element('ID', OWNER_ID), element('DisplayName', 'skyferry'));

/** Who may do what, of a bucket with ACLs disabled: the owner everything. */
export const ACL_XML = `${OWNER_XML}${wrap(
  'AccessControlList',
  wrap(
    'Grant',
    `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">${element('ID', OWNER_ID)}${element('DisplayName', 'skyferry')}</Grantee>`,
    element('Permission', 'FULL_CONTROL'),
  ),
)}`;

export function quoted(etag: string): string {
  return `"${etag}"`;
}

/**
 * How a listing writes keys, prefixes and delimiters.
 * @throws InvalidArgument for an encoding-type other than url
 */
export function listingEncoder(encodingType: string | undefined): (bytes: string) => string {
  if (encodingType === undefined) {
    return toText;
  }
  if (encodingType !== 'url') {
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request', {
      details: { ArgumentName: 'encoding-type', ArgumentValue: encodingType },
    });
  }
  return (bytes) => listingEncode(toText(bytes));
}

/** Receives a body into a blob, which the caller owns; nothing is kept when this rejects. */
export async function receiveBlob(
  context: RequestContext,
  options: { algorithm?: ChecksumAlgorithm | undefined } = {},
): Promise<ReceivedBody & { blob: Blob }> {
  const writer = context.store.blobs.createWriter();
  try {
    const received = await receiveBody(context, (piece) => writer.write(piece), {
      maximum: MAXIMUM_UPLOAD_BYTES,
      algorithm: options.algorithm,
    });
    return { ...received, blob: await writer.finish() };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Runs the step that hands a blob over to the store; when it throws, the blob is freed. */
export function handOver<Result>(blob: Blob, step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    blob.delete();
    throw error;
  }
}

export function checksumXml(checksum: StoredChecksum | undefined): string {
  return checksum === undefined
    ? ''
    : element(checksumElement(checksum.algorithm), checksum.value) + element('ChecksumType', checksum.type);
}

export function checksumHeaders(checksum: StoredChecksum | undefined): ResponseHeaders {
  return checksum === undefined
    ? {}
    : { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

/** Checksums are returned only to those who ask. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
export function wantsChecksum(context: RequestContext): boolean {
  return header(context, 'x-amz-checksum-mode')?.toUpperCase() === 'ENABLED' && context.settings.hasFlexibleChecksums;
}

/** Runs `use` while the blobs of the object stay readable. */
export async function withRetained<Result>(object: ObjectRecord, use: () => Promise<Result>): Promise<Result> {
  for (const blob of object.blobs) {
    blob.retain();
  }
  try {
    return await use();
  } finally {
    for (const blob of object.blobs) {
      blob.release();
    }
  }
}
