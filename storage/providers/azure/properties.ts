import type { ObjectInfo, ObjectMetadata, Version } from '../../provider.ts';
import { objectSize } from '../body.ts';
import { decodeHeaderValue, encodeHeaderValue, mtimeKey, parseMtime, withMtime } from '../metadata.ts';
import { hasTags, tagsHeader } from '../tags.ts';
import { decodeMetadataName, encodeMetadataName } from './names.ts';

const metadataPrefix = 'x-ms-meta-';
/** 8 KB of names and values together ("Setting and retrieving properties and metadata for Blob Storage"). */
const metadataMaxBytes = 8192;

/** Metadata as the service wants it: names are identifiers, values ASCII. The modification time is RFC 3339, as rclone writes it for Azure. */
export function toAzureMetadata(metadata: ObjectMetadata): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata.user)) {
    result[encodeMetadataName(name)] = encodeHeaderValue(value);
  }
  return withMtime(result, metadata, (modifiedAt) => modifiedAt.toISOString(), metadataMaxBytes);
}

/** Headers of Put Blob for content properties, metadata and tags. */
export function toPutBlobHeaders(metadata: ObjectMetadata): Record<string, string> {
  const headers: Record<string, string> = {
    'x-ms-blob-content-type': metadata.contentType ?? 'application/octet-stream',
  };
  if (metadata.contentEncoding !== undefined) headers['x-ms-blob-content-encoding'] = metadata.contentEncoding;
  if (metadata.contentLanguage !== undefined) headers['x-ms-blob-content-language'] = metadata.contentLanguage;
  if (metadata.contentDisposition !== undefined) {
    headers['x-ms-blob-content-disposition'] = encodeHeaderValue(metadata.contentDisposition);
  }
  if (metadata.cacheControl !== undefined) headers['x-ms-blob-cache-control'] = metadata.cacheControl;
  for (const [name, value] of Object.entries(toAzureMetadata(metadata))) headers[metadataPrefix + name] = value;
  if (hasTags(metadata)) headers['x-ms-tags'] = tagsHeader(metadata.tags);
  return headers;
}

export function toVersion(headers: Record<string, string>): Version {
  return headers.etag === undefined ? {} : { etag: headers.etag };
}

/** Facts of a blob from the headers of Get Blob or Get Blob Properties. */
export function toObjectInfo(headers: Record<string, string>): ObjectInfo {
  const user: Record<string, string> = {};
  let modifiedAt: Date | undefined;
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(metadataPrefix)) continue;
    const key = decodeMetadataName(name.slice(metadataPrefix.length));
    const parsed = key === mtimeKey ? parseMtime(value) : undefined;
    if (parsed) modifiedAt = parsed;
    else user[key] = decodeHeaderValue(value);
  }
  // With a range, Content-MD5 would be that of the range; the blob's own has a header apart.
  const md5 =
    headers['x-ms-blob-content-md5'] ?? (headers['content-range'] === undefined ? headers['content-md5'] : undefined);
  return {
    sizeBytes: objectSize(headers),
    modifiedAt: headers['last-modified'] === undefined ? null : new Date(headers['last-modified']),
    version: toVersion(headers),
    digests: {},
    assertedDigests: md5 === undefined ? {} : { md5: Buffer.from(md5, 'base64').toString('hex') },
    metadata: {
      ...pick(headers, 'content-type', 'contentType'),
      ...pick(headers, 'content-encoding', 'contentEncoding'),
      ...pick(headers, 'content-language', 'contentLanguage'),
      ...pick(headers, 'content-disposition', 'contentDisposition', decodeHeaderValue),
      ...pick(headers, 'cache-control', 'cacheControl'),
      user,
      ...(modifiedAt ? { modifiedAt } : {}),
    },
    storageClass: headers['x-ms-access-tier'] ?? null,
  };
}

function pick<Name extends keyof ObjectMetadata>(
  headers: Record<string, string>,
  header: string,
  name: Name,
  decode = (value: string) => value,
): { [key in Name]?: string } {
  const value = headers[header];
  return value === undefined || value === '' ? {} : ({ [name]: decode(value) } as { [key in Name]?: string });
}
