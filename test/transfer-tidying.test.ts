import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cancelTransfer, pauseTransfer, resumeTransfer } from '../queue/transfer.ts';
import { type Crossing, startCrossing } from './support/engine.ts';

const MiB = 1024 * 1024;

let crossing: Crossing;
let engine: Crossing['engine'];
let source: Crossing['from'];
let destination: Crossing['to'];

beforeAll(async () => {
  crossing = await startCrossing();
  ({ engine, from: source, to: destination } = crossing);
});

afterAll(() => crossing?.stop());

test('an upload is dropped although its source cannot be opened any more', async () => {
  const accounts = {
    sourceAccountId: await engine.connect(source.credentials),
    destinationAccountId: await engine.connect(destination.credentials),
  };
  await source.put('large', 48 * MiB);
  destination.server.faults.add({
    match: { operation: 'UploadPart', count: 1_000 },
    action: { kind: 'slow', bytesPerSecond: 4 * MiB },
  });
  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/large'], destinationPath: 'target/' });
  await engine.until(id, ({ bytesAcknowledged }) => bytesAcknowledged > 0n);
  await engine.db.$transaction((tx) => pauseTransfer(tx, id));
  const held = () => engine.db.transferBatch.count({ where: { transferId: id, state: 'ADMITTED' } });
  await expect.poll(held, { timeout: 10_000 }).toBe(0);
  const uploads = async () =>
    (await destination.client.send(new ListMultipartUploadsCommand({ Bucket: 'target' }))).Uploads?.length ?? 0;
  expect(await uploads()).toBe(1);
  await engine.db.cloudAccount.update({
    where: { id: accounts.sourceAccountId },
    data: { sealedCredentials: null, keyId: null },
  });
  await engine.db.$transaction((tx) => resumeTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'CREDENTIALS_INVALID' });
  expect(await uploads()).toBe(0);
});

test('an upload that cannot be dropped at once is dropped later', async () => {
  destination.server.faults.clear();
  const accounts = {
    sourceAccountId: await engine.connect(source.credentials),
    destinationAccountId: await engine.connect(destination.credentials),
  };
  destination.server.faults.add({
    match: { operation: 'UploadPart', count: 1_000 },
    action: { kind: 'slow', bytesPerSecond: 4 * MiB },
  });
  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/large'], destinationPath: 'target/' });
  await engine.until(id, ({ bytesAcknowledged }) => bytesAcknowledged > 0n);
  destination.server.faults.add({
    match: { operation: 'AbortMultipartUpload', count: 1 },
    action: { kind: 'status', status: 503 },
  });
  await engine.db.$transaction((tx) => cancelTransfer(tx, id));
  const uploads = async () =>
    (await destination.client.send(new ListMultipartUploadsCommand({ Bucket: 'target' }))).Uploads?.length ?? 0;
  const onRecord = () => engine.db.abandonedUpload.count();
  await expect.poll(onRecord, { timeout: 10_000 }).toBe(1);
  expect(await uploads()).toBe(1);
  await expect.poll(onRecord, { timeout: 40_000 }).toBe(0);
  expect(await uploads()).toBe(0);
});
