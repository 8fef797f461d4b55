import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDb, type Db } from '../../core/db.ts';
import { createLogger } from '../../core/log.ts';
import type { ProgressRow } from '../../queue/progress.ts';
import type { JobQueue } from '../../queue/queue.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/databases.ts';
import { createTransfer, createUser, type TestUser } from '../../test/support/transfers.ts';
import { type SweepState, sweep } from './sweep.ts';

let database: TestDatabase;
let db: Db;
let user: TestUser;
/** Stands for Redis: the ids that wait in its queue. */
let queued: Set<string>;
let isRedisThere: boolean;
const queue: JobQueue = {
  get ready() {
    return isRedisThere;
  },
  add: async () => {},
  waiting: async (_, ids) => new Set(ids.filter((id) => queued.has(id))),
  close: async () => {},
};
let published: ProgressRow[];
let logged: { transferId?: string; msg: string }[];
const log = createLogger('test', 'info', { write: (line) => void logged.push(JSON.parse(line)) });
let state: SweepState;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 4 });
});

afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

beforeEach(async () => {
  await db.transferName.deleteMany();
  await db.transfer.deleteMany();
  await db.transferSchedule.deleteMany();
  await db.outbox.deleteMany();
  await db.idempotencyKey.deleteMany();
  // With everything else that is theirs.
  await db.user.deleteMany();
  user = await createUser(db);
  published = [];
  logged = [];
  queued = new Set();
  isRedisThere = true;
  state = { endsPublishedUntil: new Date(Date.now() - 60_000), trimmedAt: Number.NEGATIVE_INFINITY };
});

const publish = async (row: ProgressRow) => {
  published.push(row);
  return true;
};
const run = (takes: (row: ProgressRow) => Promise<boolean> = publish) =>
  sweep({ db, log, queue, publish: takes, kickDispatcher: () => {} }, state);
const past = (seconds: number) => new Date(Date.now() - seconds * 1_000);

test('a batch whose lease ran out goes back under a new token; one whose lease runs stays', async () => {
  const transferId = await createTransfer(db, user, { batches: [1, 1] });
  await db.transferBatch.updateMany({
    where: { transferId, number: 0 },
    data: { state: 'ADMITTED', fence: 1, leaseUntil: past(1) },
  });
  await db.transferBatch.updateMany({
    where: { transferId, number: 1 },
    data: { state: 'ADMITTED', fence: 1, leaseUntil: past(-60) },
  });
  await run();
  expect(await db.transferBatch.findMany({ where: { transferId }, orderBy: { number: 'asc' } })).toMatchObject([
    { state: 'READY', attempt: 2, fence: 1 },
    { state: 'ADMITTED', attempt: 1 },
  ]);
  expect(logged).toMatchObject([{ transferId, msg: 'batches without a sign of life go to others' }]);
});

test('what the holder of a lost batch had in flight is taken back, and that is published', async () => {
  const id = await createTransfer(db, user, { batches: [1, 1, 1], data: { bytesInFlight: 60, sequence: 4 } });
  for (const [number, bytesInFlight] of [10, 20, 30].entries()) {
    await db.transferBatch.updateMany({
      where: { transferId: id, number },
      data: { state: 'ADMITTED', fence: 1, bytesInFlight, leaseUntil: past(number === 2 ? -60 : 1) },
    });
  }
  await run();
  await run();
  expect(published).toMatchObject([{ id, bytesInFlight: 30n, sequence: 5n }]);
  const stored = await db.transferBatch.findMany({ where: { transferId: id }, orderBy: { number: 'asc' } });
  expect(stored.map(({ bytesInFlight }) => bytesInFlight)).toEqual([0n, 0n, 30n]);
});

test('an admitted batch that nobody took stays as long as its job waits, and goes back when it is lost', async () => {
  const transferId = await createTransfer(db, user, { batches: [1, 1] });
  await db.transferBatch.updateMany({ where: { transferId }, data: { state: 'ADMITTED', leaseUntil: past(1) } });
  queued.add(`b-${transferId}-1-1`);
  await run();
  const stored = () => db.transferBatch.findMany({ where: { transferId }, orderBy: { number: 'asc' } });
  expect(await stored()).toMatchObject([
    { state: 'READY', attempt: 2 },
    { state: 'ADMITTED', attempt: 1 },
  ]);
  await db.transferBatch.updateMany({ where: { transferId, number: 1 }, data: { leaseUntil: past(1) } });
  queued.clear();
  isRedisThere = false;
  await run();
  expect(await stored()).toMatchObject([{}, { state: 'ADMITTED', attempt: 1 }]);
});

test('a plan without a sign of life is promised again, but not while its promise still waits', async () => {
  const data = { state: 'QUEUED', listingComplete: false, planLeaseUntil: past(1) } as const;
  const id = await createTransfer(db, user, { batches: [], data });
  await run();
  expect(await db.transfer.findUnique({ where: { id } })).toMatchObject({ attempt: 2 });
  expect(await db.outbox.findMany()).toMatchObject([{ jobId: `t-${id}-2` }]);
  await db.transfer.update({ where: { id }, data: { planLeaseUntil: past(1) } });
  await run();
  expect(await db.transfer.findUnique({ where: { id } })).toMatchObject({ attempt: 2 });
  expect(await db.outbox.count()).toBe(1);
});

test('a plan whose job waits in the queue behind others is not overtaken; one whose job is lost is promised again', async () => {
  const data = { state: 'QUEUED', listingComplete: false, planLeaseUntil: past(1) } as const;
  const waiting = await createTransfer(db, user, { batches: [], data });
  const lost = await createTransfer(db, user, { batches: [], data });
  const taken = await createTransfer(db, user, { batches: [], data: { ...data, state: 'RUNNING', planFence: 1 } });
  for (const id of [waiting, taken]) queued.add(`t-${id}-1`);
  await run();
  const attempts = async () => {
    const rows = await db.transfer.findMany({ where: { id: { in: [waiting, lost, taken] } }, orderBy: { id: 'asc' } });
    return rows.map(({ attempt }) => attempt);
  };
  // Whoever took a plan and shows no sign of life is gone, although the queue may not know yet.
  expect(await attempts()).toEqual([1, 2, 2]);
  await db.transfer.update({ where: { id: waiting }, data: { planLeaseUntil: past(1) } });
  isRedisThere = false;
  await run();
  expect(await attempts()).toEqual([1, 2, 2]);
  isRedisThere = true;
  queued.clear();
  await db.transfer.update({ where: { id: waiting }, data: { planLeaseUntil: past(1) } });
  await run();
  expect(await attempts()).toEqual([2, 2, 2]);
});

test('plans that are done, paused or not due are left alone', async () => {
  const old = { planLeaseUntil: past(1) };
  await createTransfer(db, user, { batches: [1], data: old });
  await createTransfer(db, user, { batches: [], data: { ...old, state: 'PAUSED', listingComplete: false } });
  await createTransfer(db, user, {
    batches: [],
    data: { state: 'SCHEDULED', listingComplete: false, planLeaseUntil: past(-60) },
  });
  await run();
  expect(await db.outbox.count()).toBe(0);
});

test('a speed that nobody renews goes to zero, and that is published', async () => {
  const id = await createTransfer(db, user, {
    batches: [1],
    data: { speedBytesPerSecond: 5, speedAt: past(20), speedSince: past(60) },
  });
  await run();
  expect(published).toMatchObject([{ id, speedBytesPerSecond: 0n }]);
});

test('ends are published once more, and again when Redis did not take them', async () => {
  const id = await createTransfer(db, user, { batches: [], data: { state: 'COMPLETED', finishedAt: past(30) } });
  await run(async () => false);
  await run();
  expect(published).toMatchObject([{ id, state: 'COMPLETED' }]);
  published = [];
  await run();
  expect(published).toEqual([]);
});

test('what finished work leaves behind is trimmed', async () => {
  const done = await createTransfer(db, user, { batches: [1], data: { state: 'COMPLETED', finishedAt: past(30) } });
  const going = await createTransfer(db, user, { batches: [1] });
  await db.transferBatch.updateMany({ data: { state: 'DONE' } });
  for (const transferId of [done, going])
    await db.transferName.create({ data: { transferId, nameHash: Buffer.alloc(32) } });
  await db.workerProcess.create({ data: { id: randomUUID(), slots: 1, seenAt: past(7_200) } });
  const key = { userId: user.userId, operation: 'x', argumentsHash: 'x' };
  await db.idempotencyKey.create({ data: { ...key, key: 'old', expiresAt: past(1) } });
  await db.idempotencyKey.create({ data: { ...key, key: 'new', expiresAt: past(-60) } });
  const flow = { userId: user.userId, provider: 'DROPBOX', sealedVerifier: Buffer.alloc(1), keyId: 'x' } as const;
  await db.oauthFlow.create({ data: { ...flow, stateHash: Buffer.of(1), expiresAt: past(1) } });
  await db.oauthFlow.create({ data: { ...flow, stateHash: Buffer.of(2), expiresAt: past(-60) } });
  await run();
  expect((await db.transferBatch.findMany()).map(({ transferId }) => transferId)).toEqual([going]);
  expect((await db.transferName.findMany()).map(({ transferId }) => transferId)).toEqual([going]);
  expect(await db.workerProcess.count()).toBe(0);
  expect((await db.idempotencyKey.findMany()).map(({ key: name }) => name)).toEqual(['new']);
  expect((await db.oauthFlow.findMany()).map(({ stateHash }) => stateHash[0])).toEqual([2]);
});

test('a manifest goes a while after its last use, unless something that is still to come names it', async () => {
  const long = past(31 * 86_400);
  const manifest = async (name: string, usedAt = long) => {
    const data = { userId: user.userId, paths: [`p/${name}`], pathCount: 1, hash: Buffer.from(name), usedAt };
    return (await db.pathManifest.create({ data })).id;
  };
  const naming = (manifestId: string) => ({ filter: { manifestId } });
  await manifest('unused');
  const fresh = await manifest('fresh', past(86_400));
  const [scheduled, waiting, done] = [await manifest('scheduled'), await manifest('waiting'), await manifest('done')];
  const accounts = { sourceAccountId: user.accountId, destinationAccountId: user.accountId };
  const order = { options: naming(scheduled) };
  await db.transferSchedule.create({
    data: { ...accounts, userId: user.userId, name: 'x', cron: '* * * * *', timeZone: 'UTC', order },
  });
  const later = { state: 'SCHEDULED', listingComplete: false, startAt: past(-86_400) } as const;
  await createTransfer(db, user, { batches: [], data: { ...later, options: naming(waiting) } });
  await createTransfer(db, user, { batches: [], data: { listingComplete: true, options: naming(done) } });
  await run();
  const left = await db.pathManifest.findMany({ select: { id: true } });
  expect(left.map(({ id }) => id).toSorted()).toEqual([fresh, scheduled, waiting].toSorted());
});
