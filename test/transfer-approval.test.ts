import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { retryFailedItems } from '../queue/follow-up.ts';
import { approveTransfer, cancelTransfer } from '../queue/transfer.ts';
import { type Crossing, startCrossing } from './support/engine.ts';
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

const { itemsOf, namesAt, order, put, twoSides } = sidesOf(() => ({ ...crossing, prefix }));

test('MOVE keeps the source of what was the same once its copy at the destination is not', async () => {
  for (const store of [from, to]) for (const name of ['deleted', 'replaced', 'same']) await put(store, name, name);
  const { id } = await order({ mode: 'MOVE', options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' }, dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await to.client.send(new DeleteObjectCommand({ Bucket: 'target', Key: `${prefix}deleted` }));
  await put(to, 'replaced', 'written by somebody else');
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  await engine.ended(id);
  expect(await namesAt(from)).toEqual(['deleted', 'replaced']);
  const kept = { state: 'SKIPPED', sourceRemoval: 'KEPT', errorCode: 'DESTINATION_CHANGED' };
  expect(await itemsOf(id)).toMatchObject({ deleted: kept, replaced: kept, same: { sourceRemoval: 'REMOVED' } });
});

test('an account that is gone fails what is not moved, and keeps the sources of what is', async () => {
  await put(from, 'added', 'new');
  for (const store of [from, to]) await put(store, 'same', 'one');
  const { id } = await engine.submit({
    sourceAccountId: await engine.connect(from.credentials),
    sourcePaths: [`source/${prefix}`],
    destinationAccountId: accounts.destinationAccountId,
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

test.each([
  ['a plan', { dryRun: true }],
  ['deletions past the limit', { options: { deletionLimit: { objects: 0 } } }],
])('what the source has got by the time of the approval stays at the destination: of %s', async (_, asked) => {
  await twoSides();
  await put(to, 'extra2', 'extra');
  const { id } = await order({ mode: 'SYNC', ...asked });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await put(from, 'extra', 'new at the source');
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsFailed: 1n });
  expect(await itemsOf(id)).toMatchObject({
    extra: { action: 'DELETE', state: 'FAILED', errorCode: 'SOURCE_CHANGED' },
    extra2: { action: 'DELETE', state: 'COMPLETED' },
  });
  const names = await namesAt(to);
  expect(names).toContain('extra');
  expect(names).not.toContain('extra2');
  const again = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
  expect(await engine.ended(again.id)).toMatchObject({ objectsFailed: 1n });
  expect(await namesAt(to)).toContain('extra');
});

test('what a cancelled transfer was to delete is cancelled too', async () => {
  await twoSides();
  const { id } = await order({ mode: 'SYNC', dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await engine.db.$transaction((tx) => cancelTransfer(tx, id));
  await engine.until(id, ({ batchesListed, batchesDone }) => batchesDone === batchesListed);
  const items = await itemsOf(id);
  expect(items.extra).toMatchObject({ action: 'DELETE', state: 'CANCELLED' });
  expect(await namesAt(to)).toContain('extra');
});

test('what could not be listed before a plan was approved waits for another approval', async () => {
  await twoSides();
  const late = `${round}000/`;
  const { id } = await engine.submit({
    sourceAccountId: accounts.sourceAccountId,
    sourcePaths: [`source/${prefix}`, `source/${late}`],
    destinationAccountId: accounts.destinationAccountId,
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
  // The one that was left out before, and the one that is known only now.
  expect(await engine.ended(next)).toMatchObject({ state: 'COMPLETED', deletionsCompleted: 2n });
  expect(await namesAt(to)).not.toContain('extra');
  expect(Object.keys(await to.hashes(late))).toEqual(['here']);
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
    added: { state: 'FAILED', errorCode: 'SOURCE_CHANGED' },
    changed: { state: 'FAILED', errorCode: 'DESTINATION_CHANGED' },
    extra: { state: 'FAILED', errorCode: 'DESTINATION_CHANGED' },
    grown: { state: 'COMPLETED' },
  });
  const there = await to.hashes(prefix);
  expect(there).toEqual({ ...written, grown: (await from.hashes(prefix)).grown });
  // However often it is retried: only another plan looks at what is there now.
  const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, id, { errorCodes: ['SOURCE_CHANGED'] }));
  expect(await engine.ended(followUp.id)).toMatchObject({ state: 'FAILED', errorCode: 'SOURCE_CHANGED' });
  expect(await to.hashes(prefix)).toEqual(there);
});

test('a plan of which nothing could be listed has failed, and waits for nobody', async () => {
  const { id } = await order({ mode: 'SYNC', dryRun: true, sourcePaths: [`source/${prefix}gone/`] });
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'OBJECT_NOT_FOUND' });
});

test('a failed object of a move is retried with its removal', async () => {
  await put(from, 'a', 'bytes');
  await put(to, 'a', 'other');
  const { id } = await order({ mode: 'MOVE', dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await to.client.send(new DeleteObjectCommand({ Bucket: 'target', Key: `${prefix}a` }));
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'DESTINATION_CHANGED' });
  expect(await namesAt(from)).toEqual(['a']);
  await put(to, 'a', 'other');
  const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
  expect(await engine.ended(followUp.id)).toMatchObject({ state: 'COMPLETED' });
  expect(await namesAt(from)).toEqual([]);
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
