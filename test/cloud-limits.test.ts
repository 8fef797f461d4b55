import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { createRedis } from '../core/redis.ts';
import type { Refusal } from '../queue/events.ts';
import { azureCapabilities } from '../storage/providers/azure/capabilities.ts';
import { azureError } from '../storage/providers/azure/errors.ts';
import { dropboxCapabilities } from '../storage/providers/dropbox/capabilities.ts';
import { dropboxError } from '../storage/providers/dropbox/errors.ts';
import { gcsCapabilities } from '../storage/providers/gcs/capabilities.ts';
import { gcsError } from '../storage/providers/gcs/errors.ts';
import { awsAbilities, s3Capabilities } from '../storage/providers/s3/capabilities.ts';
import { s3Error } from '../storage/providers/s3/errors.ts';
import { Gate } from '../worker/transfer/gate.ts';
import { partSizeFor } from '../worker/transfer/parts.ts';
import { createSharedLimit } from '../worker/transfer/shared-limit.ts';
import { createTestRedis } from './support/databases.ts';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const s3 = s3Capabilities(awsAbilities);
const azure = azureCapabilities('key', false);
const gcs = gcsCapabilities(true);

/**
 * What each cloud documents, as least and most:
 * S3 "Amazon S3 multipart upload limits", Azure "Scalability targets for Blob storage" and "Put Blob", Cloud Storage "Quotas
 * and limits" (XML API multipart uploads), Dropbox /files/upload, /upload_session/append_v2 and UploadSessionFinishError.
 */
test.each([
  [
    'S3, 10,000 parts of 5 MiB to 5 GiB',
    s3,
    { single: 5 * GiB, object: 5 * 1024 * GiB, part: [5 * MiB, 5 * GiB], parts: 10_000, multiple: 1 },
  ],
  [
    'Azure, 50,000 blocks of up to 4,000 MiB, or 5,000 MiB at once',
    azure,
    { single: 5_000 * MiB, object: 50_000 * 4_000 * MiB, part: [1, 4_000 * MiB], parts: 50_000, multiple: 1 },
  ],
  [
    'Cloud Storage, 10,000 parts of 5 MiB to 5 GiB',
    gcs,
    { single: 5 * 1024 * GiB, object: 5 * 1024 * GiB, part: [5 * MiB, 5 * GiB], parts: 10_000, multiple: 1 },
  ],
  [
    'Dropbox, 150 MiB at once, 2,199,019,061,248 bytes in pieces of multiples of 4,194,304',
    dropboxCapabilities,
    { single: 150 * MiB, object: 2_199_019_061_248, part: [4 * MiB, 150 * MiB], parts: 100_000, multiple: 4_194_304 },
  ],
] as const)(
  '%s: what is declared is within what the cloud takes, and the largest object fits',
  (_, { write }, limits) => {
    expect(write.singleMaxBytes).toBeLessThanOrEqual(limits.single);
    expect(write.objectMaxBytes).toBeLessThanOrEqual(limits.object);
    expect(write.partMinBytes).toBeGreaterThanOrEqual(limits.part[0]);
    expect(write.partMaxBytes).toBeLessThanOrEqual(limits.part[1]);
    expect(write.maxParts).toBeLessThanOrEqual(limits.parts);
    expect(write.partMultipleBytes % limits.multiple).toBe(0);
    const partBytes = partSizeFor(write.objectMaxBytes, write, 64 * MiB);
    expect(partBytes).toBeLessThanOrEqual(write.partMaxBytes);
    expect(partBytes % write.partMultipleBytes).toBe(0);
    expect(Math.ceil(write.objectMaxBytes / partBytes)).toBeLessThanOrEqual(write.maxParts);
  },
);

test('server-side copies go no further than what their cloud copies in one request, or by parts', () => {
  expect(s3.copy?.maxBytes).toBeLessThanOrEqual(5 * 1024 * GiB);
  expect(s3Capabilities({ ...awsAbilities, copies: 'whole' }).copy?.maxBytes).toBeLessThanOrEqual(5 * GiB);
});

// What a cloud can do and nobody declares is never used, and no run of the suite misses it.
test.each([
  ['S3', s3, 'bytes', true],
  ['Azure', azure, 'none', true],
  // "XML API multipart uploads": these requests take no preconditions.
  ['Cloud Storage', gcs, 'bytes', false],
  ['Dropbox', dropboxCapabilities, 'none', true],
] as const)('%s: what its documentation promises is declared', (_, capabilities, order, conditionalUpload) => {
  const { listing, write, copy, presign } = capabilities;
  expect(listing.order).toBe(order);
  expect(write).toMatchObject({ conditional: true, conditionalUpload });
  expect(copy?.conditional).toBe(true);
  expect(presign).not.toBeNull();
});

/**
 * No rate is declared: prefixes, blobs and namespaces are divided by the clouds as they please, and whoever else uses the
 * account counts too. What a cloud refuses for its rate slows down all who use the account, and they go on from there.
 * S3 "Best practices design patterns", Cloud Storage "Request rate and access distribution guidelines", Azure "Scalability
 * targets for Blob storage", Dropbox "Error handling".
 */
test.each([
  [
    'S3: 3,500 writes and 5,500 reads a second for each prefix',
    s3Error({ status: 503, code: 'SlowDown', headers: {} }),
  ],
  [
    'Azure: 500 requests a second for each blob',
    azureError({ status: 503, code: 'ServerBusy', headers: { 'x-ms-request-id': '1' } }),
  ],
  [
    'Cloud Storage: 1,000 writes and 5,000 reads a second in the beginning, and one change of an object',
    gcsError({ status: 429, reason: 'rateLimitExceeded', message: '', headers: {} }, true),
  ],
  [
    'Dropbox: one write to a namespace at a time',
    dropboxError({
      status: 429,
      headers: { 'x-dropbox-request-id': '1' },
      text: '{"error": {"reason": {".tag": "too_many_write_operations"}, "retry_after": 1}}',
    }),
  ],
])('%s: a refusal for it makes every worker wait, and then go on more slowly', async (_, refusal) => {
  expect(refusal).toMatchObject({ code: 'THROTTLED', retry: 'backoff' });
  const redis = createRedis((await createTestRedis()).url);
  onTestFinished(() => redis.disconnect());
  await once(redis, 'ready');
  const limit = createSharedLimit(redis);
  const limitKey = 'of a credential';
  const { promise: told, resolve: tell } = Promise.withResolvers<Refusal>();
  const [refused, other] = [new Gate({ limitKey, limit, tell }), new Gate({ limitKey, limit, tell: () => {} })];
  const never = new AbortController().signal;
  await Promise.all(Array.from({ length: 1_000 }, () => refused.pass(never)));
  await expect(refused.watch(Promise.reject(refusal))).rejects.toBe(refusal);
  other.heard(await told);
  expect(other.closedMs).toBeGreaterThan(0);
  await other.pass(never);
  const { granted, limited } = await limit.take(limitKey, 1_000_000);
  expect(limited).toBe(true);
  expect(granted).toBeLessThan(1_000_000);
});
