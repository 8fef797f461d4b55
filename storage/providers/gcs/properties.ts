import { AppError } from '../../../core/errors.ts';
import { statedAlgorithm } from '../../digest.ts';
import type { Digests } from '../../digest-algorithm.ts';
import type { ObjectInfo, ObjectMetadata, Precondition, UploadBody, Version } from '../../provider.ts';
import { objectSize } from '../body.ts';
import { decodeHeaderValue, encodeHeaderValue, mtimeKey, parseMtime, storableText, withMtime } from '../metadata.ts';
import { listedSize } from '../xml.ts';
import { notGcs } from './errors.ts';

const metadataPrefix = 'x-goog-meta-';
/** 8 KiB of names and values together ("Quotas & limits"). */
const metadataMaxBytes = 8192;
/** What the service sends for objects that have no Cache-Control of their own ("Caching", Default behavior). */
const defaultCaching = ['private, max-age=0', 'public, max-age=3600'];

const statedCrc32c = /(?:^|[,\s])crc32c=([A-Za-z0-9+/]+=*)/;
const statedMd5 = /(?:^|[,\s])md5=([A-Za-z0-9+/]+=*)/;

/** An object as the JSON API describes it, as far as it is asked for ("Objects", Resource representations). */
export interface ObjectResource {
  name?: string;
  size?: string;
  generation?: string | undefined;
  updated?: string;
  md5Hash?: string;
  crc32c?: string;
  storageClass?: string | undefined;
  contentType?: string | undefined;
  contentEncoding?: string | undefined;
  contentLanguage?: string | undefined;
  contentDisposition?: string | undefined;
  cacheControl?: string | undefined;
  metadata?: Record<string, string>;
}

/** The fields that a description needs, for the parameter `fields`. */
export const objectFields =
  'name,size,generation,updated,md5Hash,crc32c,storageClass,contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl,metadata';

/**
 * The two APIs have ETags of their own kinds for one object, and the JSON API's changes with the metadata: the
 * generation stands for both fields.
 */
export function versionOf(generation: string | undefined): Version {
  if (generation === undefined || !/^\d+$/.test(generation)) throw notGcs();
  return { versionId: generation, etag: `"${generation}"` };
}

/** The generation of a version; undefined for one that Cloud Storage has not made. */
export function generationOf(version: Version): string | undefined {
  return /^"?(\d+)"?$/.exec(version.versionId ?? version.etag ?? '')?.[1];
}

/** Generation that a write is held to: 0 stands for no object ("Request preconditions"). */
export function requiredGeneration(precondition: Precondition | undefined): string | undefined {
  if (precondition?.ifAbsent) return '0';
  if (precondition?.ifMatch === undefined) return undefined;
  const generation = generationOf(precondition.ifMatch);
  if (generation !== undefined) return generation;
  throw new AppError('PRECONDITION_FAILED', 'The destination is not the object that was expected.');
}

/** Custom metadata as it is stored, by either API: header-safe text, the modification time as rclone keeps it there. */
function customMetadata(metadata: ObjectMetadata): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata.user)) result[name.toLowerCase()] = encodeHeaderValue(value);
  return withMtime(result, metadata, (modifiedAt) => modifiedAt.toISOString(), metadataMaxBytes);
}

/** Headers of a write by the XML API. */
export function toPutHeaders(metadata: ObjectMetadata): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': metadata.contentType ?? 'application/octet-stream' };
  if (metadata.contentEncoding !== undefined) headers['content-encoding'] = metadata.contentEncoding;
  if (metadata.contentLanguage !== undefined) headers['content-language'] = metadata.contentLanguage;
  if (metadata.contentDisposition !== undefined) {
    headers['content-disposition'] = encodeHeaderValue(metadata.contentDisposition);
  }
  if (metadata.cacheControl !== undefined) headers['cache-control'] = metadata.cacheControl;
  for (const [name, value] of Object.entries(customMetadata(metadata))) headers[metadataPrefix + name] = value;
  return headers;
}

/** The same for the JSON API. */
export function toResource(metadata: ObjectMetadata): ObjectResource {
  const { contentType = 'application/octet-stream', contentEncoding, contentLanguage, cacheControl } = metadata;
  const { contentDisposition } = metadata;
  return {
    contentType,
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
    ...(contentLanguage === undefined ? {} : { contentLanguage }),
    ...(contentDisposition === undefined ? {} : { contentDisposition: encodeHeaderValue(contentDisposition) }),
    ...(cacheControl === undefined ? {} : { cacheControl }),
    metadata: customMetadata(metadata),
  };
}

interface Described extends Omit<ObjectResource, 'name' | 'size' | 'updated' | 'md5Hash' | 'crc32c'> {
  sizeBytes: number;
  modifiedAt: Date | null;
  digests: Digests;
}

function toInfo(described: Described): ObjectInfo {
  const metadata: ObjectMetadata = { user: {} };
  for (const [name, value] of Object.entries(described.metadata ?? {})) {
    const modifiedAt = name === mtimeKey ? parseMtime(value) : undefined;
    if (modifiedAt) metadata.modifiedAt = modifiedAt;
    else metadata.user[name.toLowerCase()] = decodeHeaderValue(value);
  }
  for (const field of ['contentType', 'contentEncoding', 'contentLanguage', 'cacheControl'] as const) {
    const value = described[field];
    if (value) metadata[field] = value;
  }
  if (described.contentDisposition) metadata.contentDisposition = decodeHeaderValue(described.contentDisposition);
  return {
    sizeBytes: described.sizeBytes,
    modifiedAt: described.modifiedAt,
    version: versionOf(described.generation),
    digests: described.digests,
    assertedDigests: {},
    metadata,
    storageClass: described.storageClass ?? 'STANDARD',
  };
}

export function infoOfResource(resource: ObjectResource): ObjectInfo {
  const { updated, size, md5Hash, crc32c, name: _name, ...rest } = resource;
  // Headers, from which reads know the time, hold whole seconds.
  const seconds = Math.floor(Date.parse(updated ?? '') / 1000);
  return toInfo({
    ...rest,
    sizeBytes: listedSize(size),
    modifiedAt: Number.isNaN(seconds) ? null : new Date(seconds * 1000),
    digests: digestsOf(crc32c, md5Hash),
  });
}

/** Facts of an object from the headers of a GET by the XML API. */
export function infoOfHeaders(headers: Record<string, string>): ObjectInfo {
  const metadata: Record<string, string> = {};
  for (const name in headers) {
    if (name.startsWith(metadataPrefix)) metadata[name.slice(metadataPrefix.length)] = fromWire(headers[name] ?? '');
  }
  const text = (name: string) => (headers[name] === undefined ? undefined : fromWire(headers[name]));
  const caching = headers['cache-control'] ?? '';
  return toInfo({
    contentType: text('content-type'),
    contentEncoding: text('content-encoding'),
    contentLanguage: text('content-language'),
    contentDisposition: text('content-disposition'),
    cacheControl: defaultCaching.includes(caching) ? undefined : text('cache-control'),
    storageClass: headers['x-goog-storage-class'],
    generation: headers['x-goog-generation'],
    metadata,
    sizeBytes: objectSize(headers),
    modifiedAt: headers['last-modified'] === undefined ? null : new Date(headers['last-modified']),
    digests: hashHeader(headers),
  });
}

/** Values that were written by the JSON API hold any Unicode, which arrives as UTF-8, a character per byte. */
function fromWire(value: string): string {
  return /[\u0080-\u00ff]/.test(value) ? storableText(Buffer.from(value, 'latin1').toString('utf8')) : value;
}

/** The digests in `x-goog-hash: crc32c=…,md5=…`, of the whole object whatever the range. */
export function hashHeader(headers: Record<string, string>): Digests {
  const stated = headers['x-goog-hash'] ?? '';
  return digestsOf(statedCrc32c.exec(stated)?.[1], statedMd5.exec(stated)?.[1]);
}

export function digestsOf(crc32c: string | undefined, md5: string | undefined): Digests {
  return {
    ...(crc32c === undefined ? {} : { crc32c: Buffer.from(crc32c, 'base64').toString('hex') }),
    ...(md5 === undefined ? {} : { md5: Buffer.from(md5, 'base64').toString('hex') }),
  };
}

/** `x-goog-hash` of a body whose bytes are at hand or spoken for; else a stream's CRC32C is known only after them. */
export function hashOfBody(body: UploadBody): Record<string, string> {
  if (body.stated === undefined && !Array.isArray(body.source)) return {};
  const algorithm = statedAlgorithm(body) ?? 'crc32c';
  return { 'x-goog-hash': `${algorithm}=${Buffer.from(body.digest(algorithm), 'hex').toString('base64')}` };
}

/**
 * The digests that the service states of what it has just taken, compared with what was sent. Throws CHECKSUM_MISMATCH,
 * and ENDPOINT_INVALID when it states none, as the service always does.
 */
export function acknowledged(headers: Record<string, string>, body: UploadBody): Digests {
  const digests = hashHeader(headers);
  if (digests.crc32c === undefined) throw notGcs();
  const algorithm = statedAlgorithm(body) ?? 'crc32c';
  if (digests[algorithm] !== body.digest(algorithm)) {
    throw new AppError('CHECKSUM_MISMATCH', 'The bytes that arrived are not those that were sent.');
  }
  return digests;
}
