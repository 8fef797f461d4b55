import { randomBytes } from 'node:crypto';
import { header, headersWithPrefix, type RequestContext } from './context.ts';
import { S3Error } from './errors.ts';
import type { ResponseHeaders } from './respond.ts';
import type { ObjectAttributes, ObjectRecord, Tag } from './store/records.ts';

const SYSTEM_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
  'x-amz-website-redirect-location',
];

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html: x-amz-storage-class */
const STORAGE_CLASSES = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'GLACIER_IR',
  'DEEP_ARCHIVE',
];

const ARCHIVED_CLASSES = ['GLACIER', 'DEEP_ARCHIVE'];

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html: user-defined metadata is limited to 2 KB. */
const MAXIMUM_METADATA_BYTES = 2048;

/** Told in answers, and told only: nothing is encrypted here. */
const ENCRYPTION_HEADERS = ['x-amz-server-side-encryption', 'x-amz-server-side-encryption-aws-kms-key-id'];

/** Headers that ask for what this server does not do; silence would be a false promise of locking, or of keys of the client's own. */
const UNSUPPORTED_HEADERS = [
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-copy-source-server-side-encryption-customer-algorithm',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
  'x-amz-object-lock-legal-hold',
  'x-amz-write-offset-bytes',
];

/**
 * Reads what the headers say about a new object.
 * @throws InvalidStorageClass, MetadataTooLarge, InvalidTag, NotImplemented, AccessControlListNotSupported
 */
export function readAttributes(context: RequestContext): ObjectAttributes {
  refuseUnsupportedHeaders(context);
  return {
    headers: { ...readSystemHeaders(context), ...readEncryption(context) },
    metadata: readMetadata(context),
    storageClass: readStorageClass(context) ?? 'STANDARD',
    tags: readTaggingHeader(context),
  };
}

/** @throws NotImplemented, AccessControlListNotSupported */
export function refuseUnsupportedHeaders(context: RequestContext): void {
  for (const name of UNSUPPORTED_HEADERS) {
    if (header(context, name) !== undefined) {
      throw new S3Error('NotImplemented', undefined, { details: { Header: name } });
    }
  }
  // Buckets have ACLs disabled, the state of new ones in S3: only what changes nothing is accepted.
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
  const acl = header(context, 'x-amz-acl');
  if (acl !== undefined && acl !== 'private' && acl !== 'bucket-owner-full-control') {
    throw new S3Error('AccessControlListNotSupported');
  }
}

export function readSystemHeaders(context: RequestContext): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of SYSTEM_HEADERS) {
    const value = header(context, name);
    if (value !== undefined && value !== '') {
      headers[name] = value;
    }
  }
  if (headers['content-encoding'] !== undefined) {
    // aws-chunked describes the request, not the object (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html).
    const encodings = headers['content-encoding'].split(',').map((encoding) => encoding.trim());
    const kept = encodings.filter((encoding) => encoding !== 'aws-chunked' && encoding !== '').join(',');
    if (kept === '') {
      delete headers['content-encoding'];
    } else {
      headers['content-encoding'] = kept;
    }
  }
  headers['content-type'] ??= 'binary/octet-stream';
  return headers;
}

/**
 * What a new object is said to be encrypted with. A copy does not take it over from its source.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html
 * @throws InvalidArgument
 */
export function readEncryption(context: RequestContext): Record<string, string> {
  const [algorithm, keyId] = ENCRYPTION_HEADERS.map((name) => header(context, name));
  if (algorithm === undefined && keyId === undefined) {
    return {};
  }
  if (!/^(AES256|aws:kms)$/.test(algorithm ?? '')) {
    throw new S3Error('InvalidArgument', 'The encryption method specified is not supported');
  }
  if (keyId !== undefined && algorithm !== 'aws:kms') {
    throw new S3Error('InvalidArgument', 'A KMS key goes with aws:kms only');
  }
  return encryptionHeaders({ [ENCRYPTION_HEADERS[0] as string]: algorithm, [ENCRYPTION_HEADERS[1] as string]: keyId });
}

/** Those of `headers` that tell of encryption. */
export function encryptionHeaders(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const given = ENCRYPTION_HEADERS.filter((name) => headers[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, headers[name] as string]));
}

/**
 * ETag of an object that came in one piece: its MD5, but for one under SSE-KMS, whose ETag only looks like one.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
export function etagOf(headers: Readonly<Record<string, string>>, md5: string): string {
  return headers['x-amz-server-side-encryption'] === 'aws:kms' ? randomBytes(16).toString('hex') : md5;
}

/** @throws MetadataTooLarge */
export function readMetadata(context: RequestContext): Record<string, string> {
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of headersWithPrefix(context, 'x-amz-meta-')) {
    metadata[name] = decodeMailWords(value);
    bytes += name.length + metadata[name].length;
  }
  if (bytes > MAXIMUM_METADATA_BYTES) {
    throw new S3Error('MetadataTooLarge', undefined, {
      details: { Size: String(bytes), MaxSizeAllowed: String(MAXIMUM_METADATA_BYTES) },
    });
  }
  return metadata;
}

/** @throws InvalidStorageClass */
export function readStorageClass(context: RequestContext): string | undefined {
  const storageClass = header(context, 'x-amz-storage-class');
  if (storageClass !== undefined && !STORAGE_CLASSES.includes(storageClass)) {
    throw new S3Error('InvalidStorageClass', undefined, { details: { StorageClassRequested: storageClass } });
  }
  return storageClass;
}

/** @throws InvalidTag, InvalidArgument */
export function readTaggingHeader(context: RequestContext): Tag[] {
  const text = header(context, 'x-amz-tagging');
  if (text === undefined || text === '') {
    return [];
  }
  return validateTags([...new URLSearchParams(text)].map(([key, value]) => ({ key, value })));
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+@-]*$/u;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html. @throws InvalidTag, BadRequest */
export function validateTags(tags: Tag[]): Tag[] {
  if (tags.length > 10) {
    throw new S3Error('BadRequest', 'Object tags cannot be greater than 10');
  }
  if (new Set(tags.map(({ key }) => key)).size !== tags.length) {
    throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key');
  }
  for (const { key, value } of tags) {
    if (key === '' || key.length > 128 || !tagText.test(key) || key.startsWith('aws:')) {
      throw new S3Error('InvalidTag', 'The TagKey you have provided is invalid', { details: { TagKey: key } });
    }
    if (value.length > 256 || !tagText.test(value)) {
      throw new S3Error('InvalidTag', 'The TagValue you have provided is invalid', { details: { TagKey: key } });
    }
  }
  return tags;
}

/** The headers that describe an object in answers to GET and HEAD. */
export function describeObject(object: ObjectRecord): ResponseHeaders {
  const headers: ResponseHeaders = {
    'accept-ranges': 'bytes',
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.lastModified).toUTCString(),
    ...object.headers,
  };
  for (const name in object.metadata) {
    headers[`x-amz-meta-${name}`] = encodeMailWord(object.metadata[name] as string);
  }
  if (object.storageClass !== 'STANDARD') {
    headers['x-amz-storage-class'] = object.storageClass;
  }
  if (object.tags.length > 0) {
    headers['x-amz-tagging-count'] = object.tags.length;
  }
  return headers;
}

/**
 * Archived objects must be restored before they can be read, and nothing is ever restored here.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html
 * @throws InvalidObjectState
 */
export function requireReadable(object: ObjectRecord): void {
  if (ARCHIVED_CLASSES.includes(object.storageClass)) {
    throw new S3Error('InvalidObjectState', undefined, { details: { StorageClass: object.storageClass } });
  }
}

/*
 * Metadata outside of US-ASCII is decoded by RFC 2047 before it is stored and encoded by it in answers.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
 */

function decodeMailWords(value: string): string {
  return value.replace(/=\?UTF-8\?([BQ])\?([^?]*)\?=/gi, (_, encoding: string, text: string) =>
    encoding.toUpperCase() === 'B'
      ? Buffer.from(text, 'base64').toString('latin1')
      : text
          .replaceAll('_', ' ')
          .replace(/=([0-9A-F]{2})/gi, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
}

function encodeMailWord(value: string): string {
  return /^[\x20-\x7e\t]*$/.test(value) ? value : `=?UTF-8?B?${Buffer.from(value, 'latin1').toString('base64')}?=`;
}
