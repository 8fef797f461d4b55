import { ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Transfer } from '../core/db.ts';
import { failuresOf } from '../queue/failures.ts';
import { approveTransfer, type SubmitTransfer } from '../queue/transfer.ts';
import type { ConflictPolicy } from '../queue/transfer-options.ts';
import { type Crossing, startCrossing } from './support/engine.ts';
import { sidesOf } from './support/sides.ts';

let crossing: Crossing;
let engine: Crossing['engine'];
let from: Crossing['from'];
let to: Crossing['to'];
let round = 0;
let prefix: string;

beforeAll(async () => {
  crossing = await startCrossing();
  ({ engine, from, to } = crossing);
});

afterAll(() => crossing?.stop());

beforeEach(() => {
  round += 1;
  prefix = `${round}/`;
});

const { itemsOf, namesAt, order, put } = sidesOf(() => ({ ...crossing, prefix }));

/** A transfer at its end, at whose destination somebody puts an object of the same name once its source is being read. */
async function raced(wish: Partial<SubmitTransfer>, body: string): Promise<Transfer> {
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  const match = { operation: 'GetObject', key: `${prefix}a` } as const;
  const held = from.server.faults.add({ match, action: { kind: 'hold', until } });
  const read = from.server.observer.waitFor(match);
  const { id } = await order(wish);
  if (wish.dryRun) {
    await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
    await engine.db.$transaction((tx) => approveTransfer(tx, id));
  }
  await read;
  await put(to, 'a', body);
  held.remove();
  release();
  return engine.ended(id);
}

const counted = (skipped: bigint, sizeBytes: bigint) => ({
  ...{ objectsListed: 1n, objectsSkipped: skipped, objectsPlanned: 1n - skipped, objectsCompleted: 1n - skipped },
  ...{
    bytesSkipped: skipped * sizeBytes,
    bytesPlanned: (1n - skipped) * sizeBytes,
    bytesAbandoned: skipped * sizeBytes,
  },
  ...{ bytesListed: sizeBytes, bytesAcknowledged: (1n - skipped) * sizeBytes, objectsFailed: 0n, errorCode: null },
});

const sizes = [
  ['in one request', 5],
  ['in parts', 17 * 1024 * 1024],
] as const;

test.each(
  sizes.flatMap(([how, size]) => [
    { how, size, policy: 'SKIP', body: 'theirs', reason: 'EXISTS' },
    { how, size, policy: 'OVERWRITE_IF_NEWER', body: 'theirs', reason: 'NOT_NEWER' },
    { how, size, policy: 'OVERWRITE_IF_DIFFERENT', body: 'same', reason: 'SAME' },
  ]),
)('$policy skips what came to the destination after it was listed, and is sent $how', async (given) => {
  const bytes = 'o'.repeat(given.size);
  const theirs = given.body === 'same' ? bytes : given.body;
  // A hash that can be put together from those of parts.
  const checked = { Bucket: from.bucket, Key: `${prefix}a`, Body: bytes, ChecksumAlgorithm: 'CRC32C' } as const;
  await from.client.send(new PutObjectCommand(checked));
  const begun = () => to.server.observer.counters('CreateMultipartUpload').requests;
  const before = begun();
  const row = await raced({ options: { conflictPolicy: given.policy as ConflictPolicy } }, theirs);
  // With the plan's question whether it may write.
  expect(begun() - before).toBe(given.how === 'in parts' ? 2 : 1);
  expect(row).toMatchObject({ state: 'COMPLETED', ...counted(1n, BigInt(given.size)) });
  expect(await itemsOf(row.id)).toMatchObject({
    a: { state: 'SKIPPED', action: 'SKIP', reason: given.reason, acknowledgedBytes: 0n, checkpoint: null },
  });
  await put(from, 'a', theirs);
  expect(await to.hashes(prefix)).toEqual(await from.hashes(prefix));
  const { Uploads = [] } = await to.client.send(new ListMultipartUploadsCommand({ Bucket: to.bucket }));
  expect(Uploads).toEqual([]);
});

test.each(sizes)('OVERWRITE_IF_DIFFERENT replaces what came there and is another, %s', async (_, size) => {
  await put(from, 'a', 'o'.repeat(size));
  const row = await raced({ mode: 'SYNC' }, 'theirs');
  expect(row).toMatchObject({ state: 'COMPLETED', ...counted(0n, BigInt(size)) });
  expect(await to.hashes(prefix)).toEqual(await from.hashes(prefix));
});

test('FAIL fails by its policy, with nothing to retry', async () => {
  await put(from, 'a', 'ours');
  const row = await raced({ options: { conflictPolicy: 'FAIL' } }, 'theirs');
  expect(row).toMatchObject({ state: 'FAILED', errorCode: 'DESTINATION_EXISTS' });
  expect(await failuresOf(engine.db, row)).toMatchObject([{ code: 'DESTINATION_EXISTS', open: 0 }]);
});

test('a move that skips so keeps its source', async () => {
  await put(from, 'a', 'ours');
  const row = await raced({ mode: 'MOVE', options: { conflictPolicy: 'SKIP' } }, 'theirs');
  expect(row).toMatchObject({ state: 'COMPLETED', sourceRemovalsPlanned: 1n, sourceRemovalsKept: 1n });
  expect(await namesAt(from)).toEqual(['a']);
});

test('an approved plan is carried out as it is or not at all', async () => {
  await put(from, 'a', 'ours');
  const row = await raced({ dryRun: true, options: { conflictPolicy: 'SKIP' } }, 'theirs');
  expect(row).toMatchObject({ state: 'FAILED', errorCode: 'DESTINATION_CHANGED' });
});
