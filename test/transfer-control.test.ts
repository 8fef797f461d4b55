import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createBlockingRedis, createRedis, type Redis } from '../core/redis.ts';
import { type TransferProgress, topics, transferProgressSchema } from '../queue/events.ts';
import { retryFailedItems } from '../queue/follow-up.ts';
import { createSubscriber } from '../queue/pubsub.ts';
import { cancelTransfer, pauseTransfer, publishControl, resumeTransfer } from '../queue/transfer.ts';
import { watchArrivals } from './support/arrivals.ts';
import { createTestDatabase, type PrivateRedis, startPrivateRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, startStore, type TestEngine, type TestStore } from './support/engine.ts';

const MiB = 1024 * 1024;
const timeoutMs = 60_000;

let database: TestDatabase;
let redisServer: PrivateRedis;
let redis: Redis;
let engine: TestEngine;
let source: TestStore;
let destination: TestStore;
let arrivals: ReturnType<typeof watchArrivals>;
let accounts: { sourceAccountId: string; destinationAccountId: string };

beforeAll(async () => {
  database = await createTestDatabase();
  redisServer = await startPrivateRedis();
  redis = createRedis(redisServer.url);
  engine = await startEngine({ databaseUrl: database.url, redisUrl: redisServer.url });
  [source, destination] = await Promise.all([startStore('source'), startStore('target')]);
  arrivals = watchArrivals(source, destination);
  accounts = {
    sourceAccountId: await engine.connect(source.credentials),
    destinationAccountId: await engine.connect(destination.credentials),
  };
  await engine.startWorker();
});

afterAll(async () => {
  redis?.disconnect();
  await engine?.stop();
  await Promise.all([source?.close(), destination?.close(), redisServer?.dispose()]);
  await database?.drop();
});

afterEach(() => {
  source.server.faults.clear();
  destination.server.faults.clear();
});

const change = <T>(id: string, step: (tx: Parameters<typeof pauseTransfer>[0], id: string) => Promise<T>) =>
  engine.db.$transaction((tx) => step(tx, id));

/** A transfer of one object of 48 MiB whose first parts have arrived, at a pace that leaves time. */
async function startToTheMiddle(folder: string): Promise<{ id: string; sent: Record<string, string> }> {
  const sent = { large: await source.put(`${folder}/large`, 48 * MiB) };
  destination.server.faults.add({
    match: { operation: 'UploadPart', count: 1_000 },
    action: { kind: 'slow', bytesPerSecond: 8 * MiB },
  });
  const { faults, observer } = destination.server;
  observer.resetCounters();
  const parts = observer.waitFor({ operation: 'UploadPart' }, { event: 'finished', count: 2 });
  const { id } = await engine.submit({ ...accounts, sourcePaths: [`source/${folder}/`], destinationPath: 'target/' });
  await parts;
  // What begins from here on would take minutes: the object does not arrive by itself.
  faults.clear();
  faults.add({ match: { operation: 'UploadPart', count: 1_000 }, action: { kind: 'slow', bytesPerSecond: 64 * 1024 } });
  await engine.until(id, ({ bytesAcknowledged }) => bytesAcknowledged >= BigInt(16 * MiB));
  return { id, sent };
}

/** Resolves once nobody holds a batch of the transfer. */
async function released(id: string): Promise<void> {
  await expect
    .poll(() => engine.db.transferBatch.count({ where: { transferId: id, state: 'ADMITTED' } }), { timeout: 5_000 })
    .toBe(0);
}

test(
  'a paused transfer stops, keeps what arrived, and goes on at the part, even on other workers',
  async () => {
    const { id, sent } = await startToTheMiddle('pause');
    const paused = await change(id, pauseTransfer);
    expect(paused).toMatchObject({ state: 'PAUSED', speedBytesPerSecond: 0n });
    await publishControl(redis, id);
    await released(id);
    const requests = destination.server.observer.counters('UploadPart').requests;
    const resting = await engine.until(id, () => true);
    expect(resting.bytesAcknowledged).toBeGreaterThanOrEqual(BigInt(16 * MiB));
    destination.server.faults.clear();
    await change(id, resumeTransfer);
    await publishControl(redis, id);
    const row = await engine.ended(id);
    expect(row).toMatchObject({
      state: 'COMPLETED',
      bytesAcknowledged: BigInt(48 * MiB),
      bytesVerified: BigInt(48 * MiB),
    });
    expect(await destination.hashes('pause/')).toEqual(sent);
    const partsKept = Number(resting.bytesAcknowledged) / (8 * MiB);
    expect(destination.server.observer.counters('UploadPart').requests - requests).toBe(6 - partsKept);
  },
  timeoutMs,
);

test.each([
  ['a pause', pauseTransfer, true],
  ['a cancellation', cancelTransfer, true],
  ['a pause of which no worker is told', pauseTransfer, false],
])('no request begins later than 2 s after %s', async (name, stop, isTold) => {
  const objects = 60;
  for (let index = 0; index < objects; index++) await source.put(`${name}/${index}`, 1_000);
  // A few at a time take half a second each: one batch of them would go on for seven.
  destination.server.faults.add({
    match: { operation: 'PutObject', count: objects },
    action: { kind: 'slow', bytesPerSecond: 2_000 },
  });
  const { id } = await engine.submit({
    ...accounts,
    sourcePaths: [`source/${name}/`],
    destinationPath: 'target/',
    options: { concurrency: 4 },
  });
  await engine.until(id, ({ objectsCompleted }) => objectsCompleted > 0n);
  await change(id, stop);
  if (isTold) await publishControl(redis, id);
  expect(await arrivals.afterStop()).toEqual([]);
  expect(Object.keys(await destination.hashes(`${name}/`)).length).toBeLessThan(objects);
});

test(
  'a pause is noticed although Redis is away',
  async () => {
    const { id, sent } = await startToTheMiddle('silent');
    await redisServer.stop();
    try {
      await change(id, pauseTransfer);
      await released(id);
    } finally {
      await redisServer.start();
    }
    destination.server.faults.clear();
    await change(id, resumeTransfer);
    expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
    expect(await destination.hashes('silent/')).toEqual(sent);
  },
  timeoutMs,
);

test('a pause while a cloud is asked whether it is away gives no object up', async () => {
  const sent = { x: await source.put('asked/x', 1_000) };
  const refused = destination.server.faults.add({
    match: { operation: 'PutObject', key: 'asked/x', count: 3 },
    action: { kind: 'status', status: 500 },
  });
  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/asked/'], destinationPath: 'target/' });
  // What is listed from then on is listed to find that out.
  await refused.hit;
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  const held = source.server.faults.add({ match: { operation: 'ListObjectsV2' }, action: { kind: 'hold', until } });
  await held.hit;
  await change(id, pauseTransfer);
  await publishControl(redis, id);
  await released(id);
  release();
  expect(await engine.db.transferItem.findMany({ where: { transferId: id } })).toMatchObject([{ state: 'PENDING' }]);
  await change(id, resumeTransfer);
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(await destination.hashes('asked/')).toEqual(sent);
});

test(
  'a cancelled transfer stops and drops its unfinished uploads',
  async () => {
    const { id } = await startToTheMiddle('cancel');
    await change(id, cancelTransfer);
    await publishControl(redis, id);
    await expect
      .poll(() => engine.db.transferItem.count({ where: { transferId: id, state: 'CANCELLED' } }), { timeout: 10_000 })
      .toBe(1);
    const open = await destination.client.send(
      new ListMultipartUploadsCommand({ Bucket: 'target', Prefix: 'cancel/' }),
    );
    expect(open.Uploads ?? []).toEqual([]);
    expect(await destination.hashes('cancel/')).toEqual({});
    expect(await engine.until(id, () => true)).toMatchObject({
      state: 'CANCELLED',
      speedBytesPerSecond: 0n,
      bytesAcknowledged: 0n,
    });
  },
  timeoutMs,
);

test(
  'a transfer that was paused before it is cancelled drops its uploads too',
  async () => {
    const { id } = await startToTheMiddle('pause-cancel');
    await change(id, pauseTransfer);
    await publishControl(redis, id);
    await released(id);
    await change(id, cancelTransfer);
    await expect
      .poll(() => engine.db.transferItem.count({ where: { transferId: id, state: 'CANCELLED' } }), { timeout: 10_000 })
      .toBe(1);
    const open = await destination.client.send(
      new ListMultipartUploadsCommand({ Bucket: 'target', Prefix: 'pause-cancel/' }),
    );
    expect(open.Uploads ?? []).toEqual([]);
  },
  timeoutMs,
);

test(
  'a follow-up tries failed objects and paths again, and only they',
  async () => {
    const sent: Record<string, string> = { 'some/good': await source.put('retry/some/good', 1_000) };
    sent['some/bad'] = await source.put('retry/some/bad', 1_000);
    source.server.faults.add({
      match: { operation: 'GetObject', key: 'retry/some/bad', count: 3 },
      action: { kind: 'status', status: 500 },
    });
    const { id } = await engine.submit({
      ...accounts,
      sourcePaths: ['source/retry/some/', 'source/retry/later/'],
      destinationPath: 'target/retry/',
    });
    expect(await engine.ended(id)).toMatchObject({
      state: 'COMPLETED_WITH_ERRORS',
      objectsListed: 3n,
      objectsFailed: 2n,
      objectsCompleted: 1n,
    });
    sent['later/object'] = await source.put('retry/later/object', 500);
    destination.server.observer.resetCounters();
    const origin = await engine.db.transfer.findUniqueOrThrow({ where: { id } });
    const followUp = await change(id, retryFailedItems);
    expect(followUp).toMatchObject({ state: 'RUNNING', retryOfId: id, objectsFailed: 0n, errorCode: null });
    expect(await engine.ended(followUp.id)).toMatchObject({
      state: 'COMPLETED',
      objectsListed: 2n,
      objectsCompleted: 2n,
      bytesAcknowledged: 1_500n,
      bytesListed: 1_500n,
    });
    expect(await destination.hashes('retry/')).toEqual(sent);
    expect(destination.server.observer.counters('PutObject').requests).toBe(2);
    expect(await engine.db.transfer.findUniqueOrThrow({ where: { id } })).toEqual(origin);
  },
  timeoutMs,
);

test(
  'a transfer that is scheduled starts at its time, not earlier',
  async () => {
    const sent = { object: await source.put('scheduled/object', 100) };
    // A worker that is still starting would be late by itself.
    await expect.poll(() => engine.db.workerProcess.count(), { timeout: 10_000 }).toBe(1);
    const startAt = new Date(Date.now() + 3_000);
    const row = await engine.submit({
      ...accounts,
      sourcePaths: ['source/scheduled/'],
      destinationPath: 'target/',
      startAt,
    });
    expect(row).toMatchObject({ state: 'SCHEDULED', startAt });
    const ended = await engine.ended(row.id);
    expect(ended.state).toBe('COMPLETED');
    expect(ended.startedAt?.getTime()).toBeGreaterThanOrEqual(startAt.getTime());
    expect(await destination.hashes('scheduled/')).toEqual(sent);
  },
  timeoutMs,
);

test(
  'progress rises, is published at most ten times a second, and ends with the final counters',
  async () => {
    const listening = createBlockingRedis(redisServer.url);
    const events: TransferProgress[] = [];
    const subscriber = createSubscriber(listening, (_, error) => {
      throw error;
    });
    await source.put('progress/large', 40 * MiB);
    for (let index = 0; index < 200; index++) await source.put(`progress/small/${index}`, 1_000);
    destination.server.faults.add({
      match: { operation: 'PutObject', count: 1_000 },
      action: { kind: 'slow', bytesPerSecond: 10_000 },
    });
    await subscriber.subscribe(topics.userTransfers(engine.userId), transferProgressSchema, (progress) => {
      events.push(progress);
    });
    const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/progress/'], destinationPath: 'target/' });
    const row = await engine.ended(id);
    const ofTransfer = () => events.filter(({ transferId }) => transferId === id);
    await expect.poll(() => ofTransfer().at(-1)?.state, { timeout: timeoutMs }).toBe('COMPLETED');
    listening.disconnect();
    const own = ofTransfer();
    const sequences = own.map(({ sequence }) => BigInt(sequence));
    expect([...new Set(sequences)].toSorted((a, b) => Number(a - b))).toEqual([...new Set(sequences)]);
    expect(own.at(-1)).toMatchObject({
      sequence: row.sequence.toString(),
      objectsCompleted: '201',
      bytesAcknowledged: row.bytesListed.toString(),
      speedBytesPerSecond: '0',
    });
    const moving = own.filter(({ state }) => state === 'RUNNING');
    expect(moving.some(({ speedBytesPerSecond }) => BigInt(speedBytesPerSecond) > 0n)).toBe(true);
    const spanMs = Date.parse(moving.at(-1)?.at ?? '') - Date.parse(moving[0]?.at ?? '');
    // Planning and moving each begin with an event of their own.
    expect(moving.length).toBeLessThanOrEqual(spanMs / 100 + 3);
  },
  timeoutMs,
);
