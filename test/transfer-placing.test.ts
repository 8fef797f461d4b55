import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { approveTransfer, cancelTransfer } from '../queue/transfer.ts';
import type { RunningProcess } from '../scripts/local/processes.ts';
import {
  type CloudName,
  type CloudScene,
  contents,
  fill,
  mayFetch,
  sha256,
  startCloudScene,
} from './support/clouds.ts';
import type { TestEngine } from './support/engine.ts';

/** Large enough to be fetched from a URL. */
const bytes = randomBytes(9 * 1024 * 1024);
/** Long enough for a lease to run out. */
const timeoutMs = 60_000;

let engine: TestEngine;
let all: CloudScene;
let worker: RunningProcess;

const startWorker = () => engine.startWorker(mayFetch);

beforeAll(async () => {
  all = await startCloudScene(mayFetch);
  ({ engine, worker } = all);
}, 60_000);

afterAll(() => all?.stop());

afterEach(() => {
  all.servers.s3.faults.clear();
  all.servers.dropbox.faults.clear();
});

/** Has Dropbox take over one object, which it does under a hidden name first. Returns the id of the transfer. */
async function order(from: CloudName, folder: string, { body = bytes, dryRun = false } = {}): Promise<string> {
  const { [from]: source, dropbox } = all.clouds;
  await fill(source, { [`${folder}/x`]: body });
  const { id } = await engine.submit({
    sourceAccountId: source.accountId,
    sourcePaths: [`${source.container}/${folder}/x`],
    destinationAccountId: dropbox.accountId,
    destinationPath: `dropbox/to-${folder}/`,
    dryRun,
    // A relay would go before a fetch for want of a hash in common, and to date the file.
    options: { routes: ['SERVER_SIDE_COPY', 'INGEST_FROM_URL'], keep: { modifiedAt: from === 'dropbox' } },
  });
  return id;
}

const there = async (folder: string) => Object.keys(await contents(all.clouds.dropbox, `to-${folder}/`));
const hidden = async (folder: string) => (await there(folder)).filter((name) => name.startsWith('.skyferry-'));
const onRecord = () => engine.db.abandonedUpload.count();

/** What is on record is due now. */
async function expectSwept(): Promise<void> {
  await engine.db.abandonedUpload.updateMany({ data: { nextTryAt: new Date(0) } });
  await expect.poll(onRecord, { timeout: 40_000 }).toBe(0);
}

async function expectArrived(id: string, folder: string, body = bytes): Promise<void> {
  expect(await engine.ended(id, timeoutMs)).toMatchObject({ state: 'COMPLETED' });
  expect(await contents(all.clouds.dropbox, `to-${folder}/`)).toMatchObject({ x: sha256(body) });
}

/** Orders it and resolves when it waits under its hidden name, on the point of being moved in. */
async function startHeld(folder: string) {
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  const held = all.servers.dropbox.faults.add({ match: { route: 'files/move_v2' }, action: { kind: 'hold', until } });
  const id = await order('dropbox', folder);
  await held.hit;
  expect(await hidden(folder)).toHaveLength(1);
  return { id, release };
}

test('the hidden copy of a worker that was killed is removed before another is made', async () => {
  const { id, release } = await startHeld('killed');
  await worker.kill();
  worker = await startWorker();
  await expectArrived(id, 'killed');
  expect(await there('killed')).toEqual(['x']);
  expect(await onRecord()).toBe(0);
  release();
}, 90_000);

test('what a worker that was killed had deleted to put another in its place comes, as it was planned', async () => {
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  await fill(all.clouds.dropbox, { 'to-replaced/x': Buffer.from('what was there') });
  const id = await order('dropbox', 'replaced', { dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  const held = all.servers.dropbox.faults.add({ match: { route: 'files/move_v2' }, action: { kind: 'hold', until } });
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  await held.hit;
  expect(await there('replaced')).not.toContain('x');
  await worker.kill();
  worker = await startWorker();
  await expectArrived(id, 'replaced');
  expect(await there('replaced')).toEqual(['x']);
  release();
}, 90_000);

test('what Dropbox fetches for a worker that was killed, and that arrives after the next one looked, is swept', async () => {
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  // The first to ask for the bytes is Dropbox.
  const held = all.servers.s3.faults.add({ match: { operation: 'GetObject' }, action: { kind: 'hold', until } });
  const id = await order('s3', 'late');
  await held.hit;
  await worker.kill();
  worker = await startWorker();
  await expectArrived(id, 'late');
  expect(await there('late')).toEqual(['x']);
  expect(await onRecord()).toBe(1);
  release();
  await expect.poll(() => hidden('late'), { timeout: 10_000 }).toHaveLength(1);
  await expectSwept();
  expect(await there('late')).toEqual(['x']);
}, 150_000);

test('an outage in the middle of a copy, and of its clearing up, leaves nothing hidden', async () => {
  const { faults } = all.servers.dropbox;
  const status = { kind: 'status', status: 500 } as const;
  faults.add({ match: { route: 'files/move_v2' }, action: status });
  // Once for the copy that failed, once for the worker that gives it up.
  faults.add({ match: { route: 'files/delete_v2', count: 2 }, action: status });
  const id = await order('dropbox', 'outage');
  await expectArrived(id, 'outage');
  expect(await hidden('outage')).toHaveLength(1);
  await expectSwept();
  expect(await there('outage')).toEqual(['x']);
}, 120_000);

test('a copy that finds something in its place, and whose clearing up fails, leaves nothing hidden', async () => {
  const { faults } = all.servers.dropbox;
  // Nobody looks at the place of a small object before it is copied.
  const body = Buffer.from('small');
  await fill(all.clouds.dropbox, { 'to-occupied/x': Buffer.from('what was there') });
  const failing = faults.add({ match: { route: 'files/delete_v2' }, action: { kind: 'status', status: 500 } });
  const id = await order('dropbox', 'occupied', { body });
  await failing.hit;
  await expectArrived(id, 'occupied', body);
  await expectSwept();
  expect(await there('occupied')).toEqual(['x']);
}, 90_000);

test('a copy that turns out to have been made before, and whose clearing up fails, leaves nothing hidden', async () => {
  const { faults } = all.servers.dropbox;
  const id = await order('dropbox', 'made', { dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  faults.add({ match: { route: 'files/move_v2' }, action: { kind: 'loseAnswer' } });
  // That of the next try is the second.
  faults.add({ match: { route: 'files/delete_v2' }, action: { kind: 'slow', bytesPerSecond: 1_000_000 } });
  const failing = faults.add({ match: { route: 'files/delete_v2' }, action: { kind: 'status', status: 500 } });
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  await failing.hit;
  await expectArrived(id, 'made');
  await expectSwept();
  expect(await there('made')).toEqual(['x']);
}, 90_000);

test('a copy that is cancelled in the middle leaves nothing hidden', async () => {
  const { id, release } = await startHeld('cancelled');
  // The copy itself cannot remove it: its worker does.
  const match = { route: 'files/delete_v2' };
  all.servers.dropbox.faults.add({ match, action: { kind: 'status', status: 500 } });
  await engine.db.$transaction((tx) => cancelTransfer(tx, id));
  await expect.poll(() => hidden('cancelled'), { timeout: 10_000 }).toEqual([]);
  release();
  const held = () => engine.db.transferBatch.count({ where: { transferId: id, state: 'ADMITTED' } });
  await expect.poll(held, { timeout: 10_000 }).toBe(0);
  expect(await there('cancelled')).toEqual([]);
});
