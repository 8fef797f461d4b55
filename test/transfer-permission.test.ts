import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type S3Server, startS3Server } from '../emulators/s3/server.ts';
import { retryFailedItems } from '../queue/follow-up.ts';
import { firstCheckpoint, planCheckpointSchema } from '../queue/plan-checkpoint.ts';
import { submitTransfer } from '../queue/transfer.ts';
import { startOwnEngine, startStore, type TestEngine, type TestStore } from './support/engine.ts';

/** Accounts of one store, which may do different things there. */
const keys = {
  reader: { writesBelow: [] },
  half: { writesBelow: ['place/some/m'] },
  guest: { writesBelow: ['place/open/', 'place/one'] },
  blind: { writesBelow: ['place/', 'other/'], mayList: false },
  second: { writesBelow: ['place/second/'] },
  adder: { writesBelow: ['place/kept/b', 'place/kept/skyferry'] },
} as const;

let engine: TestEngine;
let from: TestStore;
let to: S3Server;
/** Of whoever may do everything there. */
let owner: S3Client;
let sourceAccountId: string;

beforeAll(async () => {
  const credentials = Object.entries(keys).map(([accessKeyId, more]) => ({ accessKeyId, ...secret, ...more }));
  to = await startS3Server({ credentials: [...credentials, { accessKeyId: 'owner', ...secret }], buckets: ['target'] });
  [engine, from] = await Promise.all([startOwnEngine(), startStore('source')]);
  const { endpoint, region } = to;
  owner = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId: 'owner', ...secret } });
  await engine.startWorker();
  sourceAccountId = await engine.connect(from.credentials);
}, 60_000);

afterAll(async () => {
  owner?.destroy();
  await engine?.stop();
  await Promise.all([from?.close(), to?.close()]);
});

const secret = { secretAccessKey: 'a secret of the tests' };

/** Orders the objects, all of one folder of the source, to be moved as one of the accounts of the destination. */
async function orderOf(account: keyof typeof keys, names: readonly string[]) {
  for (const name of names) await from.put(name, 100);
  const { endpoint, region } = to;
  const place = { provider: 's3', endpoint, region, addressing: 'path' } as const;
  return {
    sourceAccountId,
    destinationAccountId: await engine.connectUnchecked({ ...place, accessKeyId: account, ...secret }),
    sourcePaths: [`source/${names[0]?.split('/')[0]}/`],
    destinationPath: 'target/place/',
  };
}

const submit = async (account: keyof typeof keys, names: readonly string[], more: object = {}) =>
  engine.submit({ ...(await orderOf(account, names)), ...more });

const numbered = (folder: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${folder}/${String(at).padStart(3, '0')}`);

const reads = () => from.server.observer.counters('GetObject').requests;

const outcomes = async (transferId: string) => {
  const items = await engine.db.transferItem.findMany({ where: { transferId }, orderBy: { ordinal: 'asc' } });
  return Object.fromEntries(items.map(({ sourceKey, errorCode }) => [sourceKey, errorCode]));
};

const denialsOf = async (transferId: string) => {
  const { planCheckpoint } = await engine.db.transfer.findUniqueOrThrow({ where: { id: transferId } });
  return planCheckpointSchema.parse(planCheckpoint).writeDenials;
};

test('an account that may not write fails the transfer before a byte of the source is read', async () => {
  const before = reads();
  const { id } = await submit('reader', numbered('many', 40));
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'PERMISSION_DENIED', objectsFailed: 1n });
  expect(await outcomes(id)).toEqual({ 'many/': 'PERMISSION_DENIED' });
  expect(reads()).toBe(before);
});

test.each([undefined, 'SYNC'])('a dry run tells that the account may not write (mode %s)', async (mode) => {
  const { id } = await submit('reader', numbered('dry', 40), { dryRun: true, ...(mode && { mode }) });
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'PERMISSION_DENIED' });
  expect(await outcomes(id)).toEqual({ 'dry/': 'PERMISSION_DENIED' });
});

test('each of a few objects fails for itself, unread', async () => {
  const before = reads();
  const { id } = await submit('reader', numbered('few', 3));
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', objectsFailed: 3n });
  expect(await denialsOf(id)).toBe(3);
  expect(reads()).toBe(before);
});

test('where an account may write some names only, the others are refused up to the first of them', async () => {
  const before = reads();
  const { id } = await submit('half', ['some/a', 'some/b', 'some/m', 'some/m2', 'some/z']);
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsCompleted: 2n });
  const denied = 'PERMISSION_DENIED';
  const [few, rest] = [
    { 'some/a': denied, 'some/b': denied },
    { 'some/m': null, 'some/m2': null, 'some/z': denied },
  ];
  expect(await outcomes(id)).toEqual({ ...few, ...rest });
  // The last was tried: one that may be written speaks for those behind it.
  expect(reads()).toBe(before + 3);
  expect(await denialsOf(id)).toBeNull();
});

test('a follow-up that lists asks for itself', async () => {
  const order = await orderOf('guest', numbered('late', 12));
  await from.put('one', 100);
  const unlisted = from.server.faults.add({
    match: { operation: 'ListObjectsV2', count: Number.POSITIVE_INFINITY },
    action: { kind: 'refuse', code: 'NoSuchBucket' },
  });
  const { id } = await engine.submit({ ...order, sourcePaths: ['source/one', 'source/late/'] });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsCompleted: 1n });
  unlisted.remove();
  const before = reads();
  const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
  expect(await engine.ended(followUp.id)).toMatchObject({ state: 'FAILED', objectsFailed: 1n });
  expect(reads()).toBe(before);
});

test('asking leaves no upload behind', async () => {
  const aborted = to.observer.counters('AbortMultipartUpload').requests;
  const aborting = to.observer.waitFor({ operation: 'AbortMultipartUpload' });
  const { id } = await submit('blind', numbered('place', 2));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  await aborting;
  const count = (name: 'CreateMultipartUpload' | 'AbortMultipartUpload') => to.observer.counters(name).requests;
  expect(count('AbortMultipartUpload')).toBe(aborted + 1);
  expect(count('CreateMultipartUpload')).toBe(count('AbortMultipartUpload'));
});

test.each([
  { writeDenials: null, told: { 'on/000': 'PERMISSION_DENIED', 'on/001': 'PERMISSION_DENIED' }, isRead: true },
  { writeDenials: 9, told: { 'on/': 'PERMISSION_DENIED' }, isRead: false },
])(
  'a planner in the middle of a path goes on with what another found out: $writeDenials',
  async ({ writeDenials, told, isRead }) => {
    const before = reads();
    const order = await orderOf('reader', numbered('on', 2));
    const { id } = await engine.db.$transaction(async (tx) => {
      const transfer = await submitTransfer(tx, { userId: engine.userId, ...order });
      const checkpoint = firstCheckpoint(order.sourcePaths);
      const remaining = checkpoint.remaining.map((place) => ({ ...place, after: '' }));
      const planCheckpoint = { ...checkpoint, remaining, writeDenials };
      return tx.transfer.update({ where: { id: transfer.id }, data: { planCheckpoint } });
    });
    expect(await engine.ended(id)).toMatchObject({ state: 'FAILED' });
    expect(await outcomes(id)).toEqual(told);
    expect(reads() > before).toBe(isRead);
  },
);

test('an account that may write and not list takes a copy, and fails what has to look first', async () => {
  const before = reads();
  const names = numbered('unseen', 2);
  const { id } = await submit('blind', names, { options: { conflictPolicy: 'SKIP' } });
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'PERMISSION_DENIED' });
  expect(await outcomes(id)).toEqual({ 'unseen/': 'PERMISSION_DENIED' });
  expect(reads()).toBe(before);
  expect(await engine.ended((await submit('blind', names)).id)).toMatchObject({ state: 'COMPLETED' });
});

test('what the account of a source may not list fails, and what it may read by name moves', async () => {
  const { sourceAccountId: readable, destinationAccountId: blind } = await orderOf('blind', numbered('named', 1));
  const { id: filling } = await submit('blind', numbered('named', 1));
  expect(await engine.ended(filling)).toMatchObject({ state: 'COMPLETED' });
  const back = (path: string) =>
    engine.submit({
      ...{ sourceAccountId: blind, sourcePaths: [path] },
      ...{ destinationAccountId: readable, destinationPath: 'source/back/' },
    });
  const denied = await back('target/place/named/');
  expect(await engine.ended(denied.id)).toMatchObject({ state: 'FAILED', errorCode: 'PERMISSION_DENIED' });
  const named = await back('target/place/named/000');
  expect(await engine.ended(named.id)).toMatchObject({ state: 'COMPLETED' });
  expect(Object.keys(await from.hashes('back/'))).toEqual(['000']);
});

test('each folder of a transfer is judged by its own permission', async () => {
  for (const name of [...numbered('first', 12), ...numbered('second', 3), ...numbered('third', 12)]) {
    await from.put(name, 100);
  }
  const order = await orderOf('second', numbered('first', 1));
  const before = reads();
  const sourcePaths = ['source/first/', 'source/second/', 'source/third/'];
  const { id } = await engine.submit({ ...order, sourcePaths });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsCompleted: 3n });
  expect(await outcomes(id)).toEqual({
    ...{ 'first/': 'PERMISSION_DENIED', 'third/': 'PERMISSION_DENIED' },
    ...{ 'second/000': null, 'second/001': null, 'second/002': null },
  });
  expect(reads()).toBe(before + 3);
});

test('an account that may add and not replace adds what is new', async () => {
  const there = Array.from({ length: 12 }, (_, at) => `kept/a${String(at).padStart(3, '0')}`);
  const order = await orderOf('adder', [...there, 'kept/b']);
  for (const name of there) {
    await owner.send(new PutObjectCommand({ Bucket: 'target', Key: `place/${name}`, Body: 'other' }));
  }
  const { id } = await engine.submit({ ...order, options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' } });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsCompleted: 1n });
  expect(await outcomes(id)).toMatchObject({ 'kept/a000': 'PERMISSION_DENIED', 'kept/b': null });
});

test('a question that is not answered holds no plan up, and leaves nothing behind', async () => {
  const { promise: over, resolve: answer } = Promise.withResolvers<void>();
  to.faults.add({ match: { operation: 'CreateMultipartUpload', count: 1 }, action: { kind: 'hold', until: over } });
  const aborting = to.observer.waitFor({ operation: 'AbortMultipartUpload' });
  const { id } = await submit('blind', numbered('silent', 2));
  expect(await engine.ended(id, 40_000)).toMatchObject({ state: 'COMPLETED' });
  answer();
  await aborting;
}, 60_000);
