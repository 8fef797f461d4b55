import { DeleteBucketCommand, DeleteObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { approveTransfer } from '../queue/transfer.ts';
import { type Crossing, startCrossing } from './support/engine.ts';

let crossing: Crossing;
/** More than one batch, and far more than are under way at a time. */
const many = 600;

beforeAll(async () => {
  crossing = await startCrossing();
  for (let at = 0; at < many; at++) await crossing.from.put(`many/${String(at).padStart(3, '0')}`, 100);
}, 60_000);

afterAll(() => crossing?.stop());

beforeEach(() => crossing.to.server.faults.clear());

const reads = () => crossing.from.server.observer.counters('GetObject').requests;

const submit = (more: object = {}) =>
  crossing.engine.submit({
    ...{ ...crossing.accounts, sourcePaths: ['source/many/'], destinationPath: 'target/place/' },
    ...more,
  });

const refuse = (code: 'NoSuchBucket' | 'QuotaExceeded', match: object = {}) =>
  crossing.to.server.faults.add({
    match: { ...match, count: Number.POSITIVE_INFINITY },
    action: { kind: 'refuse', code },
  });

async function empty(): Promise<void> {
  const { client, bucket, hashes } = crossing.to;
  for (const Key of Object.keys(await hashes())) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
}

test('a full destination is not tried with every object', async () => {
  refuse('QuotaExceeded', { operation: 'PutObject' });
  const before = reads();
  const { id } = await submit();
  const row = await crossing.engine.ended(id);
  expect(row).toMatchObject({ state: 'FAILED', errorCode: 'QUOTA_EXCEEDED', objectsFailed: BigInt(many) });
  expect(reads() - before).toBeLessThan(many / 2);
});

test('a bucket that vanishes in the middle fails what is left, and a move keeps every source', async () => {
  const before = reads();
  const { id } = await submit({ mode: 'MOVE', concurrency: 4 });
  await crossing.to.server.observer.waitFor({ operation: 'PutObject' }, { event: 'finished', count: 10 });
  refuse('NoSuchBucket');
  const row = await crossing.engine.ended(id);
  expect(row).toMatchObject({ errorCode: 'CONTAINER_NOT_FOUND', sourceRemovalsCompleted: 0n });
  expect(reads() - before).toBeLessThan(many / 2);
  expect(Object.keys(await crossing.from.hashes('many/'))).toHaveLength(many);
});

test('a bucket that vanishes after the plan is not tried with every object', async () => {
  const { engine, to } = crossing;
  await empty();
  const { id } = await submit({ dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await to.client.send(new DeleteBucketCommand({ Bucket: to.bucket }));
  const before = reads();
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  const row = await engine.ended(id);
  expect(row).toMatchObject({ state: 'FAILED', errorCode: 'CONTAINER_NOT_FOUND', objectsFailed: BigInt(many) });
  expect(reads() - before).toBeLessThan(many / 2);
});
