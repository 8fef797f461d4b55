import { receiveText } from '../body.ts';
import { GcsError } from '../errors.ts';
import { type Exchange, requireBucket } from '../exchange.ts';
import { bucketResource, parseJson } from '../resource.ts';
import { sendEmpty, sendJson } from '../respond.ts';
import { pageSize } from './objects.ts';

/** https://cloud.google.com/storage/docs/json_api/v1/buckets/list */
export async function listBuckets(exchange: Exchange): Promise<void> {
  const { query, store, identity, settings } = exchange;
  if (!query.get('project')) throw new GcsError('required', 'Required parameter: project');
  if (identity.buckets !== undefined || query.get('project') !== settings.projectId) {
    throw new GcsError(
      'forbidden',
      `${identity.email} does not have storage.buckets.list access to the Google Cloud project.`,
    );
  }
  const after = Buffer.from(query.get('pageToken') ?? '', 'base64url').toString();
  const maximum = pageSize(query);
  const found = store
    .buckets()
    .filter(({ name }) => name > after && name.startsWith(query.get('prefix') ?? ''))
    .slice(0, maximum + 1);
  const page = found.slice(0, maximum);
  await sendJson(exchange, {
    kind: 'storage#buckets',
    ...(found.length > maximum ? { nextPageToken: Buffer.from(page.at(-1)?.name ?? '').toString('base64url') } : {}),
    items: page.map((record) => bucketResource(exchange, record)),
  });
}

/** https://cloud.google.com/storage/docs/json_api/v1/buckets/get */
export async function getBucket(exchange: Exchange): Promise<void> {
  const record = exchange.store.findBucket(requireBucket(exchange));
  if (record !== undefined) await sendJson(exchange, bucketResource(exchange, record));
}

/** https://cloud.google.com/storage/docs/json_api/v1/buckets/insert */
export async function insertBucket(exchange: Exchange): Promise<void> {
  const { query, store, settings, identity } = exchange;
  const resource = parseJson(await receiveText(exchange));
  if (query.get('project') !== settings.projectId || identity.buckets !== undefined) throw new GcsError('forbidden');
  const name = String(resource.name ?? '');
  requireBucketName(name);
  const record = {
    name,
    projectId: settings.projectId,
    location: String(resource.location ?? 'US').toUpperCase(),
    storageClass: String(resource.storageClass ?? 'STANDARD'),
    created: Date.now(),
    versioning: (resource.versioning as { enabled?: unknown } | undefined)?.enabled === true,
  };
  store.createBucket(record);
  await sendJson(exchange, bucketResource(exchange, record));
}

/** https://cloud.google.com/storage/docs/json_api/v1/buckets/delete */
export async function deleteBucket(exchange: Exchange): Promise<void> {
  exchange.store.deleteBucket(requireBucket(exchange));
  sendEmpty(exchange, 204);
}

/** https://cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions: who may use a bucket may do all here. */
export async function testPermissions(exchange: Exchange): Promise<void> {
  requireBucket(exchange);
  await sendJson(exchange, {
    kind: 'storage#testIamPermissionsResponse',
    permissions: exchange.query.getAll('permissions'),
  });
}

/** https://cloud.google.com/storage/docs/buckets#naming. @throws invalid */
export function requireBucketName(name: string): void {
  const isRight =
    /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name) &&
    name.split('.').every((label) => label.length >= 1 && label.length <= 63) &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name) &&
    !name.startsWith('goog') &&
    !/google|g00gle/.test(name);
  if (!isRight) throw new GcsError('invalid', `Invalid bucket name: '${name}'`);
}
