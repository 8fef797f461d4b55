import { toByteString, toText } from '../../s3/keys.ts';
import { listKeys } from '../../s3/store/listing.ts';
import { receiveText } from '../body.ts';
import { download } from '../download.ts';
import { GcsError } from '../errors.ts';
import { type Exchange, requireBucket, requireName } from '../exchange.ts';
import { checkPreconditions, queryConditions } from '../preconditions.ts';
import { attributesOf, metadataOf, objectResource, parseJson } from '../resource.ts';
import { sendEmpty, sendJson } from '../respond.ts';
import { joined } from '../store/content.ts';
import type { ObjectRecord } from '../store/records.ts';

/** https://cloud.google.com/storage/docs/json_api/v1/objects/list: names in byte order of UTF-8. */
export async function listObjects(exchange: Exchange): Promise<void> {
  const { query, store } = exchange;
  const bucket = requireBucket(exchange);
  const token = query.get('pageToken');
  const page = listKeys(store.index(bucket), {
    prefix: toByteString(query.get('prefix') ?? ''),
    delimiter: toByteString(query.get('delimiter') ?? ''),
    after: toByteString(token === null ? '' : readToken(token)),
    maximum: pageSize(query),
  });
  const last = page.last === undefined ? '' : toText(page.last);
  await sendJson(exchange, {
    kind: 'storage#objects',
    ...(page.isTruncated ? { nextPageToken: Buffer.from(last).toString('base64url') } : {}),
    ...(page.commonPrefixes.length > 0 ? { prefixes: page.commonPrefixes.map(toText) } : {}),
    ...(page.keys.length > 0 ? { items: page.keys.map((key) => objectResource(exchange, store.at(bucket, key))) } : {}),
  });
}

/** At most 1,000 a page, whatever is asked for. @throws invalid */
export function pageSize(query: URLSearchParams): number {
  const asked = Number(query.get('maxResults') ?? 1000);
  if (!Number.isInteger(asked) || asked < 1) throw new GcsError('invalid', 'Invalid value for maxResults.');
  return Math.min(asked, 1000);
}

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (text === '' || Buffer.from(text).toString('base64url') !== token) {
    throw new GcsError('invalid', 'Invalid argument: pageToken');
  }
  return text;
}

/** The object of the request, held to the preconditions of the query. */
function current(exchange: Exchange, isRead: boolean): ObjectRecord {
  const record = exchange.store.require(
    requireBucket(exchange),
    requireName(exchange.name),
    exchange.query.get('generation'),
  );
  checkPreconditions(record, queryConditions(exchange.query), isRead);
  return record;
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects/get */
export async function getObject(exchange: Exchange): Promise<void> {
  await sendJson(exchange, objectResource(exchange, current(exchange, true)));
}

/** The same with `alt=media`. */
export async function downloadObject(exchange: Exchange): Promise<void> {
  await download(exchange, current(exchange, true), { isXml: false, isHead: exchange.method === 'HEAD' });
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects/delete */
export async function deleteObject(exchange: Exchange): Promise<void> {
  exchange.store.delete(current(exchange, false), exchange.query.has('generation'));
  sendEmpty(exchange, 204);
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects/patch, and update, which replaces all. */
export async function patchObject(exchange: Exchange): Promise<void> {
  const resource = parseJson(await receiveText(exchange));
  const before = current(exchange, false);
  const isPatch = exchange.method === 'PATCH';
  const attributes = attributesOf(resource, isPatch ? pickAttributes(before) : {});
  if (isPatch) attributes.metadata = resource.metadata === null ? {} : metadataOf(resource.metadata, before.metadata);
  await sendJson(exchange, objectResource(exchange, exchange.store.update(before, attributes)));
}

export function pickAttributes(record: ObjectRecord) {
  const { contentType, contentEncoding, contentLanguage, contentDisposition, cacheControl, customTime } = record;
  const { storageClass, metadata } = record;
  return {
    contentType,
    contentEncoding,
    contentLanguage,
    contentDisposition,
    cacheControl,
    customTime,
    storageClass,
    metadata,
  };
}

const MAXIMUM_COMPONENTS = 32;

interface ComposeRequest {
  sourceObjects?: { name?: string; generation?: string; objectPreconditions?: { ifGenerationMatch?: string } }[];
  destination?: Record<string, unknown>;
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects/compose */
export async function composeObject(exchange: Exchange): Promise<void> {
  const { store, query } = exchange;
  const request = parseJson(await receiveText(exchange)) as ComposeRequest;
  const bucket = requireBucket(exchange);
  const name = requireName(exchange.name);
  const sources = request.sourceObjects ?? [];
  if (sources.length === 0) throw new GcsError('required', 'You must provide at least one source component.');
  if (sources.length > MAXIMUM_COMPONENTS) {
    throw new GcsError(
      'invalid',
      `The number of source components provided (${sources.length}) exceeds the maximum (32)`,
    );
  }
  const components = sources.map((source) => {
    const record = store.require(bucket, requireName(source.name), source.generation);
    const wanted = source.objectPreconditions?.ifGenerationMatch;
    if (wanted !== undefined && wanted !== record.generation) throw new GcsError('conditionNotMet');
    return record;
  });
  checkPreconditions(store.find(bucket, name), queryConditions(query));
  const count = components.reduce((sum, { componentCount }) => sum + (componentCount ?? 1), 0);
  const attributes = attributesOf(request.destination ?? {}, { contentType: components[0]?.contentType });
  await sendJson(exchange, objectResource(exchange, store.put(bucket, name, attributes, joined(components, count))));
}
