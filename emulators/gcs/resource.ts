import { statedHashes } from './body.ts';
import { GcsError } from './errors.ts';
import { type Exchange, header } from './exchange.ts';
import type { BucketRecord, ObjectAttributes, ObjectRecord } from './store/records.ts';

/** An object as the JSON API describes it. https://cloud.google.com/storage/docs/json_api/v1/objects#resource */
export function objectResource(exchange: Exchange, record: ObjectRecord): Record<string, unknown> {
  const { bucket, name, generation } = record;
  const path = `b/${bucket}/o/${encodeURIComponent(name)}`;
  const hashes = statedHashes(exchange, record);
  return withoutUndefined({
    kind: 'storage#object',
    id: `${bucket}/${name}/${generation}`,
    selfLink: `${exchange.origin}/storage/v1/${path}`,
    mediaLink: `${exchange.origin}/download/storage/v1/${path}?generation=${generation}&alt=media`,
    name,
    bucket,
    generation,
    metageneration: String(record.metageneration),
    contentType: record.contentType,
    contentEncoding: record.contentEncoding,
    contentLanguage: record.contentLanguage,
    contentDisposition: record.contentDisposition,
    cacheControl: record.cacheControl,
    customTime: record.customTime,
    storageClass: record.storageClass,
    size: String(record.size),
    md5Hash: hashes.md5,
    crc32c: hashes.crc32c,
    componentCount: record.componentCount,
    etag: jsonEtag(record),
    timeCreated: new Date(record.created).toISOString(),
    updated: new Date(record.updated).toISOString(),
    timeStorageClassUpdated: new Date(record.created).toISOString(),
    metadata: Object.keys(record.metadata).length > 0 ? record.metadata : undefined,
  });
}

export function bucketResource(exchange: Exchange, record: BucketRecord): Record<string, unknown> {
  const time = new Date(record.created).toISOString();
  return {
    kind: 'storage#bucket',
    id: record.name,
    name: record.name,
    selfLink: `${exchange.origin}/storage/v1/b/${record.name}`,
    projectNumber: '1',
    metageneration: '1',
    location: record.location,
    locationType: 'multi-region',
    storageClass: record.storageClass,
    etag: 'CAE=',
    timeCreated: time,
    updated: time,
    versioning: { enabled: record.versioning },
    iamConfiguration: { uniformBucketLevelAccess: { enabled: true } },
  };
}

/** Of the JSON API: it changes with the metadata too. https://cloud.google.com/storage/docs/hashes-etags#etags */
export function jsonEtag({ generation, metageneration }: ObjectRecord): string {
  return Buffer.from(`${generation}/${metageneration}`).toString('base64');
}

/** Of the XML API: the MD5 where there is one, else something opaque. */
export function xmlEtag({ md5, generation }: ObjectRecord): string {
  return md5 === undefined
    ? `"-${Buffer.from(generation).toString('base64')}"`
    : `"${Buffer.from(md5, 'base64').toString('hex')}"`;
}

const FIELDS = [
  'contentType',
  'contentEncoding',
  'contentLanguage',
  'contentDisposition',
  'cacheControl',
  'customTime',
] as const;

/** What a resource in the body of a request says about an object. @throws parseError, invalid */
export function attributesOf(
  resource: Record<string, unknown>,
  defaults: Partial<ObjectAttributes> = {},
): ObjectAttributes {
  const attributes: ObjectAttributes = { storageClass: 'STANDARD', metadata: {}, ...defaults };
  for (const field of FIELDS) {
    const value = resource[field];
    if (value === null) attributes[field] = undefined;
    else if (typeof value === 'string') attributes[field] = value;
    else if (value !== undefined) throw new GcsError('invalid', `Invalid value for ${field}.`);
  }
  if (typeof resource.storageClass === 'string') attributes.storageClass = storageClass(resource.storageClass);
  if (resource.metadata !== undefined) attributes.metadata = metadataOf(resource.metadata, {});
  return attributes;
}

/** Custom metadata, on top of what was there; null removes a key. */
export function metadataOf(value: unknown, previous: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = { ...previous };
  for (const [key, text] of Object.entries((value ?? {}) as Record<string, unknown>)) {
    if (text === null) delete result[key];
    else if (typeof text === 'string') result[key] = text;
    else throw new GcsError('invalid', `Invalid value for metadata.${key}.`);
  }
  return result;
}

export function parseJson(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  try {
    const value = JSON.parse(text) as unknown;
    // Google's client for Go sends `null` where it has no resource.
    if (typeof value === 'object') return (value ?? {}) as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new GcsError('parseError');
}

/** What the headers of an XML API request say about an object. */
export function headerAttributes(exchange: Exchange): ObjectAttributes {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(exchange.request.headers)) {
    if (name.startsWith('x-goog-meta-')) metadata[name.slice('x-goog-meta-'.length)] = String(value);
  }
  return {
    contentType: header(exchange, 'content-type'),
    contentEncoding: header(exchange, 'content-encoding'),
    contentLanguage: header(exchange, 'content-language'),
    contentDisposition: header(exchange, 'content-disposition'),
    cacheControl: header(exchange, 'cache-control'),
    customTime: header(exchange, 'x-goog-custom-time'),
    storageClass: storageClass(header(exchange, 'x-goog-storage-class') ?? 'STANDARD'),
    metadata,
  };
}

/** https://cloud.google.com/storage/docs/storage-classes. @throws invalid */
function storageClass(name: string): string {
  if (/^(STANDARD|NEARLINE|COLDLINE|ARCHIVE|MULTI_REGIONAL|REGIONAL)$/.test(name)) return name;
  throw new GcsError('invalid', `Invalid storage class: ${name}`);
}

function withoutUndefined(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
