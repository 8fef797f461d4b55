import type { Digests } from '../../digest-algorithm.ts';
import type { ObjectInfo, ObjectMetadata, Version } from '../../provider.ts';
import { objectSize } from '../body.ts';
import { decodeHeaderValue, encodeHeaderValue, mtimeKey, mtimeSeconds, parseMtime, withMtime } from '../metadata.ts';
import { hasTags, tagsHeader } from '../tags.ts';

const metadataPrefix = 'x-amz-meta-';
/** 2 KB of names and values together ("Working with object metadata" in the S3 user guide). */
const metadataMaxBytes = 2048;
const checksums = ['crc32c', 'crc32', 'crc64nvme', 'sha256'] as const;

/** User metadata as it is sent; the modification time under rclone's key. */
export function toUserMetadata(metadata: ObjectMetadata): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata.user)) result[name.toLowerCase()] = encodeHeaderValue(value);
  return withMtime(result, metadata, mtimeSeconds, metadataMaxBytes);
}

/** Headers of PutObject for content properties, metadata and tags. */
export function toPutHeaders(metadata: ObjectMetadata): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': metadata.contentType ?? 'application/octet-stream' };
  if (metadata.contentEncoding !== undefined) headers['content-encoding'] = metadata.contentEncoding;
  if (metadata.contentLanguage !== undefined) headers['content-language'] = metadata.contentLanguage;
  if (metadata.contentDisposition !== undefined) {
    headers['content-disposition'] = encodeHeaderValue(metadata.contentDisposition);
  }
  if (metadata.cacheControl !== undefined) headers['cache-control'] = metadata.cacheControl;
  for (const [name, value] of Object.entries(toUserMetadata(metadata))) headers[metadataPrefix + name] = value;
  if (hasTags(metadata)) headers['x-amz-tagging'] = tagsHeader(metadata.tags);
  return headers;
}

export function toVersion(headers: Record<string, string>): Version {
  return versionOf(headers.etag, headers['x-amz-version-id']);
}

/** The null version is no id: the next one has it too ("Adding objects to versioning-suspended buckets"). */
export function versionOf(etag: string | undefined, versionId: string | undefined): Version {
  const hasId = versionId !== undefined && versionId !== '' && versionId !== 'null';
  return { ...(etag ? { etag: quotedEtag(etag) } : {}), ...(hasId ? { versionId } : {}) };
}

/** ETags are quoted strings (RFC 9110, 8.8.3); some stores leave the quotes out in some of their answers. */
export function quotedEtag(etag: string): string {
  return /^(W\/)?"/.test(etag) ? etag : `"${etag}"`;
}

/**
 * MD5 of the object where its ETag is one: not after a multipart upload (then it has a dash), and not under SSE-KMS or
 * SSE-C ("Checking object integrity" in the S3 user guide).
 */
export function md5OfEtag(headers: Record<string, string>): string | undefined {
  if (headers['x-amz-server-side-encryption']?.startsWith('aws:kms')) return undefined;
  if (headers['x-amz-server-side-encryption-customer-algorithm'] !== undefined) return undefined;
  return /^"?([0-9a-f]{32})"?$/.exec(headers.etag ?? '')?.[1];
}

/** A checksum as S3 writes it, in hex; undefined for that of a composite, which is followed by a dash and a number. */
export function fromBase64(checksum: string | undefined): string | undefined {
  return checksum === undefined || checksum.includes('-') ? undefined : Buffer.from(checksum, 'base64').toString('hex');
}

export function toBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}

/** Digests of the whole object that an answer states. `etagIsMd5`: whether this store's ETags can be MD5s at all. */
function wholeDigests(headers: Record<string, string>, isPartial: boolean, etagIsMd5: boolean): Digests {
  const digests: Digests = {};
  const md5 = etagIsMd5 ? md5OfEtag(headers) : undefined;
  if (md5 !== undefined) digests.md5 = md5;
  // With a range that matches a part, S3 may state the checksum of that part.
  if (isPartial || headers['x-amz-checksum-type'] === 'COMPOSITE') return digests;
  for (const algorithm of checksums) {
    const value = fromBase64(headers[`x-amz-checksum-${algorithm}`]);
    if (value !== undefined) digests[algorithm] = value;
  }
  return digests;
}

/** Facts of an object from the headers of GetObject or HeadObject. */
export function toObjectInfo(status: number, headers: Record<string, string>, etagIsMd5: boolean): ObjectInfo {
  const user: Record<string, string> = {};
  let modifiedAt: Date | undefined;
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(metadataPrefix)) continue;
    const key = name.slice(metadataPrefix.length);
    const parsed = key === mtimeKey ? parseMtime(value) : undefined;
    if (parsed) modifiedAt = parsed;
    else user[key] = decodeHeaderValue(value);
  }
  const metadata: ObjectMetadata = { user };
  if (headers['content-type']) metadata.contentType = headers['content-type'];
  // Some stores keep what only described the upload.
  const encoding = headers['content-encoding']?.replace(/^aws-chunked(,\s*|$)/, '');
  if (encoding) metadata.contentEncoding = encoding;
  if (headers['content-language']) metadata.contentLanguage = headers['content-language'];
  if (headers['content-disposition']) metadata.contentDisposition = decodeHeaderValue(headers['content-disposition']);
  if (headers['cache-control']) metadata.cacheControl = headers['cache-control'];
  if (modifiedAt) metadata.modifiedAt = modifiedAt;
  return {
    sizeBytes: objectSize(headers),
    modifiedAt: headers['last-modified'] === undefined ? null : new Date(headers['last-modified']),
    version: toVersion(headers),
    digests: wholeDigests(headers, status === 206, etagIsMd5),
    assertedDigests: {},
    metadata,
    storageClass: headers['x-amz-storage-class'] ?? 'STANDARD',
  };
}
