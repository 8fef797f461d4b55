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
import { admission } from './admission.ts';
import { dispatch as dispatchUnder } from './dispatch.ts';

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

const unlimited = admission([]);
const dispatch = (on: Db, to: JobQueue, statement = unlimited) => dispatchUnder(on, to, statement);
const recording = (): JobQueue => ({
  get ready() {
    return queue.ready;
  },
  add: async (jobs) => {
    await queue.add(jobs);
    handed.push(...jobs);
  },
  waiting: queue.waiting,
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
  for (let index = 0; index < 6; index++) {
    transfers.push(await createTransfer(db, await createUser(db), { batches: twelve }));
  }
  await slots(1);
  for (let round = 0; round < 4; round++) {
    await dispatch(db, recording());
    await db.transferBatch.updateMany({ where: { state: 'ADMITTED' }, data: { state: 'DONE' } });
  }
  expect(transfers.map(countsBy)).toEqual([2, 2, 2, 2, 2, 2]);
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
    waiting: queue.waiting,
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
  const away: JobQueue = { ready: false, add: async () => {}, waiting: queue.waiting, close: async () => {} };
  expect(await dispatch(db, away)).toBe(0);
  expect(await db.transferBatch.findMany({ where: { transferId: id } })).toMatchObject([
    { state: 'READY', attempt: 1 },
  ]);
});

/** Objects that the holders of the transfer's batches may have under way together. */
const allowed = async (transferId: string) => {
  const { _sum } = await db.transferBatch.aggregate({
    where: { transferId, state: 'ADMITTED' },
    _sum: { concurrency: true },
  });
  return _sum.concurrency;
};
const end = (transferId: string, number: number) =>
  db.transferBatch.update({ where: { transferId_number: { transferId, number } }, data: { state: 'DONE' } });

test.each([
  [2, [2]],
  [16, [16]],
  [20, [16, 4]],
  [33, [16, 16, 1]],
])('of a transfer with concurrency %i, batches are admitted for so many objects', async (concurrency, shares) => {
  const id = await createTransfer(db, await createUser(db), {
    batches: Array<number>(6).fill(30),
    data: { options: { concurrency } },
  });
  await slots(8);
  await dispatch(db, recording());
  const admitted = await db.transferBatch.findMany({
    where: { transferId: id, state: 'ADMITTED' },
    orderBy: { number: 'asc' },
  });
  expect(admitted.map((batch) => batch.concurrency)).toEqual(shares);
  expect(await dispatch(db, recording())).toBe(0);
  await end(id, 0);
  await dispatch(db, recording());
  expect(await allowed(id)).toBe(concurrency);
});

test('small batches share the concurrency of their transfer, and large objects, each a batch, go at the same time', async () => {
  const id = await createTransfer(db, await createUser(db), { batches: twelve, data: { options: { concurrency: 5 } } });
  await slots(8);
  expect(await dispatch(db, recording())).toBe(5);
  expect(await allowed(id)).toBe(5);
});

test('a concurrency that is changed holds for what is admitted from then on', async () => {
  const id = await createTransfer(db, await createUser(db), { batches: twelve });
  await slots(2);
  expect(await dispatch(db, recording())).toBe(4);
  expect(await allowed(id)).toBeNull();
  await db.transfer.update({ where: { id }, data: { options: { concurrency: 2 } } });
  for (const number of [0, 1]) await end(id, number);
  expect(await dispatch(db, recording())).toBe(0);
  await end(id, 2);
  expect(await dispatch(db, recording())).toBe(1);
});

test('a round that began before another one ended admits nothing beyond the concurrency', async () => {
  const id = await createTransfer(db, await createUser(db), { batches: twelve, data: { options: { concurrency: 3 } } });
  await slots(8);
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 6 }, () => dispatch(db, recording())));
    expect(await allowed(id)).toBe(3);
    await db.transferBatch.updateMany({ where: { transferId: id, state: 'ADMITTED' }, data: { state: 'READY' } });
  }
});

test("tiers limit the objects of a user, and of each of a user's accounts, in flight", async () => {
  const statement = admission([
    { name: 'small', userObjects: 10, accountObjects: 6 },
    { name: 'other', userObjects: 1, accountObjects: 1 },
  ]);
  const [limited, free] = [await createUser(db), await createUser(db)];
  await db.user.update({ where: { id: limited.userId }, data: { tier: 'small' } });
  const second = await createUser(db);
  await db.cloudAccount.update({ where: { id: second.accountId }, data: { userId: limited.userId } });
  const plan = { batches: Array<number>(4).fill(4) };
  const first = await createTransfer(db, limited, plan);
  const alsoFirst = await createTransfer(db, limited, plan);
  const elsewhere = await createTransfer(db, { ...limited, accountId: second.accountId }, plan);
  const unlimited = await createTransfer(db, free, plan);
  await slots(8);
  await dispatch(db, recording(), statement);
  const sums = await Promise.all([first, alsoFirst, elsewhere, unlimited].map(allowed));
  expect((sums[0] ?? 0) + (sums[1] ?? 0)).toBe(6);
  expect(sums.slice(2)).toEqual([4, null]);
  expect(countsBy(unlimited)).toBe(4);
  expect(await dispatch(db, recording(), statement)).toBe(0);
});

test('an account that is full does not keep the others of its user waiting', async () => {
  const statement = admission([{ name: 'standard', userObjects: 8, accountObjects: 4 }]);
  const user = await createUser(db);
  const other = await createUser(db);
  await db.cloudAccount.update({ where: { id: other.accountId }, data: { userId: user.userId } });
  await createTransfer(db, user, { batches: [4, 4, 4], data: { admittedAt: new Date(0) } });
  await slots(8);
  await dispatch(db, recording(), statement);
  const waiting = await createTransfer(db, { ...user, accountId: other.accountId }, { batches: [4] });
  await dispatch(db, recording(), statement);
  expect(await allowed(waiting)).toBe(4);
});

test("with one user's 100,000 objects queued, another's single object is admitted in the very next round", async () => {
  const [many, one] = [await createUser(db), await createUser(db)];
  const large = await createTransfer(db, many, { batches: [], data: { objectsListed: 100_000, batchesListed: 500 } });
  await db.$executeRaw`
    INSERT INTO transfer_item (transfer_id, ordinal, batch_number, source_container, source_key, destination_container,
      destination_key, size_bytes)
    SELECT ${large}::uuid, n, n / 200, 'from', 'k' || n, 'to', 'k' || n, 4096 FROM generate_series(0, 99999) AS n`;
  await db.$executeRaw`
    INSERT INTO transfer_batch (transfer_id, number, item_count, size_bytes)
    SELECT ${large}::uuid, n, 200, 200 * 4096 FROM generate_series(0, 499) AS n`;
  await slots(4);
  expect(await dispatch(db, recording())).toBe(8);
  const small = await createTransfer(db, one, { batches: [1] });
  // The window is full, and nothing of it need end.
  expect(await dispatch(db, recording())).toBe(1);
  expect(countsBy(small)).toBe(1);
});

const expressed = () => handed.filter(({ name }) => name === 'transfer.express').length;

test('whoever has nothing under way gets slots of their own, as many as there are, once all others are taken', async () => {
  const many = await createUser(db);
  const large = await createTransfer(db, many, { batches: twelve });
  await slots(2);
  expect(await dispatch(db, recording())).toBe(4);
  expect([countsBy(large), expressed()]).toEqual([4, 0]);
  // Nothing more for those who have something under way.
  await createTransfer(db, many, { batches: twelve, data: { priority: 'HIGH' } });
  expect(await dispatch(db, recording())).toBe(0);
  const [second, third, fourth] = [await createUser(db), await createUser(db), await createUser(db)];
  const ofSecond = await createTransfer(db, second, { batches: twelve });
  expect(await dispatch(db, recording())).toBe(1);
  expect([countsBy(ofSecond), expressed()]).toEqual([1, 1]);
  const others = [
    await createTransfer(db, third, { batches: [1] }),
    await createTransfer(db, fourth, { batches: [1] }),
  ];
  expect(await dispatch(db, recording())).toBe(1);
  expect(expressed()).toBe(2);
  // What ended there makes room for the next.
  await db.transferBatch.updateMany({ where: { transferId: ofSecond, state: 'ADMITTED' }, data: { state: 'DONE' } });
  expect(await dispatch(db, recording())).toBe(1);
  expect(others.map(countsBy)).toEqual([1, 1]);
});

test('slots that are idle are taken before those for whoever has nothing under way', async () => {
  const transfers = [];
  for (let index = 0; index < 5; index++) {
    transfers.push(await createTransfer(db, await createUser(db), { batches: [1, 1, 1] }));
  }
  await slots(2);
  // Two idle slots, two of their own, and two that wait behind the first.
  expect(await dispatch(db, recording())).toBe(6);
  expect(expressed()).toBe(2);
  expect(transfers.map(countsBy).toSorted()).toEqual([1, 1, 1, 1, 2]);
});
