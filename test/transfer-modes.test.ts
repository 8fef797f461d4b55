import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { retryFailedItems } from '../queue/follow-up.ts';
import { approveTransfer } from '../queue/transfer.ts';
import type { ConflictPolicy } from '../queue/transfer-options.ts';
import { type Crossing, startCrossing, type TestStore } from './support/engine.ts';
import { sidesOf } from './support/sides.ts';

let crossing: Crossing;
let engine: Crossing['engine'];
let from: Crossing['from'];
let to: Crossing['to'];
let accounts: Crossing['accounts'];
let round = 0;
let prefix: string;

beforeAll(async () => {
  crossing = await startCrossing();
  ({ engine, from, to, accounts } = crossing);
});

afterAll(() => crossing?.stop());

beforeEach(() => {
  round += 1;
  prefix = `${round}/`;
});

const { itemsOf, namesAt, order, put, run, twoSides } = sidesOf(() => ({ ...crossing, prefix }));

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
  expect(await namesAt(to)).toEqual(['a (2).txt', 'a (3).txt', 'a (4).txt', 'a.txt']);
  expect(there['a (2).txt']).toBe(here['a (2).txt']);
  expect(there['a (4).txt']).toBe(here['a.txt']);
});

test.for(['KEEP_BOTH', 'FAIL'] as const)('%s takes a folder for the same on both sides', async (conflictPolicy) => {
  await put(from, 'folder/', '');
  await put(from, 'folder/new', 'new');
  await put(to, 'folder/', '');
  const { id, state } = await run({ options: { conflictPolicy } });
  expect(state).toBe('COMPLETED');
  expect(await itemsOf(id)).toMatchObject({ 'folder/': { state: 'SKIPPED', reason: 'SAME' } });
  expect(await namesAt(to)).toEqual(['folder/', 'folder/new']);
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

test('KEEP_BOTH gives no name twice, also to objects that are listed apart', async () => {
  await put(from, 'one/a', 'new');
  await put(from, 'two/a', 'another');
  await put(to, 'a', 'old');
  const before = await to.hashes(prefix);
  const { state } = await run({
    options: { conflictPolicy: 'KEEP_BOTH' },
    sourcePaths: [`source/${prefix}one/a`, `source/${prefix}two/a`],
    destinationPath: `target/${prefix}`,
  });
  expect(state).toBe('COMPLETED');
  const here = await from.hashes(prefix);
  expect(await to.hashes(prefix)).toEqual({ ...before, 'a (2)': here['one/a'], 'a (3)': here['two/a'] });
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
  expect(await namesAt(to)).toEqual(['a.jpg', 'deep/c.jpg']);
  expect([objectsListed, objectsExcluded]).toEqual([2n, 3n]);
});

const removals = (sourceRemovalsPlanned: bigint, sourceRemovalsCompleted: bigint, sourceRemovalsKept: bigint) => ({
  ...{ sourceRemovalsPlanned, sourceRemovalsCompleted, sourceRemovalsKept },
});

test('MOVE counts the sources that stay though they were to be removed, and their follow-up plans them again', async () => {
  await put(from, 'a', 'some');
  await put(from, 'b', 'more');
  const match = { operation: 'GetObject', key: `${prefix}a`, count: 3 } as const;
  from.server.faults.add({ match, action: { kind: 'status', status: 500 } });
  const { id, ...row } = await run({ mode: 'MOVE' });
  expect(row).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', ...removals(2n, 1n, 1n) });
  const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
  expect(followUp).toMatchObject(removals(1n, 0n, 0n));
  expect(await engine.ended(followUp.id)).toMatchObject({ state: 'COMPLETED', ...removals(1n, 1n, 0n) });
});

test('MOVE removes each source whose copy is verified', async () => {
  await twoSides();
  const before = await from.hashes(prefix);
  const { id, ...row } = await run({ mode: 'MOVE', options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' } });
  expect(row).toMatchObject({ state: 'COMPLETED', ...removals(4n, 4n, 0n) });
  expect(await namesAt(from)).toEqual([]);
  expect(await to.hashes(prefix)).toMatchObject(before);
  const items = Object.values(await itemsOf(id));
  expect(items.map(({ sourceRemoval }) => sourceRemoval)).toEqual(['REMOVED', 'REMOVED', 'REMOVED', 'REMOVED']);
});

test('MOVE keeps what was skipped without a look at its bytes', async () => {
  await twoSides();
  await run({ mode: 'MOVE', options: { conflictPolicy: 'SKIP' } });
  expect(await namesAt(from)).toEqual(['changed', 'grown', 'same']);
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
  expect(await namesAt(to)).toEqual(['a.txt', 'old.log']);
});

test('SYNC asks before it deletes more than its limit allows, and does nothing until then', async () => {
  await twoSides();
  const { id } = await order({ mode: 'SYNC', options: { deletionLimit: { objects: 0 } } });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  expect(await namesAt(to)).toContain('extra');
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  await engine.ended(id);
  expect(await to.hashes(prefix)).toEqual(await from.hashes(prefix));
});

test('SYNC deletes nothing when a listing fails', async () => {
  await twoSides();
  const nowhere = `${round}000/`;
  const { id } = await engine.submit({
    sourceAccountId: accounts.sourceAccountId,
    sourcePaths: [`source/${prefix}`, `source/${nowhere}`],
    destinationAccountId: accounts.destinationAccountId,
    destinationPath: 'target/',
    mode: 'SYNC',
  });
  const row = await engine.ended(id);
  expect(row).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', deletionsPlanned: 0n, deletionsCompleted: 0n });
  expect(await namesAt(to)).toContain('extra');
  const items = await engine.db.transferItem.findMany({ where: { transferId: id, action: 'DELETE' } });
  expect(items).toMatchObject([{ state: 'SKIPPED', errorCode: 'LISTING_INCOMPLETE' }]);
  // A follow-up that lists the rest makes up for them; one that cannot drops them again.
  const retry = () => engine.db.$transaction((tx) => retryFailedItems(tx, id));
  const failed = await engine.ended((await retry()).id);
  expect(failed).toMatchObject({ deletionsPlanned: 0n, deletionsCompleted: 0n });
  expect(await namesAt(to)).toContain('extra');
  await from.put(`${nowhere}something`, 10);
  const { id: next } = await engine.db.$transaction((tx) => retryFailedItems(tx, failed.id));
  expect(await engine.ended(next)).toMatchObject({ state: 'COMPLETED', deletionsPlanned: 1n, deletionsCompleted: 1n });
  expect(await namesAt(to)).not.toContain('extra');
  await expect(retry()).rejects.toMatchObject({ code: 'CONFLICT' });
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

test('names with dots between slashes stay what they are, below the destination', async () => {
  for (const name of ['../up', '../../further', 'a/../b', './here', 'a//b']) await put(from, name, name);
  const { state } = await run();
  expect(state).toBe('COMPLETED');
  expect(await to.hashes(prefix)).toEqual(await from.hashes(prefix));
  const { Contents = [] } = await to.client.send(new ListObjectsV2Command({ Bucket: 'target' }));
  expect(Contents.every(({ Key = '' }) => /^\d+\//.test(Key))).toBe(true);
});

test('a worker logs how each transfer ended', async () => {
  await put(from, 'a', 'some');
  await put(to, 'b', 'there');
  await put(from, 'b', 'more');
  const { id } = await run({ options: { conflictPolicy: 'FAIL' } });
  const { id: empty } = await run({ sourcePaths: [`source/${prefix}gone/`] });
  const [worker] = crossing.workers;
  await expect
    .poll(async () => (await worker?.tail(200))?.split('\n').filter((line) => line.includes('transfer ended')) ?? [])
    .toEqual(
      expect.arrayContaining([
        expect.stringContaining(
          `"transferId":"${id}","state":"COMPLETED_WITH_ERRORS","completed":1,"failed":1,"skipped":0`,
        ),
        expect.stringContaining(`"transferId":"${empty}","state":"FAILED"`),
      ]),
    );
});
