import { DeleteObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { TransferMode } from '../core/db.ts';
import { retryFailedItems } from '../queue/follow-up.ts';
import { approveTransfer, cancelTransfer } from '../queue/transfer.ts';
import type { ConflictPolicy, GivenTransferOptions } from '../queue/transfer-options.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, startStore, type TestEngine, type TestStore } from './support/engine.ts';

let database: TestDatabase;
let engine: TestEngine;
let from: TestStore;
let to: TestStore;
let source: string;
let destination: string;
let round = 0;
let prefix: string;

beforeAll(async () => {
  database = await createTestDatabase();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: (await createTestRedis()).url });
  await engine.startWorker();
  [from, to] = await Promise.all([startStore('source'), startStore('target')]);
  source = await engine.connect(from.credentials);
  destination = await engine.connect(to.credentials);
});

afterAll(async () => {
  await engine?.stop();
  await Promise.all([from?.close(), to?.close()]);
  await database?.drop();
});

beforeEach(() => {
  round += 1;
  prefix = `${round}/`;
});

interface Wish {
  mode?: TransferMode;
  options?: GivenTransferOptions;
  dryRun?: boolean;
  sourcePaths?: string[];
  destinationPath?: string;
}

const order = (wish: Wish = {}) =>
  engine.submit({
    sourceAccountId: source,
    sourcePaths: [`source/${prefix}`],
    destinationAccountId: destination,
    destinationPath: 'target/',
    ...wish,
  });
const run = async (wish: Wish = {}) => engine.ended((await order(wish)).id);
const put = (store: TestStore, name: string, body: string) =>
  store.client.send(new PutObjectCommand({ Bucket: store.bucket, Key: prefix + name, Body: body }));
const text = async (store: TestStore) => {
  const hashes = await store.hashes(prefix);
  return Object.keys(hashes).sort();
};
const itemsOf = async (transferId: string) => {
  const items = await engine.db.transferItem.findMany({ where: { transferId }, orderBy: { sourceKey: 'asc' } });
  return Object.fromEntries(items.map((item) => [item.sourceKey.slice(prefix.length), item]));
};
/** Both sides: the same, changed, changed in size, only here, only there. */
async function twoSides(): Promise<void> {
  for (const [name, body] of Object.entries({ same: 'one', changed: 'abc', grown: 'longer', added: 'new' })) {
    await put(from, name, body);
  }
  for (const [name, body] of Object.entries({ same: 'one', changed: 'xyz', grown: 'short', extra: 'old' })) {
    await put(to, name, body);
  }
}

test.for<[ConflictPolicy, Record<string, string>]>([
  ['OVERWRITE', { same: 'WRITE', changed: 'WRITE', grown: 'WRITE', added: 'WRITE' }],
  ['SKIP', { same: 'SKIP EXISTS', changed: 'SKIP EXISTS', grown: 'SKIP EXISTS', added: 'ADD ABSENT' }],
  [
    'OVERWRITE_IF_DIFFERENT',
    {
      same: 'SKIP SAME',
      changed: 'REPLACE DIFFERENT_HASH',
      grown: 'REPLACE DIFFERENT_SIZE',
      added: 'ADD ABSENT',
    },
  ],
  [
    'OVERWRITE_IF_NEWER',
    { same: 'SKIP NOT_NEWER', changed: 'SKIP NOT_NEWER', grown: 'SKIP NOT_NEWER', added: 'ADD ABSENT' },
  ],
])('%s', async ([conflictPolicy, expected]) => {
  await twoSides();
  const { id, state, bytesSkipped } = await run({ options: { conflictPolicy } });
  expect(state).toBe('COMPLETED');
  const items = await itemsOf(id);
  const skipped = Object.values(items).filter((item) => item.state === 'SKIPPED');
  expect(bytesSkipped).toBe(skipped.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n));
  const planned = Object.entries(items).map(([name, { action, reason }]) => [
    name,
    reason === null ? action : `${action} ${reason}`,
  ]);
  expect(Object.fromEntries(planned)).toEqual(expected);
  const [here, there] = [await from.hashes(prefix), await to.hashes(prefix)];
  for (const [name, { action }] of Object.entries(items)) {
    expect(there[name] === here[name], name).toBe(action !== 'SKIP' || name === 'same');
  }
  expect(there).toHaveProperty('extra');
});

test('a newer source is written with OVERWRITE_IF_NEWER', async () => {
  await put(to, 'a', 'old');
  const writtenAt = async (store: TestStore) => {
    const head = new HeadObjectCommand({ Bucket: store.bucket, Key: `${prefix}a` });
    return (await store.client.send(head)).LastModified?.getTime() ?? 0;
  };
  const before = await writtenAt(to);
  // Times are told to the second: written again until the source's is a later one.
  const write = () => put(from, 'a', 'new').then(() => writtenAt(from));
  await expect.poll(write, { timeout: 5_000 }).toBeGreaterThan(before);
  const { id } = await run({ options: { conflictPolicy: 'OVERWRITE_IF_NEWER' } });
  expect(await itemsOf(id)).toMatchObject({ a: { action: 'REPLACE', reason: 'NEWER', state: 'COMPLETED' } });
  expect(await to.hashes(prefix)).toEqual(await from.hashes(prefix));
});

test('FAIL refuses what is there and moves the rest', async () => {
  await twoSides();
  const before = await to.hashes(prefix);
  const { id, state } = await run({ options: { conflictPolicy: 'FAIL' } });
  expect(state).toBe('COMPLETED_WITH_ERRORS');
  expect(await itemsOf(id)).toMatchObject({
    same: { state: 'FAILED', errorCode: 'DESTINATION_EXISTS' },
    added: { state: 'COMPLETED' },
  });
  const { added, ...others } = await to.hashes(prefix);
  expect(others).toEqual(before);
  expect(added).toBe((await from.hashes(prefix)).added);
});

test('KEEP_BOTH writes beside what is there, and never over another object of the transfer', async () => {
  await put(from, 'a.txt', 'new');
  await put(from, 'a (2).txt', 'another');
  await put(to, 'a.txt', 'old');
  await put(to, 'a (3).txt', 'older');
  const { state } = await run({ options: { conflictPolicy: 'KEEP_BOTH' } });
  expect(state).toBe('COMPLETED');
  const [here, there] = [await from.hashes(prefix), await to.hashes(prefix)];
  expect(await text(to)).toEqual(['a (2).txt', 'a (3).txt', 'a (4).txt', 'a.txt']);
  expect(there['a (2).txt']).toBe(here['a (2).txt']);
  expect(there['a (4).txt']).toBe(here['a.txt']);
});

test('KEEP_BOTH gives an object another name whose own was given away before it was listed', async () => {
  await put(from, 'a', 'new');
  await put(from, 'a (2)', 'another');
  await put(to, 'a', 'old');
  const before = await to.hashes(prefix);
  const sourcePaths = [`source/${prefix}a`, `source/${prefix}a (2)`];
  const { id } = await order({
    options: { conflictPolicy: 'KEEP_BOTH' },
    sourcePaths,
    destinationPath: `target/${prefix}`,
  });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  const here = await from.hashes(prefix);
  expect(await to.hashes(prefix)).toEqual({ ...before, 'a (2)': here.a, 'a (2) (2)': here['a (2)'] });
});

test('KEEP_BOTH never writes over what is there, also where no other name could be found at first', async () => {
  await put(from, 'a', 'new');
  await put(to, 'a', 'old');
  const before = await to.hashes(prefix);
  const look = { operation: 'HeadObject', key: `${prefix}a (2)`, count: 3 } as const;
  to.server.faults.add({ match: look, action: { kind: 'status', status: 500 } });
  const { id } = await run({ options: { conflictPolicy: 'KEEP_BOTH' } });
  expect(await itemsOf(id)).toMatchObject({ a: { state: 'FAILED', errorCode: 'PROVIDER_UNAVAILABLE' } });
  const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
  expect(await engine.ended(followUp.id)).toMatchObject({ state: 'FAILED', errorCode: 'DESTINATION_CHANGED' });
  expect(await to.hashes(prefix)).toEqual(before);
});

test('filters leave objects out by name and size', async () => {
  for (const name of ['a.jpg', 'b.png', 'deep/c.jpg', 'deep/tmp/d.jpg']) await put(from, name, name);
  await put(from, 'large.jpg', 'x'.repeat(100));
  const { objectsExcluded, objectsListed } = await run({
    options: { filter: { include: ['**/*.jpg'], exclude: ['**/tmp/**'], maxSizeBytes: 50 } },
  });
  expect(await text(to)).toEqual(['a.jpg', 'deep/c.jpg']);
  expect([objectsListed, objectsExcluded]).toEqual([2n, 3n]);
});

test('MOVE removes each source whose copy is verified', async () => {
  await twoSides();
  const before = await from.hashes(prefix);
  const { id, state } = await run({ mode: 'MOVE', options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' } });
  expect(state).toBe('COMPLETED');
  expect(await text(from)).toEqual([]);
  expect(await to.hashes(prefix)).toMatchObject(before);
  const items = Object.values(await itemsOf(id));
  expect(items.map(({ sourceRemoval }) => sourceRemoval)).toEqual(['REMOVED', 'REMOVED', 'REMOVED', 'REMOVED']);
});

test('MOVE keeps the source of what was the same once its copy at the destination is not', async () => {
  for (const store of [from, to]) for (const name of ['deleted', 'replaced', 'same']) await put(store, name, name);
  const { id } = await order({ mode: 'MOVE', options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' }, dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await to.client.send(new DeleteObjectCommand({ Bucket: 'target', Key: `${prefix}deleted` }));
  await put(to, 'replaced', 'written by somebody else');
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  await engine.ended(id);
  expect(await text(from)).toEqual(['deleted', 'replaced']);
  const kept = { state: 'SKIPPED', sourceRemoval: 'KEPT', errorCode: 'DESTINATION_CHANGED' };
  expect(await itemsOf(id)).toMatchObject({ deleted: kept, replaced: kept, same: { sourceRemoval: 'REMOVED' } });
});

test('an account that is gone fails what is not moved, and keeps the sources of what is', async () => {
  await put(from, 'added', 'new');
  for (const store of [from, to]) await put(store, 'same', 'one');
  const { id } = await engine.submit({
    sourceAccountId: await engine.connect(from.credentials),
    sourcePaths: [`source/${prefix}`],
    destinationAccountId: destination,
    destinationPath: 'target/',
    mode: 'MOVE',
    options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' },
    dryRun: true,
  });
  const { sourceAccountId } = await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await engine.db.$transaction(async (tx) => {
    await approveTransfer(tx, id);
    const gone = { status: 'DISCONNECTED', sealedCredentials: null, keyId: null } as const;
    await tx.cloudAccount.update({ where: { id: sourceAccountId }, data: gone });
  });
  expect(await engine.ended(id)).toMatchObject({ objectsListed: 2n, objectsSkipped: 1n, objectsFailed: 1n });
  expect(await itemsOf(id)).toMatchObject({
    added: { state: 'FAILED', sourceRemoval: 'KEPT', errorCode: 'CREDENTIALS_INVALID' },
    same: { state: 'SKIPPED', sourceRemoval: 'KEPT', errorCode: 'CREDENTIALS_INVALID' },
  });
});

test('MOVE keeps what was skipped without a look at its bytes', async () => {
  await twoSides();
  await run({ mode: 'MOVE', options: { conflictPolicy: 'SKIP' } });
  expect(await text(from)).toEqual(['changed', 'grown', 'same']);
});

test('SYNC makes a mirror, and a second one has nothing to do', async () => {
  await twoSides();
  const first = await run({ mode: 'SYNC' });
  expect(first).toMatchObject({ state: 'COMPLETED', deletionsPlanned: 1n, deletionsCompleted: 1n });
  expect(await to.hashes(prefix)).toEqual(await from.hashes(prefix));
  const second = await run({ mode: 'SYNC' });
  expect(second).toMatchObject({ state: 'COMPLETED', objectsSkipped: 4n, objectsPlanned: 0n });
});

test('SYNC deletes nothing that filters leave out', async () => {
  await put(from, 'a.txt', 'a');
  await put(to, 'old.txt', 'b');
  await put(to, 'old.log', 'c');
  await run({ mode: 'SYNC', options: { filter: { include: ['*.txt'] } } });
  expect(await text(to)).toEqual(['a.txt', 'old.log']);
});

test('SYNC asks before it deletes more than its limit allows, and does nothing until then', async () => {
  await twoSides();
  const { id } = await order({ mode: 'SYNC', options: { deletionLimit: { objects: 0 } } });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  expect(await text(to)).toContain('extra');
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  await engine.ended(id);
  expect(await to.hashes(prefix)).toEqual(await from.hashes(prefix));
});

test('what a cancelled transfer was to delete is cancelled too', async () => {
  await twoSides();
  const { id } = await order({ mode: 'SYNC', dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await engine.db.$transaction((tx) => cancelTransfer(tx, id));
  await engine.until(id, ({ batchesListed, batchesDone }) => batchesDone === batchesListed);
  const items = await itemsOf(id);
  expect(items.extra).toMatchObject({ action: 'DELETE', state: 'CANCELLED' });
  expect(await text(to)).toContain('extra');
});

test('SYNC deletes nothing when a listing fails', async () => {
  await twoSides();
  const { id } = await engine.submit({
    sourceAccountId: source,
    sourcePaths: [`source/${prefix}`, 'source/nowhere/'],
    destinationAccountId: destination,
    destinationPath: 'target/',
    mode: 'SYNC',
  });
  const row = await engine.ended(id);
  expect(row).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', deletionsPlanned: 0n, deletionsCompleted: 0n });
  expect(await text(to)).toContain('extra');
  const items = await engine.db.transferItem.findMany({ where: { transferId: id, action: 'DELETE' } });
  expect(items).toMatchObject([{ state: 'SKIPPED', errorCode: 'LISTING_INCOMPLETE' }]);
});

test('what could not be listed before a plan was approved waits for another approval', async () => {
  await twoSides();
  const late = `${round}000/`;
  const { id } = await engine.submit({
    sourceAccountId: source,
    sourcePaths: [`source/${prefix}`, `source/${late}`],
    destinationAccountId: destination,
    destinationPath: 'target/',
    mode: 'SYNC',
    dryRun: true,
  });
  const plan = await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  expect(plan.planCheckpoint).toMatchObject({ totals: { LISTING_INCOMPLETE: { objects: 1 } } });
  expect(plan.planCheckpoint).not.toMatchObject({ totals: { DELETE: {} } });
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsFailed: 1n });
  await from.put(`${late}here`, 10);
  await to.put(`${late}extra`, 10);
  const { id: next } = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
  expect(await engine.until(next, ({ state }) => state !== 'PLANNING')).toMatchObject({ state: 'AWAITING_APPROVAL' });
  expect(Object.keys(await to.hashes(late))).toEqual(['extra']);
  await engine.db.$transaction((tx) => approveTransfer(tx, next));
  expect(await engine.ended(next)).toMatchObject({ state: 'COMPLETED', deletionsCompleted: 1n });
  expect(Object.keys(await to.hashes(late))).toEqual(['here']);
});

test('VERIFY tells what differs and changes nothing', async () => {
  await twoSides();
  const before = await to.hashes(prefix);
  const { id, state } = await run({ mode: 'VERIFY' });
  expect(state).toBe('COMPLETED_WITH_ERRORS');
  const items = await itemsOf(id);
  expect(Object.fromEntries(Object.entries(items).map(([name, item]) => [name, item.state]))).toEqual({
    same: 'COMPLETED',
    changed: 'FAILED',
    grown: 'FAILED',
    added: 'FAILED',
    extra: 'FAILED',
  });
  expect(items.same?.evidence).toMatchObject({ verified: true });
  expect(await to.hashes(prefix)).toEqual(before);
});

test('REREAD reads the destination back', async () => {
  await put(from, 'a', 'some bytes');
  const { id } = await run({ options: { verification: 'REREAD' } });
  expect(await itemsOf(id)).toMatchObject({ a: { evidence: { destination: { kind: 'reread' }, verified: true } } });
});

test.for([1, 3])('what REREAD finds damaged %i times does not stay at the destination', async (times) => {
  await put(from, 'added', 'some bytes');
  await put(from, 'changed', 'new bytes');
  await put(to, 'changed', 'the old ones');
  for (const name of ['added', 'changed']) {
    to.server.faults.add({
      match: { operation: 'GetObject', key: prefix + name, count: times },
      action: { kind: 'corrupt' },
    });
  }
  const { state, errorCode } = await run({
    options: { verification: 'REREAD', conflictPolicy: 'OVERWRITE_IF_DIFFERENT' },
  });
  const isMended = times === 1;
  expect([state, errorCode]).toEqual(isMended ? ['COMPLETED', null] : ['FAILED', 'CHECKSUM_MISMATCH']);
  expect(await to.hashes(prefix)).toEqual(isMended ? await from.hashes(prefix) : {});
});

test('a dry run plans, waits, and is then carried out exactly as planned', async () => {
  await twoSides();
  const before = await to.hashes(prefix);
  const { id } = await order({ mode: 'SYNC', dryRun: true });
  const planned = await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  expect(planned).toMatchObject({
    listingComplete: true,
    objectsPlanned: 4n,
    objectsSkipped: 1n,
    bytesAcknowledged: 0n,
  });
  expect(await to.hashes(prefix)).toEqual(before);
  expect(planned.planCheckpoint).toMatchObject({
    totals: { ADD: { objects: 1 }, REPLACE: { objects: 2 }, SKIP: { objects: 1 }, DELETE: { objects: 1 } },
  });
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(await to.hashes(prefix)).toEqual(await from.hashes(prefix));
});

test('what changed between the plan and its approval is reported, and not touched', async () => {
  await twoSides();
  const { id } = await order({ mode: 'SYNC', dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await put(from, 'added', 'changed since');
  await put(to, 'changed', 'written by somebody else');
  await put(to, 'extra', 'written by somebody else');
  const written = await to.hashes(prefix);
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS' });
  expect(await itemsOf(id)).toMatchObject({
    added: { state: 'FAILED', errorCode: 'OBJECT_CHANGED' },
    changed: { state: 'FAILED', errorCode: 'DESTINATION_CHANGED' },
    extra: { state: 'FAILED', errorCode: 'DESTINATION_CHANGED' },
    grown: { state: 'COMPLETED' },
  });
  const there = await to.hashes(prefix);
  expect(there).toEqual({ ...written, grown: (await from.hashes(prefix)).grown });
});

test('a failed object of a move is retried with its removal', async () => {
  await put(from, 'a', 'bytes');
  await put(to, 'a', 'other');
  const { id } = await order({ mode: 'MOVE', dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await to.client.send(new DeleteObjectCommand({ Bucket: 'target', Key: `${prefix}a` }));
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'DESTINATION_CHANGED' });
  expect(await text(from)).toEqual(['a']);
  await put(to, 'a', 'other');
  const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
  expect(await engine.ended(followUp.id)).toMatchObject({ state: 'COMPLETED' });
  expect(await text(from)).toEqual([]);
});

test('a follow-up of an approved plan reports what changed since, and does not move it', async () => {
  await put(from, 'a', 'bytes');
  await put(to, 'a', 'other');
  const { id } = await order({ dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await put(to, 'a', 'written by somebody else');
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'DESTINATION_CHANGED' });
  const before = await to.hashes(prefix);
  const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
  expect(await engine.ended(followUp.id)).toMatchObject({ state: 'FAILED', errorCode: 'DESTINATION_CHANGED' });
  expect(await to.hashes(prefix)).toEqual(before);
});

test('names with dots between slashes stay what they are, below the destination', async () => {
  for (const name of ['../up', '../../further', 'a/../b', './here', 'a//b']) await put(from, name, name);
  const { state } = await run();
  expect(state).toBe('COMPLETED');
  expect(await to.hashes(prefix)).toEqual(await from.hashes(prefix));
  const { Contents = [] } = await to.client.send(new ListObjectsV2Command({ Bucket: 'target' }));
  expect(Contents.every(({ Key = '' }) => /^\d+\//.test(Key))).toBe(true);
});
