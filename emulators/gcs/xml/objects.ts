import { hashHeaders, receiveContent, statedHashes, verifyHashes } from '../body.ts';
import { download } from '../download.ts';
import { type Exchange, header, requireBucket, requireName } from '../exchange.ts';
import { type Condition, checkPreconditions } from '../preconditions.ts';
import { headerAttributes, xmlEtag } from '../resource.ts';
import { type ResponseHeaders, sendEmpty } from '../respond.ts';
import type { ObjectRecord } from '../store/records.ts';

/** `x-goog-if-generation-match` and its like. https://cloud.google.com/storage/docs/xml-api/reference-headers */
function headerConditions(exchange: Exchange) {
  const names = {
    GenerationMatch: 'x-goog-if-generation-match',
    GenerationNotMatch: 'x-goog-if-generation-not-match',
    MetagenerationMatch: 'x-goog-if-metageneration-match',
    MetagenerationNotMatch: 'x-goog-if-metageneration-not-match',
  };
  return (name: Condition) => header(exchange, names[name]);
}

/** https://cloud.google.com/storage/docs/xml-api/get-object-download and .../head-object */
export async function getObject(exchange: Exchange): Promise<void> {
  const { store, query, method } = exchange;
  const record = store.require(requireBucket(exchange), requireName(exchange.name), query.get('generation'));
  checkPreconditions(record, headerConditions(exchange), true);
  await download(exchange, record, { isXml: true, isHead: method === 'HEAD' });
}

/** https://cloud.google.com/storage/docs/xml-api/put-object-upload */
export async function putObject(exchange: Exchange): Promise<void> {
  const { store } = exchange;
  const content = await receiveContent(exchange);
  const bucket = requireBucket(exchange);
  const name = requireName(exchange.name);
  verifyHashes(content, hashHeaders(exchange));
  checkPreconditions(store.find(bucket, name), headerConditions(exchange));
  const record = store.put(bucket, name, headerAttributes(exchange), content);
  sendEmpty(exchange, 200, writtenHeaders(exchange, record));
}

/** https://cloud.google.com/storage/docs/xml-api/delete-object */
export async function deleteObject(exchange: Exchange): Promise<void> {
  const { store, query } = exchange;
  const record = store.require(requireBucket(exchange), requireName(exchange.name), query.get('generation'));
  checkPreconditions(record, headerConditions(exchange));
  store.delete(record, query.has('generation'));
  sendEmpty(exchange, 204);
}

export function writtenHeaders(exchange: Exchange, record: ObjectRecord): ResponseHeaders {
  const { crc32c, md5 } = statedHashes(exchange, record);
  return {
    etag: xmlEtag(record),
    'x-goog-generation': record.generation,
    'x-goog-metageneration': String(record.metageneration),
    'x-goog-hash': [`crc32c=${crc32c}`, ...(md5 === undefined ? [] : [`md5=${md5}`])],
    'x-goog-stored-content-length': String(record.size),
  };
}
