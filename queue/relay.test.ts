import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDb, type Db } from '../core/db.ts';
import { createRedis, type Redis } from '../core/redis.ts';
import { createTestDatabase, createTestRedis, type TestDatabase, type TestRedis } from '../test/support/databases.ts';
import { createTransfer, createUser, type TestUser } from '../test/support/transfers.ts';
import { queueNames } from './jobs.ts';
import { enqueue } from './outbox.ts';
import { createQueue, type JobQueue } from './queue.ts';
import { relayOutbox, startOutboxRelay } from './relay.ts';

let database: TestDatabase;
let testRedis: TestRedis;
let db: Db;
let redis: Redis;
let queue: JobQueue;
let bull: Queue;

beforeAll(async () => {
  database = await createTestDatabase();
  testRedis = await createTestRedis();
  db = createDb({ url: database.url, poolSize: 8 });
  redis = createRedis(testRedis.url);
  await new Promise((resolve) => redis.once('ready', resolve));
});

beforeEach(() => {
  queue = createQueue(redis);
  bull = new Queue(queueNames['transfer.plan'], { connection: redis });
});

afterEach(async () => {
  await queue.close();
  await bull.close();
  await testRedis.flush();
  await db.outbox.deleteMany();
});

afterAll(async () => {
  redis?.disconnect();
  await db?.$disconnect();
  await database?.drop();
});

const waiting = async () => (await bull.getJobs()).map(({ id }) => id).toSorted();
const promise = (attempt = 1, options: Parameters<typeof enqueue>[3] = {}) => {
  const transferId = randomUUID();
  return db
    .$transaction((tx) => enqueue(tx, 'transfer.plan', { transferId, attempt }, options))
    .then(() => `t-${transferId}-${attempt}`);
};

test('what is promised arrives under its id, and the promise is gone', async () => {
  const id = await promise(3);
  expect(await relayOutbox(db, queue)).toBe(false);
  expect(await waiting()).toEqual([id]);
  expect((await bull.getJob(id))?.data).toEqual({ transferId: id.slice(2, -2), attempt: 3 });
  expect(await db.outbox.count()).toBe(0);
});

test('a promise of a transaction that is rolled back never existed', async () => {
  await expect(
    db.$transaction(async (tx) => {
      await enqueue(tx, 'transfer.plan', { transferId: randomUUID(), attempt: 1 });
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  await relayOutbox(db, queue);
  expect(await waiting()).toEqual([]);
});

test('a job that is no job is refused before it is promised', async () => {
  await expect(enqueue(db, 'transfer.plan', { transferId: 'x', attempt: 1 })).rejects.toThrow();
  expect(await db.outbox.count()).toBe(0);
});

test('what is not due waits', async () => {
  await promise(1, { availableAt: new Date(Date.now() + 60_000) });
  await relayOutbox(db, queue);
  expect(await waiting()).toEqual([]);
  expect(await db.outbox.count()).toBe(1);
});

test('what Redis did not take stays promised', async () => {
  await promise();
  const failing: JobQueue = {
    ready: true,
    add: () => Promise.reject(new Error('gone')),
    waiting: queue.waiting,
    close: async () => {},
  };
  await expect(relayOutbox(db, failing)).rejects.toThrow('gone');
  expect(await db.outbox.count()).toBe(1);
});

test('several relays at the same time lose nothing and add nothing twice', async () => {
  const transferIds = Array.from({ length: 300 }, () => randomUUID());
  for (const transferId of transferIds) await enqueue(db, 'transfer.plan', { transferId, attempt: 1 });
  const ids = transferIds.map((transferId) => `t-${transferId}-1`);
  const added: string[] = [];
  const recording: JobQueue = {
    get ready() {
      return queue.ready;
    },
    add: async (jobs) => {
      added.push(...jobs.map(({ id }) => id));
      await queue.add(jobs);
    },
    waiting: queue.waiting,
    close: async () => {},
  };
  while ((await db.outbox.count()) > 0) await Promise.all([1, 2, 3].map(() => relayOutbox(db, recording)));
  expect(added.toSorted()).toEqual(ids.toSorted());
  expect(await waiting()).toEqual(ids.toSorted());
});

test('a commit wakes the relay', async () => {
  const relay = startOutboxRelay({
    db,
    directUrl: database.url,
    queue,
    onError: (error) => {
      throw error;
    },
  });
  try {
    const id = await promise();
    await expect.poll(waiting, { timeout: 5_000 }).toEqual([id]);
  } finally {
    await relay.stop();
  }
});

test('plans wait by their place among those of their user, and the first of each goes to slots of its own', async () => {
  const [many, few] = [await createUser(db), await createUser(db)];
  const order = async (user: TestUser, data = {}) => {
    const unlisted = { state: 'QUEUED', startedAt: null, listingComplete: false, ...data } as const;
    const transferId = await createTransfer(db, user, { batches: [], data: unlisted });
    await enqueue(db, 'transfer.plan', { transferId, attempt: 1 });
    return `t-${transferId}-1`;
  };
  const manyIds: string[] = [];
  for (let index = 0; index < 5; index++) manyIds.push(await order(many));
  await relayOutbox(db, queue);
  // What is paused, listed or due later stands before nobody.
  await createTransfer(db, few, { batches: [], data: { state: 'PAUSED', listingComplete: false } });
  await createTransfer(db, few, { batches: [], data: { state: 'RUNNING' } });
  const later = { state: 'SCHEDULED', startAt: new Date(Date.now() + 60_000), listingComplete: false } as const;
  await createTransfer(db, few, { batches: [], data: later });
  const fewIds = [await order(few), await order(few)];
  await relayOutbox(db, queue);
  const express = new Queue(queueNames['transfer.express-plan'], { connection: redis });
  expect((await express.getJobs()).map(({ id }) => id).toSorted()).toEqual([manyIds[0], fewIds[0]].toSorted());
  await express.close();
  const inOrder = (await bull.getJobs(['prioritized'], 0, -1, true)).map(({ id }) => id);
  expect(inOrder).toEqual([manyIds[1], fewIds[1], ...manyIds.slice(2)]);
  expect((await queue.waiting('transfer.plan', [...manyIds, ...fewIds])).size).toBe(5);
});
