import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDb, type Db } from '../../core/db.ts';
import { toProgress } from '../../queue/progress.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/databases.ts';
import { createTransfer, createUser, type TestUser } from '../../test/support/transfers.ts';
import { type RunRecord, writeCheckpoint } from './checkpoint.ts';
import type { Item } from './item.ts';
import { takeBatch } from './take-batch.ts';

let database: TestDatabase;
let db: Db;
let user: TestUser;
let transferId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 4 });
  user = await createUser(db);
});

afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

beforeEach(async () => {
  transferId = await createTransfer(db, user, { batches: [3, 2], sizeBytes: 1_000 });
  await db.transferBatch.updateMany({
    where: { transferId },
    data: { state: 'ADMITTED', leaseUntil: new Date(Date.now() + 30_000) },
  });
});

const job = (batchNumber: number, attempt = 1) => ({ transferId, batchNumber, attempt });
const held = (number: number, changes: Partial<RunRecord> = {}): RunRecord => ({
  number,
  attempt: 1,
  release: null,
  renew: false,
  restMs: 0,
  bytesInFlight: 0,
  ...changes,
});
const options = { elapsedMs: 1_000, throttledMs: 0 };
const evidence = {
  source: { kind: 'provider-hash', algorithm: 'md5', value: 'x' },
  destination: { kind: 'provider-hash', algorithm: 'md5', value: 'x' },
  verified: true,
} as const;
const transfer = () => db.transfer.findUniqueOrThrow({ where: { id: transferId } });
const batch = (number: number) =>
  db.transferBatch.findUniqueOrThrow({ where: { transferId_number: { transferId, number } } });

async function takeItems(number: number) {
  return (await takeBatch(db, job(number)))?.items ?? [];
}
const write = (runs: RunRecord[], items: Item[] = [], number = 0) =>
  writeCheckpoint(
    db,
    transferId,
    runs,
    items.map((item) => ({ item, number, attempt: 1 })),
    options,
  );

test('an attempt is taken once: a job that runs twice finds nothing to do', async () => {
  expect(await takeBatch(db, job(0))).toMatchObject({ transferState: 'RUNNING' });
  expect(await takeBatch(db, job(0))).toBeNull();
});

test('only the attempt that was admitted can be taken', async () => {
  expect(await takeBatch(db, job(0, 2))).toBeNull();
  await db.transferBatch.updateMany({ where: { transferId }, data: { state: 'READY' } });
  expect(await takeBatch(db, job(0))).toBeNull();
});

test('a token that is no longer valid is refused: nothing of what its holder writes is kept', async () => {
  const items = await takeItems(0);
  await db.transferBatch.updateMany({ where: { transferId, number: 0 }, data: { attempt: 2 } });
  for (const item of items) item.complete(evidence);
  expect(await write([held(0, { release: 'DONE' })], items)).toBeNull();
  expect(await transfer()).toMatchObject({ objectsCompleted: 0n, bytesAcknowledged: 0n, batchesDone: 0 });
  expect(await batch(0)).toMatchObject({ state: 'ADMITTED', attempt: 2 });
  expect(await db.transferItem.count({ where: { transferId, state: 'PENDING' } })).toBe(5);
});

test('one batch that is lost does not stand in the way of another that is held', async () => {
  const lost = await takeItems(0);
  const kept = await takeItems(1);
  await db.transferBatch.updateMany({ where: { transferId, number: 0 }, data: { attempt: 2 } });
  for (const item of [...lost, ...kept]) item.complete(evidence);
  const result = await writeCheckpoint(
    db,
    transferId,
    [held(0), held(1)],
    [
      ...lost.map((item) => ({ item, number: 0, attempt: 1 })),
      ...kept.map((item) => ({ item, number: 1, attempt: 1 })),
    ],
    options,
  );
  expect(result?.held).toEqual([1]);
  expect(await transfer()).toMatchObject({ objectsCompleted: 2n });
});

test('writing the same state twice counts once', async () => {
  const [item] = await takeItems(0);
  if (!item) throw new Error('no item');
  item.complete(evidence);
  await write([held(0)], [item]);
  await write([held(0)], [item]);
  expect(await transfer()).toMatchObject({
    ...{ objectsCompleted: 1n, objectsVerified: 1n, bytesAcknowledged: 1_000n, bytesVerified: 1_000n },
  });
});

test('what is completed without evidence of both sides does not count as verified', async () => {
  const [bare, halfway] = await takeItems(0);
  if (!bare || !halfway) throw new Error('two items');
  bare.complete(null);
  halfway.complete({ ...evidence, verified: false });
  await write([held(0)], [bare, halfway]);
  expect(await transfer()).toMatchObject({ objectsCompleted: 2n, objectsVerified: 0n, bytesVerified: 0n });
});

test('what is in flight counts once, whatever it was before, until it is acknowledged or its batch is let go', async () => {
  const [item] = await takeItems(0);
  await takeItems(1);
  if (!item) throw new Error('no item');
  await write([held(0, { bytesInFlight: 500 }), held(1, { bytesInFlight: 70 })]);
  await write([held(0, { bytesInFlight: 600 }), held(1, { bytesInFlight: 70 })]);
  expect(await transfer()).toMatchObject({ bytesInFlight: 670n, bytesAcknowledged: 0n });
  item.acknowledgedBytes = 600;
  await write([held(0, { bytesInFlight: 10 }), held(1, { bytesInFlight: 70 })], [item]);
  expect(await transfer()).toMatchObject({ bytesInFlight: 80n, bytesAcknowledged: 600n });
  await write([held(0, { bytesInFlight: 10, release: 'READY' }), held(1, { bytesInFlight: 70 })]);
  expect(await transfer()).toMatchObject({ bytesInFlight: 70n, bytesAcknowledged: 600n });
  expect(await batch(0)).toMatchObject({ bytesInFlight: 0n });
});

test('what a former holder has in flight does not count, and telling of it does not prolong a lease', async () => {
  await takeItems(0);
  const before = await batch(0);
  await write([held(0, { bytesInFlight: 500 })]);
  expect((await batch(0)).leaseUntil).toEqual(before.leaseUntil);
  await db.transferBatch.updateMany({ where: { transferId, number: 0 }, data: { attempt: 2, fence: 2 } });
  await write([held(0, { bytesInFlight: 900 })]);
  expect(await transfer()).toMatchObject({ bytesInFlight: 500n });
  await write([held(0, { attempt: 2, bytesInFlight: 30 })]);
  expect(await transfer()).toMatchObject({ bytesInFlight: 30n });
});

test('what an object loses when it begins anew is taken back', async () => {
  const [item] = await takeItems(0);
  if (!item) throw new Error('no item');
  item.acknowledgedBytes = 700;
  await write([held(0)], [item]);
  expect(await transfer()).toMatchObject({ bytesAcknowledged: 700n });
  item.reset();
  item.sizeBytes = 400;
  await write([held(0)], [item]);
  expect(await transfer()).toMatchObject({ bytesAcknowledged: 0n, bytesListed: 4_400n });
});

test('what a former hold of the same batch writes late is refused under the present one', async () => {
  const [item] = await takeItems(0);
  if (!item) throw new Error('no item');
  await db.transferBatch.updateMany({ where: { transferId, number: 0 }, data: { attempt: 2, fence: 2 } });
  item.complete(evidence);
  const result = await writeCheckpoint(
    db,
    transferId,
    [held(0, { attempt: 2 })],
    [{ item, number: 0, attempt: 1 }],
    options,
  );
  expect(result?.held).toEqual([0]);
  expect(await transfer()).toMatchObject({ objectsCompleted: 0n });
});

test('a batch can be let go with a rest', async () => {
  await takeItems(0);
  await write([held(0, { release: 'READY', restMs: 60_000 })]);
  expect((await batch(0)).notBefore?.getTime()).toBeGreaterThan(Date.now() + 30_000);
});

test('letting go puts a batch back under the next token, or ends it', async () => {
  await takeItems(0);
  await takeItems(1);
  await write([held(0, { release: 'READY' }), held(1, { release: 'DONE' })]);
  expect(await batch(0)).toMatchObject({ state: 'READY', attempt: 2, leaseUntil: null });
  expect(await batch(1)).toMatchObject({ state: 'DONE' });
  expect(await transfer()).toMatchObject({ batchesDone: 1, state: 'RUNNING' });
});

test('the write that ends the last batch ends the transfer, with its final counters and the first failure', async () => {
  const first = await takeItems(0);
  const second = await takeItems(1);
  for (const item of [...first, ...second]) item.complete(evidence);
  const [failed] = first;
  if (!failed) throw new Error('no item');
  Object.assign(failed, {
    state: 'FAILED',
    acknowledgedBytes: 0,
    evidence: null,
    errorCode: 'OBJECT_NOT_FOUND',
    errorMessage: 'gone',
  });
  await write([held(0, { release: 'DONE' })], first);
  const result = await write([held(1, { release: 'DONE' })], second, 1);
  expect(result?.row).toMatchObject({
    state: 'COMPLETED_WITH_ERRORS',
    objectsCompleted: 4n,
    objectsFailed: 1n,
    speedBytesPerSecond: 0n,
  });
  expect(await transfer()).toMatchObject({
    errorCode: 'OBJECT_NOT_FOUND',
    errorMessage: 'gone',
    bytesAbandoned: 1_000n,
    finishedAt: expect.any(Date),
  });
});

test('a transfer whose every object failed has failed', async () => {
  for (const number of [0, 1]) {
    const items = await takeItems(number);
    for (const item of items) Object.assign(item, { state: 'FAILED', errorCode: 'INTERNAL', errorMessage: 'x' });
    await write([held(number, { release: 'DONE' })], items, number);
  }
  expect(await transfer()).toMatchObject({ state: 'FAILED' });
});

test('a paused transfer does not end although its last batch does', async () => {
  await db.transfer.update({ where: { id: transferId }, data: { state: 'PAUSED' } });
  for (const number of [0, 1]) {
    const items = await takeItems(number);
    for (const item of items) item.complete(evidence);
    await write([held(number, { release: 'DONE' })], items, number);
  }
  expect(await transfer()).toMatchObject({ state: 'PAUSED', batchesDone: 2, objectsCompleted: 5n });
});

test('speed is that of the bytes sent, at first their average: those on their way count, and once', async () => {
  const [item] = await takeItems(0);
  if (!item) throw new Error('no item');
  const sent = await write([held(0, { bytesInFlight: 600 })]);
  expect(Number(sent?.row.speedBytesPerSecond)).toBeGreaterThan(500);
  expect(Number(sent?.row.speedBytesPerSecond)).toBeLessThanOrEqual(600);
  item.acknowledgedBytes = 600;
  const acknowledged = await write([held(0)], [item]);
  expect(acknowledged?.row.speedBytesPerSecond).toBe(sent?.row.speedBytesPerSecond);
});

test('speed and pace are told as none once nothing was sent for a while because a cloud asks for patience', async () => {
  await takeItems(0);
  const quiet = async (ms: number, throttledMs: number) => {
    await write([held(0, { bytesInFlight: 600 })]);
    await db.$executeRaw`
      UPDATE transfer SET speed_at = now() - make_interval(secs => ${ms / 1_000}::float8) WHERE id = ${transferId}::uuid`;
    const written = await writeCheckpoint(db, transferId, [held(0, { bytesInFlight: 600 })], [], {
      ...options,
      throttledMs,
    });
    if (!written) throw new Error('not held');
    return [written.row, await transfer()].map(toProgress).map(({ speedBytesPerSecond, paceBytesPerSecond }) => ({
      ...{ speedBytesPerSecond, paceBytesPerSecond },
    }));
  };
  const none = { speedBytesPerSecond: '0', paceBytesPerSecond: '0' };
  const some = {
    speedBytesPerSecond: expect.stringMatching(/^[1-9]/),
    paceBytesPerSecond: expect.stringMatching(/^[1-9]/),
  };
  expect(await quiet(0, 60_000)).toEqual([some, some]);
  expect(await quiet(5_000, 60_000)).toEqual([none, none]);
  // What is sent afterwards goes on from the speed before.
  expect(await transfer()).toMatchObject({ speedBytesPerSecond: expect.toSatisfy((speed: bigint) => speed > 0n) });
  await db.transfer.update({ where: { id: transferId }, data: { throttledUntil: null } });
  expect(await quiet(5_000, 0)).toEqual([some, some]);
});

test('what was sent in vain counts against the speed', async () => {
  await takeItems(0);
  const sent = await write([held(0, { bytesInFlight: 600 })]);
  const failed = await write([held(0)]);
  expect(Number(failed?.row.speedBytesPerSecond)).toBeLessThan(Number(sent?.row.speedBytesPerSecond));
});

test('events are a tenth of a second apart', async () => {
  await takeItems(0);
  expect((await write([held(0)]))?.due).toBe(true);
  expect((await write([held(0)]))?.due).toBe(false);
  await db.transfer.update({ where: { id: transferId }, data: { publishedAt: new Date(Date.now() - 100) } });
  expect((await write([held(0)]))?.due).toBe(true);
});

test('a transfer that is gone is told apart', async () => {
  await db.transfer.delete({ where: { id: transferId } });
  expect(await write([held(0)])).toBeNull();
});
