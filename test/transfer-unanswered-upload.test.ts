import { CreateMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cancelTransfer, pauseTransfer, resumeTransfer } from '../queue/transfer.ts';
import type { RunningProcess } from '../scripts/local/processes.ts';
import { type Crossing, startCrossing } from './support/engine.ts';

const MiB = 1024 * 1024;
/** Not the question whether the account may write, which begins an upload as well. */
const beginning = { operation: 'CreateMultipartUpload', key: 'tree/large' } as const;

let crossing: Crossing;
let engine: Crossing['engine'];
let worker: RunningProcess;
let to: Crossing['to'];
/** Uploads of the large object that were asked for. */
let begun: number;

beforeEach(async () => {
  crossing = await startCrossing({ workers: 0 });
  ({ engine, to } = crossing);
  worker = await engine.startWorker();
  begun = 0;
  to.server.observer.on('arrived', ({ operation, key }) => {
    if (operation === beginning.operation && key === beginning.key) begun += 1;
  });
});

afterEach(() => crossing?.stop());

const uploads = async () => {
  const { Uploads = [] } = await to.client.send(new ListMultipartUploadsCommand({ Bucket: 'target' }));
  return Uploads.map(({ UploadId }) => UploadId);
};

/** A transfer whose upload is asked for and not answered until `answer` is called. */
async function startUnanswered() {
  const { from, accounts } = crossing;
  const sent = { large: await from.put('tree/large', 20 * MiB), small: await from.put('tree/small', 1_000) };
  const { faults, observer } = to.server;
  const { promise: until, resolve: answer } = Promise.withResolvers<void>();
  const held = faults.add({ match: beginning, action: { kind: 'hold', until } });
  // By its end one learns that the work was stopped.
  const small = faults.add({ match: { operation: 'PutObject' }, action: { kind: 'stall' } });
  const stopped = observer.waitFor({ operation: 'PutObject' }, { event: 'finished' });
  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/tree/'], destinationPath: 'target/' });
  await Promise.all([held.hit, small.hit]);
  return { id, sent, stopped, answer };
}

const letGo = (id: string) =>
  expect
    .poll(() => engine.db.transferBatch.count({ where: { transferId: id, state: 'ADMITTED' } }), { timeout: 20_000 })
    .toBe(0);

test('a transfer that is paused while its upload begins goes on with that upload', async () => {
  const { id, sent, stopped, answer } = await startUnanswered();
  await engine.db.$transaction((tx) => pauseTransfer(tx, id));
  await stopped;
  answer();
  await letGo(id);
  expect(await uploads()).toHaveLength(1);
  await engine.db.$transaction((tx) => resumeTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(begun).toBe(1);
  expect(await uploads()).toEqual([]);
  expect(await to.hashes('tree/')).toEqual(sent);
}, 60_000);

test('a transfer that is cancelled while its upload begins leaves none', async () => {
  const { id, stopped, answer } = await startUnanswered();
  await engine.db.$transaction((tx) => cancelTransfer(tx, id));
  await stopped;
  answer();
  await letGo(id);
  expect(begun).toBe(1);
  expect(await uploads()).toEqual([]);
}, 60_000);

test('a worker that loses its lease while an upload begins drops that upload, and no other', async () => {
  const { id, sent, stopped, answer } = await startUnanswered();
  // As the sweep does with a lease that has run out.
  await engine.db.$executeRaw`
    UPDATE transfer_batch SET state = 'READY', attempt = attempt + 1, lease_until = NULL
    WHERE transfer_id = ${id}::uuid AND state = 'ADMITTED'`;
  await stopped;
  answer();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(begun).toBe(2);
  await expect.poll(uploads, { timeout: 10_000 }).toEqual([]);
  expect(await to.hashes('tree/')).toEqual(sent);
}, 60_000);

test('an upload whose beginning was not answered is found and dropped, and no other', async () => {
  const { from, accounts } = crossing;
  const sent = { large: await from.put('tree/large', 20 * MiB) };
  const lost = to.server.faults.add({
    match: beginning,
    action: { kind: 'loseAnswer' },
  });
  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/tree/'], destinationPath: 'target/' });
  await lost.hit;
  // What somebody else has begun beside it is none of ours.
  const command = new CreateMultipartUploadCommand({ Bucket: 'target', Key: 'tree/large/of-others' });
  const { UploadId } = await to.client.send(command);
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  await expect.poll(uploads, { timeout: 40_000 }).toEqual([UploadId]);
  expect(await engine.db.abandonedUpload.count()).toBe(0);
  expect(await to.hashes('tree/')).toEqual(sent);
}, 90_000);

test('an upload whose worker is killed before it is on record is found and dropped, and no other', async () => {
  const { id, sent, answer } = await startUnanswered();
  await worker.kill();
  answer();
  await expect.poll(uploads, { timeout: 5_000 }).toHaveLength(1);
  await engine.startWorker();
  // What another program begins meanwhile is none of ours.
  const command = new CreateMultipartUploadCommand({ Bucket: 'target', Key: 'tree/large/of-others' });
  const { UploadId } = await to.client.send(command);
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(begun).toBe(2);
  await expect.poll(uploads, { timeout: 40_000 }).toEqual([UploadId]);
  expect(await engine.db.abandonedUpload.count()).toBe(0);
  expect(await to.hashes('tree/')).toEqual(sent);
}, 120_000);

test('the upload of a paused transfer is not taken for one whose beginning was not answered beside it', async () => {
  const { id, sent, stopped, answer } = await startUnanswered();
  const part = to.server.faults.add({ match: { operation: 'UploadPart' }, action: { kind: 'stall' } });
  await engine.db.$executeRaw`
    UPDATE transfer_batch SET state = 'READY', attempt = attempt + 1, lease_until = NULL
    WHERE transfer_id = ${id}::uuid AND state = 'ADMITTED'`;
  await Promise.all([stopped, part.hit]);
  await engine.db.$transaction((tx) => pauseTransfer(tx, id));
  const lost = () => engine.db.abandonedUpload.count();
  await expect.poll(lost, { timeout: 20_000 }).toBe(1);
  await letGo(id);
  answer();
  await engine.db.abandonedUpload.updateMany({ data: { nextTryAt: new Date(0) } });
  await expect.poll(lost, { timeout: 20_000 }).toBe(0);
  await engine.db.$transaction((tx) => resumeTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(begun).toBe(2);
  expect(await to.hashes('tree/')).toEqual(sent);
}, 90_000);

test('a lost upload is found although the sweep was held up by another', async () => {
  const stuck = to.server.faults.add({
    match: { operation: 'AbortMultipartUpload', key: 'stuck' },
    action: { kind: 'stall' },
  });
  const begin = async (Key: string) => {
    const { UploadId = '' } = await to.client.send(new CreateMultipartUploadCommand({ Bucket: 'target', Key }));
    return { container: 'target', key: Key, id: UploadId, sizeBytes: 0, metadata: { user: {} } };
  };
  const { destinationAccountId: accountId } = crossing.accounts;
  const session = await begin('stuck');
  await begin('lost');
  await engine.db.$transaction(async (tx) => {
    await tx.abandonedUpload.create({ data: { accountId, session } });
    await tx.abandonedUpload.create({
      data: { accountId, session: { container: 'target', key: 'lost', lastedMs: 0 } },
    });
  });
  await stuck.hit;
  await expect.poll(uploads, { timeout: 60_000 }).toEqual([]);
  await expect.poll(() => engine.db.abandonedUpload.count()).toBe(0);
}, 90_000);
