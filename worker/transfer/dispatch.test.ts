import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDb, type Db } from '../../core/db.ts';
import { createRedis, type Redis } from '../../core/redis.ts';
import { createQueue, type JobQueue, type QueuedJob } from '../../queue/queue.ts';
import {
  createTestDatabase,
  createTestRedis,
  type TestDatabase,
  type TestRedis,
} from '../../test/support/databases.ts';
import { createTransfer, createUser } from '../../test/support/transfers.ts';
import { dispatch } from './dispatch.ts';

let database: TestDatabase;
let testRedis: TestRedis;
let db: Db;
let redis: Redis;
let queue: JobQueue;
/** What was handed to the queue, in order. */
let handed: QueuedJob[];

beforeAll(async () => {
  database = await createTestDatabase();
  testRedis = await createTestRedis();
  db = createDb({ url: database.url, poolSize: 8 });
  redis = createRedis(testRedis.url);
  await new Promise((resolve) => redis.once('ready', resolve));
  queue = createQueue(redis);
});

afterAll(async () => {
  await queue?.close();
  redis?.disconnect();
  await db?.$disconnect();
  await database?.drop();
});

beforeEach(async () => {
  await db.transfer.deleteMany();
  await db.workerProcess.deleteMany();
  handed = [];
});

const recording = (): JobQueue => ({
  get ready() {
    return queue.ready;
  },
  add: async (jobs) => {
    await queue.add(jobs);
    handed.push(...jobs);
  },
  holds: queue.holds,
  close: async () => {},
});
const slots = (count: number) => db.workerProcess.create({ data: { id: randomUUID(), slots: count } });
const countsBy = (id: string) =>
  handed.filter(({ payload }) => (payload as { transferId: string }).transferId === id).length;
const twelve = Array<number>(12).fill(1);

test('the window is two batches for each slot of the workers that live', async () => {
  await createTransfer(db, await createUser(db), { batches: twelve });
  expect(await dispatch(db, recording())).toBe(0);
  await slots(2);
  await db.workerProcess.create({ data: { id: randomUUID(), slots: 50, seenAt: new Date(Date.now() - 60_000) } });
  expect(await dispatch(db, recording())).toBe(4);
  expect(await dispatch(db, recording())).toBe(0);
  await db.transferBatch.updateMany({ where: { state: 'ADMITTED', number: 0 }, data: { state: 'DONE' } });
  expect(await dispatch(db, recording())).toBe(1);
});

test("one user's many batches never stand before another's single one", async () => {
  const [many, one] = [await createUser(db), await createUser(db)];
  const large = await createTransfer(db, many, { batches: twelve });
  const alsoLarge = await createTransfer(db, many, { batches: twelve });
  const small = await createTransfer(db, one, { batches: [1] });
  await slots(2);
  await dispatch(db, recording());
  expect([countsBy(large) + countsBy(alsoLarge), countsBy(small)]).toEqual([3, 1]);
});

test("priorities weigh four to two to one among a user's transfers", async () => {
  const user = await createUser(db);
  const transfers = [];
  for (const priority of ['HIGH', 'NORMAL', 'LOW'] as const) {
    transfers.push(await createTransfer(db, user, { batches: twelve, data: { priority } }));
  }
  await slots(7);
  await dispatch(db, recording());
  expect(transfers.map(countsBy)).toEqual([8, 4, 2]);
});

test('where there are more users than room, each has his turn', async () => {
  const transfers = [];
  for (let index = 0; index < 4; index++) {
    transfers.push(await createTransfer(db, await createUser(db), { batches: [1, 1, 1] }));
  }
  await slots(1);
  for (let round = 0; round < 4; round++) {
    await dispatch(db, recording());
    await db.transferBatch.updateMany({ where: { state: 'ADMITTED' }, data: { state: 'DONE' } });
  }
  expect(transfers.map(countsBy)).toEqual([2, 2, 2, 2]);
});

test('transfers whose batches are all under way do not stand before those that wait', async () => {
  const user = await createUser(db);
  const longAgo = { admittedAt: new Date(0) };
  for (let index = 0; index < 4; index++) {
    const id = await createTransfer(db, user, { batches: [1], data: longAgo });
    await db.transferBatch.updateMany({ where: { transferId: id }, data: { state: 'ADMITTED' } });
  }
  const waiting = await createTransfer(db, user, { batches: [1], data: { admittedAt: new Date() } });
  await slots(3);
  await dispatch(db, recording());
  expect(countsBy(waiting)).toBe(1);
});

test('a paused transfer gets nothing; one that was cancelled is tidied up', async () => {
  const user = await createUser(db);
  const paused = await createTransfer(db, user, { batches: [1], data: { state: 'PAUSED' } });
  const cancelled = await createTransfer(db, user, {
    batches: [1],
    data: { state: 'CANCELLED', finishedAt: new Date() },
  });
  const later = await createTransfer(db, user, { batches: [1] });
  await db.transferBatch.updateMany({
    where: { transferId: later },
    data: { notBefore: new Date(Date.now() + 60_000) },
  });
  await slots(2);
  await dispatch(db, recording());
  expect([paused, cancelled, later].map(countsBy)).toEqual([0, 1, 0]);
});

test('several processes at the same time admit nothing twice', async () => {
  await createTransfer(db, await createUser(db), { batches: twelve });
  await slots(4);
  const counts = await Promise.all(Array.from({ length: 5 }, () => dispatch(db, recording())));
  expect(counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)).toBe(8);
  expect(new Set(handed.map(({ id }) => id)).size).toBe(8);
});

test('batches that Redis did not take are ready again, under new job ids', async () => {
  const id = await createTransfer(db, await createUser(db), { batches: [1] });
  await slots(1);
  const failing: JobQueue = {
    ready: true,
    add: () => Promise.reject(new Error('gone')),
    holds: queue.holds,
    close: async () => {},
  };
  await expect(dispatch(db, failing)).rejects.toThrow('gone');
  expect(await db.transferBatch.findMany({ where: { transferId: id } })).toMatchObject([
    { state: 'READY', attempt: 2, leaseUntil: null },
  ]);
});

test('nothing is admitted while Redis is away', async () => {
  const id = await createTransfer(db, await createUser(db), { batches: [1] });
  await slots(1);
  const away: JobQueue = { ready: false, add: async () => {}, holds: queue.holds, close: async () => {} };
  expect(await dispatch(db, away)).toBe(0);
  expect(await db.transferBatch.findMany({ where: { transferId: id } })).toMatchObject([
    { state: 'READY', attempt: 1 },
  ]);
});
