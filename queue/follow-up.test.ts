import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDb, type Db, type Transfer } from '../core/db.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/databases.ts';
import { canRetryFailed, failuresOf } from './failures.ts';
import { type FailedItemFilter, retryFailedItems } from './follow-up.ts';
import { type SubmitTransfer, submitTransfer } from './transfer.ts';

let database: TestDatabase;
let db: Db;
let request: SubmitTransfer;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 4 });
  const { id: userId } = await db.user.create({ data: { email: 'a@example.org', name: 'A' } });
  const account = () => db.cloudAccount.create({ data: { userId, provider: 'S3', name: 'x', identity: 'x' } });
  const [source, destination] = [await account(), await account()];
  request = {
    userId,
    sourceAccountId: source.id,
    destinationAccountId: destination.id,
    sourcePaths: ['from/photos/', 'from/films/'],
    destinationPath: 'to/',
  };
});

afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

interface Ended {
  order?: Partial<SubmitTransfer>;
  items?: object[];
  failedPaths?: object[];
}

/** A transfer that has ended with these failed items; what an item does not say is that of a plain copy. */
async function ended({ order = {}, items = [], failedPaths = [] }: Ended): Promise<Transfer> {
  const { id } = await db.$transaction((tx) => submitTransfer(tx, { ...request, ...order }));
  await db.outbox.deleteMany();
  await db.transferItem.createMany({
    data: items.map((item, ordinal) => ({
      transferId: id,
      ordinal,
      batchNumber: 0,
      state: 'FAILED' as const,
      sourceContainer: 'from',
      sourceKey: `photos/${ordinal}`,
      destinationContainer: 'to',
      destinationKey: `photos/${ordinal}`,
      sizeBytes: 10n,
      attempts: 3,
      errorCode: 'PERMISSION_DENIED',
      errorMessage: 'No.',
      ...item,
    })),
  });
  const dropped = items.filter((item) => 'errorCode' in item && item.errorCode === 'LISTING_INCOMPLETE').length;
  const planCheckpoint = {
    ...{ remaining: [], nextOrdinal: items.length, destinationObjects: 7, failed: failedPaths },
    totals: dropped === 0 ? {} : { LISTING_INCOMPLETE: { objects: dropped, bytes: 0 } },
  };
  const counted = { objectsFailed: items.length - dropped, objectsListed: items.length, listingComplete: true };
  const times = { startedAt: new Date(), finishedAt: new Date() };
  const data = { state: 'COMPLETED_WITH_ERRORS' as const, ...counted, ...times, planCheckpoint };
  return db.transfer.update({ where: { id }, data });
}
const failed = (count: number, more: object = {}) => Array.from({ length: count }, () => more);
const retry = ({ id }: Transfer, filter?: FailedItemFilter) =>
  db.$transaction((tx) => retryFailedItems(tx, id, filter));
const itemsOf = ({ id }: Transfer) =>
  db.transferItem.findMany({ where: { transferId: id }, orderBy: { ordinal: 'asc' } });
const ordinalsOf = async (row: Transfer) => (await itemsOf(row)).map(({ ordinal }) => ordinal);
const planJobs = ({ id }: Transfer) => db.outbox.count({ where: { jobId: { startsWith: `t-${id}-` } } });

test('a follow-up has what failed, as it was planned, in batches of its own; its origin stays as it is', async () => {
  const version = { etag: 'e' };
  const planned = { action: 'REPLACE', reason: 'NEWER', sourceVersion: version, destinationVersion: { etag: 'd' } };
  const origin = await ended({
    order: {
      priority: 'HIGH',
      bandwidthLimit: 50_000n,
      options: { maxTries: 7, conflictPolicy: 'OVERWRITE_IF_NEWER' },
    },
    items: [{ state: 'COMPLETED', errorCode: null }, ...failed(150, planned)],
  });
  const before = await itemsOf(origin);
  const row = await retry(origin);
  expect(row).toMatchObject({
    ...{ retryOfId: origin.id, state: 'RUNNING', sequence: 1n, finishedAt: null, errorCode: null },
    ...{ name: `Retry of ${origin.name}`, priority: 'HIGH', bandwidthLimit: 50_000n, options: origin.options },
    ...{ objectsListed: 150n, objectsPlanned: 150n, objectsFailed: 0n, bytesListed: 1_500n, bytesPlanned: 1_500n },
    ...{ listingComplete: true, batchesListed: 2, batchesDone: 0 },
    planCheckpoint: { remaining: [], totals: { REPLACE: { objects: 150, bytes: 1_500 } }, relisted: [] },
  });
  expect(await planJobs(row)).toBe(0);
  const items = await itemsOf(row);
  expect(items).toHaveLength(150);
  expect(items[0]).toMatchObject({ ...planned, ordinal: 1, batchNumber: 0, state: 'PENDING', attempts: 0 });
  expect(items[0]).toMatchObject({ errorCode: null, startedAt: null, sourceRemoval: null });
  expect(await db.transferBatch.findMany({ where: { transferId: row.id }, orderBy: { number: 'asc' } })).toMatchObject([
    { number: 0, state: 'READY', itemCount: 100, sizeBytes: 1_000n },
    { number: 1, state: 'READY', itemCount: 50, sizeBytes: 500n },
  ]);
  expect(items[149]).toMatchObject({ ordinal: 150, batchNumber: 1 });
  expect(await itemsOf(origin)).toEqual(before);
  expect(await db.transfer.findUnique({ where: { id: origin.id } })).toEqual(origin);
});

test('large objects travel in batches of few, and deletions apart', async () => {
  const origin = await ended({
    order: { mode: 'SYNC' },
    items: [...failed(3, { sizeBytes: 200n * 1024n ** 2n }), { action: 'DELETE', sizeBytes: 0n }, {}],
  });
  const row = await retry(origin);
  expect((await itemsOf(row)).map(({ batchNumber }) => batchNumber)).toEqual([0, 0, 1, 3, 2]);
  expect(row).toMatchObject({ deletionsPlanned: 1n, objectsPlanned: 5n, batchesListed: 4 });
});

test('a filter takes reasons, paths, or both', async () => {
  const origin = await ended({
    items: [
      {},
      { errorCode: 'OBJECT_NOT_FOUND' },
      { sourceKey: 'films/a/b' },
      { sourceKey: 'films/a/b', errorCode: 'OBJECT_NOT_FOUND' },
      { sourceKey: 'photos/[1]' },
      { reason: 'EXTRA', action: 'DELETE', destinationKey: 'mirror/extra' },
    ],
  });
  const taken = async (filter: FailedItemFilter) => {
    const row = await retry(origin, filter);
    const ordinals = await ordinalsOf(row);
    await db.transfer.update({ where: { id: row.id }, data: { state: 'CANCELLED' } });
    return ordinals;
  };
  expect(await taken({ errorCodes: ['OBJECT_NOT_FOUND'] })).toEqual([1, 3]);
  expect(await taken({ paths: ['from/films/**'] })).toEqual([2, 3]);
  expect(await taken({ paths: ['from/photos/*'] })).toEqual([0, 1, 4]);
  expect(await taken({ paths: ['from/photos/\\[1\\]', 'from/*/0'] })).toEqual([0, 4]);
  expect(await taken({ errorCodes: ['OBJECT_NOT_FOUND'], paths: ['from/films/**'] })).toEqual([3]);
  expect(await taken({ paths: ['to/mirror/extra'] })).toEqual([5]);
  expect(await taken({})).toEqual([0, 1, 2, 3, 4, 5]);
});

test.for<[string, FailedItemFilter, object]>([
  ['takes nothing', { errorCodes: ['THROTTLED'] }, { code: 'INVALID_INPUT', field: ['filter'] }],
  ['names a path where nothing failed', { paths: ['from/nowhere/**'] }, { code: 'INVALID_INPUT', field: ['filter'] }],
  ['does not parse', { paths: ['from/[z-a]'] }, { code: 'INVALID_INPUT', field: ['filter', 'paths'] }],
  ['has too many globs', { paths: Array(21).fill('*') }, { code: 'INVALID_INPUT', field: ['filter', 'paths'] }],
  ['has a glob that is too long', { paths: ['a'.repeat(257)] }, { code: 'INVALID_INPUT', field: ['filter', 'paths'] }],
  ['has an empty glob', { paths: [''] }, { code: 'INVALID_INPUT', field: ['filter', 'paths'] }],
])('a filter that %s is refused', async ([, filter, error]) => {
  const origin = await ended({ items: failed(2) });
  await expect(retry(origin, filter)).rejects.toMatchObject(error);
  expect(await db.transfer.count({ where: { retryOfId: origin.id } })).toBe(0);
});

test('what a follow-up has is left to it, and is open again once that is cancelled, but for what it got done', async () => {
  const origin = await ended({ items: [...failed(2), ...failed(2, { errorCode: 'THROTTLED' })] });
  const first = await retry(origin, { errorCodes: ['THROTTLED'] });
  expect(await ordinalsOf(await retry(origin))).toEqual([0, 1]);
  expect(await canRetryFailed(db, origin)).toBe(false);
  await expect(retry(origin)).rejects.toMatchObject({ code: 'CONFLICT' });
  await expect(retry(first)).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringMatching(/running/) });

  await db.transferItem.update({
    where: { transferId_ordinal: { transferId: first.id, ordinal: 2 } },
    data: { state: 'COMPLETED' },
  });
  await db.transfer.update({ where: { id: first.id }, data: { state: 'CANCELLED' } });
  expect(await canRetryFailed(db, origin)).toBe(true);
  const third = await retry(origin);
  expect(await ordinalsOf(third)).toEqual([3]);

  // What failed again is retried from there, under the same name.
  await db.transferItem.updateMany({ where: { transferId: third.id }, data: { state: 'FAILED' } });
  const again = await db.transfer.update({ where: { id: third.id }, data: { state: 'FAILED' } });
  const fourth = await retry(again);
  expect(fourth).toMatchObject({ retryOfId: third.id, name: third.name });
  expect(await ordinalsOf(fourth)).toEqual([3]);
});

test('what a cancelled follow-up gets done after another one took it is counted once', async () => {
  const origin = await ended({ items: failed(2) });
  const first = await retry(origin);
  await db.transfer.update({ where: { id: first.id }, data: { state: 'CANCELLED' } });
  expect(await ordinalsOf(await retry(origin, { paths: ['from/photos/0'] }))).toEqual([0]);
  await db.transferItem.update({
    where: { transferId_ordinal: { transferId: first.id, ordinal: 0 } },
    data: { state: 'COMPLETED' },
  });
  expect(await failuresOf(db, origin)).toMatchObject([{ objects: 2, open: 1 }]);
  expect(await ordinalsOf(await retry(origin))).toEqual([1]);
});

test('failures are counted by reason as they come, with what is open of them', async () => {
  const told = (code: string, errorMessage = 'No.') => ({ errorCode: code, errorMessage });
  const origin = await ended({
    items: [...failed(3, told('THROTTLED')), ...failed(2), told('PERMISSION_DENIED', 'Other.'), told('NAME_COLLISION')],
  });
  const named = { sourceContainer: 'from', sourceKey: 'k', destinationContainer: 'to', destinationKey: 'k' };
  await db.transferItem.createMany({
    data: [7, 8].map((ordinal) => ({ transferId: origin.id, ordinal, batchNumber: 0, sizeBytes: 70n, ...named })),
  });
  const late = {
    where: { transferId: origin.id, ordinal: 7 },
    data: { state: 'FAILED', ...told('QUOTA_EXCEEDED') },
  } as const;
  await db.transferItem.updateMany(late);
  // Written twice, as after an answer that was lost.
  await db.transferItem.updateMany(late);
  const count = (code: string, objects: number, bytes: bigint, message: string | null, open = objects) => ({
    ...{ code, objects, bytes, message, open },
  });
  const [names, quota] = [count('NAME_COLLISION', 1, 10n, 'No.', 0), count('QUOTA_EXCEEDED', 1, 70n, 'No.')];
  expect(await failuresOf(db, origin)).toEqual([
    count('PERMISSION_DENIED', 3, 30n, null),
    count('THROTTLED', 3, 30n, 'No.'),
    ...[names, quota],
  ]);

  const followUp = await retry(origin, { errorCodes: ['THROTTLED', 'QUOTA_EXCEEDED'] });
  const open = async () => Object.fromEntries((await failuresOf(db, origin)).map((one) => [one.code, one.open]));
  expect(await open()).toEqual({ PERMISSION_DENIED: 3, THROTTLED: 0, NAME_COLLISION: 0, QUOTA_EXCEEDED: 0 });
  const first = { transferId_ordinal: { transferId: followUp.id, ordinal: 0 } };
  await db.transferItem.update({ where: first, data: { state: 'COMPLETED' } });
  await db.transfer.update({ where: { id: followUp.id }, data: { state: 'CANCELLED' } });
  expect(await open()).toEqual({ PERMISSION_DENIED: 3, THROTTLED: 2, NAME_COLLISION: 0, QUOTA_EXCEEDED: 1 });
});

test('paths that could not be listed are listed again, after what came of them', async () => {
  const place = { path: 1, cursor: 'c', destinationCursor: null, after: 'films/k' };
  const origin = await ended({
    items: [{}, { sourceKey: 'films/', sizeBytes: 0n }],
    failedPaths: [{ ...place, ordinal: 1 }],
  });
  const nameHash = Buffer.alloc(32, 7);
  await db.transferName.create({ data: { transferId: origin.id, nameHash } });
  const row = await retry(origin);
  expect(row).toMatchObject({
    listingComplete: false,
    objectsListed: 1n,
    planCheckpoint: {
      remaining: [place],
      nextOrdinal: 2,
      destinationObjects: 7,
      failed: [],
      relisted: [{ path: 1, ordinal: 1 }],
    },
  });
  expect(await ordinalsOf(row)).toEqual([0]);
  expect(await planJobs(row)).toBe(1);
  // Names that the origin gave away stay taken.
  expect(await db.transferName.count({ where: { transferId: row.id } })).toBe(1);
  expect(await canRetryFailed(db, origin)).toBe(false);
  await db.transfer.update({ where: { id: row.id }, data: { state: 'CANCELLED' } });
  const listed = await retry(origin, { paths: ['from/films/**'] });
  expect(listed).toMatchObject({ objectsListed: 0n, planCheckpoint: { relisted: [{ ordinal: 1 }] } });
  expect(await ordinalsOf(await retry(origin))).toEqual([0]);
});

test('deletions that were dropped are open once all is listed, and no follow-up has them', async () => {
  const place = { path: 1, cursor: null, destinationCursor: null, after: null };
  const dropped = { action: 'DELETE', reason: 'EXTRA', state: 'SKIPPED', errorCode: 'LISTING_INCOMPLETE' };
  const origin = await ended({
    order: { mode: 'SYNC' },
    items: [{ sourceKey: 'films/' }, dropped, dropped, dropped],
    failedPaths: [{ ...place, ordinal: 0 }],
  });
  const can = () => canRetryFailed(db, origin);
  const change = ({ id }: Transfer, data: object) => db.transfer.update({ where: { id }, data });
  const itemOf = ({ id }: Transfer, ordinal: number, data: object) =>
    db.transferItem.update({ where: { transferId_ordinal: { transferId: id, ordinal } }, data });
  const listing = await retry(origin, { paths: ['from/films/'] });
  expect(await ordinalsOf(listing)).toEqual([]);
  expect(await can()).toBe(false);
  await change(listing, { state: 'COMPLETED', listingComplete: true });
  expect(await can()).toBe(true);
  const first = await retry(origin);
  expect(await ordinalsOf(first)).toEqual([1, 2, 3]);
  expect(await can()).toBe(false);
  await expect(retry(origin)).rejects.toMatchObject({ code: 'CONFLICT' });

  // One was deleted, one dropped again, and one not looked at.
  await itemOf(first, 1, { state: 'COMPLETED' });
  await itemOf(first, 2, { state: 'SKIPPED', errorCode: 'LISTING_INCOMPLETE' });
  await change(first, { state: 'CANCELLED' });
  expect(await can()).toBe(true);
  const second = await retry(origin);
  expect(await ordinalsOf(second)).toEqual([2, 3]);
  expect(await can()).toBe(false);
});

test('deletions stay dropped where what was not listed cannot be tried again', async () => {
  const place = { path: 1, cursor: null, destinationCursor: null, after: null };
  const origin = await ended({
    order: { mode: 'SYNC' },
    items: [{ errorCode: 'INVALID_INPUT' }, { action: 'DELETE', state: 'SKIPPED', errorCode: 'LISTING_INCOMPLETE' }],
    failedPaths: [{ ...place, ordinal: 0 }],
  });
  expect(await canRetryFailed(db, origin)).toBe(false);
  await expect(retry(origin)).rejects.toMatchObject({ code: 'CONFLICT' });
});

test('what is listed only now is no part of the plan that was approved, and waits for another approval', async () => {
  const place = { path: 1, cursor: null, destinationCursor: null, after: null, ordinal: 1 };
  const origin = await ended({ order: { dryRun: true }, items: failed(2), failedPaths: [place] });
  const approved = await db.transfer.update({ where: { id: origin.id }, data: { approvedAt: new Date() } });
  const { id } = await retry(approved, { paths: ['from/photos/0'] });
  expect(await db.transfer.findUnique({ where: { id } })).toMatchObject({
    state: 'RUNNING',
    approvedAt: approved.approvedAt,
  });
  expect(await retry(approved)).toMatchObject({ state: 'PLANNING', approvedAt: null, listingComplete: false });
});

test('what failed for its name stays failed: it would take the place of the object that has the name', async () => {
  const names = ['NAME_COLLISION', 'NAME_NOT_ALLOWED', 'DESTINATION_EXISTS', 'DESTINATION_DIFFERS'];
  const origin = await ended({ items: [...names.map((errorCode) => ({ errorCode })), {}] });
  expect(await ordinalsOf(await retry(origin))).toEqual([names.length]);
  expect(await canRetryFailed(db, origin)).toBe(false);
});

test('what was never ordered stays failed, and what a cloud refused can be tried again', async () => {
  const items = [...failed(2, { errorCode: 'INVALID_INPUT' }), ...failed(3, { errorCode: 'REQUEST_REFUSED' })];
  const origin = await ended({ items });
  expect(await failuresOf(db, origin)).toMatchObject([
    { code: 'REQUEST_REFUSED', objects: 3, open: 3 },
    { code: 'INVALID_INPUT', objects: 2, open: 0 },
  ]);
  expect(await ordinalsOf(await retry(origin))).toEqual([2, 3, 4]);
  expect(await failuresOf(db, origin)).toMatchObject([{ open: 0 }, { open: 0 }]);
});

test('of a move, sources are removed after all, also of what only that failed for', async () => {
  const origin = await ended({
    order: { mode: 'MOVE' },
    items: [
      { sourceRemoval: 'KEPT' },
      { sourceRemoval: null },
      { action: 'SKIP', reason: 'SAME', sourceRemoval: 'KEPT' },
    ],
  });
  const row = await retry(origin);
  expect(row).toMatchObject({
    objectsListed: 3n,
    objectsPlanned: 2n,
    objectsSkipped: 1n,
    bytesAbandoned: 10n,
    bytesSkipped: 10n,
  });
  expect((await itemsOf(row)).map(({ state, sourceRemoval }) => [state, sourceRemoval])).toEqual([
    ['PENDING', 'PENDING'],
    ['PENDING', 'PENDING'],
    ['SKIPPED', 'PENDING'],
  ]);
});

test('an account that was disconnected since is a conflict', async () => {
  const account = await db.cloudAccount.create({
    data: { userId: request.userId, provider: 'S3', name: 'y', identity: 'y' },
  });
  const origin = await ended({ order: { destinationAccountId: account.id }, items: failed(1) });
  expect(await canRetryFailed(db, origin)).toBe(true);
  await db.cloudAccount.update({ where: { id: account.id }, data: { status: 'DISCONNECTED' } });
  expect(await canRetryFailed(db, origin)).toBe(false);
  await expect(retry(origin)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringMatching(/disconnected/),
  });
});

test('two that come at once share what failed, and none takes what the other has', async () => {
  const origin = await ended({ items: failed(4) });
  const answers = await Promise.allSettled([retry(origin), retry(origin)]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(await db.transfer.count({ where: { retryOfId: origin.id } })).toBe(1);
});
