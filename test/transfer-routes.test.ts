import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Prisma } from '../core/db.ts';
import { cancelTransfer, pauseTransfer, resumeTransfer } from '../queue/transfer.ts';
import type { GivenTransferOptions } from '../queue/transfer-options.ts';
import type { RunningProcess } from '../scripts/local/processes.ts';
import { bufferedBody } from '../storage/digest.ts';
import type { ObjectMetadata } from '../storage/provider.ts';
import {
  type CloudName,
  type CloudScene,
  cloudNames,
  contents,
  fill,
  mayFetch,
  sha256,
  startCloudScene,
} from './support/clouds.ts';
import type { TestEngine } from './support/engine.ts';

const MiB = 1024 * 1024;
const signal = new AbortController().signal;
/** Large enough to be fetched from a URL. */
const large = randomBytes(9 * MiB);
const metadata: ObjectMetadata = {
  contentType: 'text/x-source',
  user: { made: 'by hand' },
  modifiedAt: new Date('2011-12-13T14:15:16.000Z'),
};

let engine: TestEngine;
let worker: RunningProcess;
let all: CloudScene;

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

/** Two accounts that nothing was learnt of yet, and a folder with objects in the first. */
async function order(from: CloudName, to: CloudName, folder: string, objects: Record<string, Buffer>, own = metadata) {
  const [source, destination] = [all.clouds[from], all.clouds[to]];
  const named = Object.fromEntries(Object.entries(objects).map(([name, bytes]) => [`${folder}/${name}`, bytes]));
  await fill(source, named, own);
  const request = {
    sourceAccountId: await engine.connect(source.credentials),
    destinationAccountId: await engine.connect(destination.credentials),
    sourcePaths: [`${source.container}/${folder}/`],
    destinationPath: `${destination.container}/to-${folder}/`,
  };
  const submit = async (options?: GivenTransferOptions) => (await engine.submit({ ...request, options })).id;
  return { submit, arrived: () => contents(destination, `to-${folder}/${folder}/`) };
}

async function itemsOf(transferId: string) {
  const items = await engine.db.transferItem.findMany({ where: { transferId }, orderBy: { ordinal: 'asc' } });
  return items.map(({ sourceKey, route, fallbackCode, attempts, state }) => ({
    ...{ key: sourceKey.replace(/^.*\//, ''), route, fallbackCode, attempts, state },
  }));
}

test.each([
  ...cloudNames.map((name) => [name, name, 'SERVER_SIDE_COPY'] as const),
  ['s3', 'azure', 'INGEST_FROM_URL'] as const,
  ['gcs', 'azure', 'INGEST_FROM_URL'] as const,
])('%s to %s by %s: the copy has the metadata that a relay gives it', async (from, to, route) => {
  const folder = `metadata-${from}-${to}`;
  const { submit, arrived } = await order(from, to, folder, { x: large });
  const id = await submit();
  const row = await engine.ended(id);
  expect(row).toMatchObject({ state: 'COMPLETED', bytesAcknowledged: BigInt(large.length), speedBytesPerSecond: 0n });
  expect(await arrived()).toEqual({ x: sha256(large) });
  expect(await itemsOf(id)).toMatchObject([{ route, fallbackCode: null, attempts: 1 }]);
  const { container, provider } = all.clouds[to];
  const { metadata: kept } = await provider.stat({ container, key: `to-${folder}/${folder}/x` }, signal);
  expect(kept).toEqual(to === 'dropbox' ? { user: {}, modifiedAt: metadata.modifiedAt } : metadata);
});

/** Leaves out the relay, which goes before a fetch between clouds without a hash in common, and where a fetch dates nothing. */
const fetched = { routes: ['INGEST_FROM_URL'], keep: { modifiedAt: false } } satisfies GivenTransferOptions;
const nothingKept = { contentType: false, userMetadata: false, modifiedAt: false };
const small = randomBytes(100);
/** Goes in parts where the source states nothing that the destination checks, and flows whole elsewhere. */
const inParts = randomBytes(20 * MiB);

/** What the destination holds of the one object that was moved. */
async function metadataAt(to: CloudName, folder: string): Promise<ObjectMetadata> {
  const { container, provider } = all.clouds[to];
  return (await provider.stat({ container, key: `to-${folder}/${folder}/x` }, signal)).metadata;
}

test.each([
  ...cloudNames.map((name) => [name, name, name === 'dropbox' ? 'RELAY' : 'SERVER_SIDE_COPY', small] as const),
  ['s3', 'azure', 'INGEST_FROM_URL', large] as const,
  ['s3', 'dropbox', 'INGEST_FROM_URL', large] as const,
  ['azure', 's3', 'RELAY', small] as const,
  ['azure', 's3', 'RELAY', inParts] as const,
  ['s3', 'gcs', 'RELAY', inParts] as const,
  ['gcs', 'dropbox', 'RELAY', small] as const,
])('%s to %s by %s: what was not chosen stays behind', async (from, to, route, bytes) => {
  const folder = `none-kept-${from}-${to}-${bytes.length}`;
  const { submit, arrived } = await order(from, to, folder, { x: bytes });
  const id = await submit({ ...(route === 'INGEST_FROM_URL' && fetched), keep: nothingKept });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(await arrived()).toEqual({ x: sha256(bytes) });
  expect(await itemsOf(id)).toMatchObject([{ route }]);
  const there = await metadataAt(to, folder);
  expect(there.user).toEqual({});
  expect(there.contentType).not.toBe(metadata.contentType);
  // Dropbox dates what comes without a time by itself.
  if (to === 'dropbox') expect(there.modifiedAt).not.toEqual(metadata.modifiedAt);
  else expect(there.modifiedAt).toBeUndefined();
});

test.each(['contentType', 'userMetadata', 'modifiedAt'] as const)('%s alone stays behind', async (left) => {
  const folder = `left-${left}`;
  const { submit } = await order('azure', 's3', folder, { x: small });
  expect(await engine.ended(await submit({ keep: { [left]: false } }))).toMatchObject({ state: 'COMPLETED' });
  const { contentType, user, modifiedAt } = await metadataAt('s3', folder);
  expect({
    contentType: contentType === metadata.contentType,
    userMetadata: user.made === metadata.user.made,
    modifiedAt: modifiedAt?.getTime() === metadata.modifiedAt?.getTime(),
  }).toEqual({ contentType: true, userMetadata: true, modifiedAt: true, [left]: false });
});

test('what a fetch would not date is relayed', async () => {
  const { submit, arrived } = await order('s3', 'dropbox', 'keep', { x: large });
  const id = await submit({ routes: ['INGEST_FROM_URL'] });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(await arrived()).toEqual({ x: sha256(large) });
  expect(await itemsOf(id)).toMatchObject([{ route: 'RELAY', fallbackCode: 'NOT_SUPPORTED' }]);
  expect((await metadataAt('dropbox', 'keep')).modifiedAt).toEqual(metadata.modifiedAt);
});

test.each([
  ['azure', 's3', 'RELAY', small],
  ['s3', 'gcs', 'RELAY', inParts],
  ['s3', 's3', 'SERVER_SIDE_COPY', small],
  ['azure', 'azure', 'SERVER_SIDE_COPY', small],
  ['gcs', 'gcs', 'SERVER_SIDE_COPY', small],
  ['s3', 'azure', 'INGEST_FROM_URL', large],
] as const)('%s to %s by %s: what nobody dated is dated to when it was written', async (from, to, route, bytes) => {
  const folder = `undated-${from}-${to}-${bytes.length}`;
  const { submit } = await order(from, to, folder, { x: bytes }, { user: {} });
  const { container, provider } = all.clouds[from];
  const { modifiedAt, metadata: own } = await provider.stat({ container, key: `${folder}/x` }, signal);
  expect(own.modifiedAt).toBeUndefined();
  const id = await submit();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(await itemsOf(id)).toMatchObject([{ route, fallbackCode: null }]);
  expect((await metadataAt(to, folder)).modifiedAt).toEqual(modifiedAt);
});

test('a copy that fails again and again is relayed, and the objects beside it are copied', async () => {
  const { submit, arrived } = await order('s3', 's3', 'one', { bad: large, good: large });
  all.servers.s3.faults.add({
    match: { operation: 'CopyObject', key: 'to-one/one/bad', count: 100 },
    action: { kind: 'status', status: 500 },
  });
  const id = await submit();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(2 * large.length) });
  expect(await arrived()).toEqual({ bad: sha256(large), good: sha256(large) });
  expect(await itemsOf(id)).toMatchObject([
    { key: 'bad', route: 'RELAY', fallbackCode: 'PROVIDER_UNAVAILABLE' },
    { key: 'good', route: 'SERVER_SIDE_COPY', fallbackCode: null },
  ]);
});

test('a rewrite that fails for a moment is asked for again', async () => {
  const { submit, arrived } = await order('gcs', 'gcs', 'again', { x: large });
  all.servers.gcs.faults.add({ match: { operation: 'objects.rewrite' }, action: { kind: 'status', status: 500 } });
  const id = await submit();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(await arrived()).toEqual({ x: sha256(large) });
  expect(await itemsOf(id)).toMatchObject([{ route: 'SERVER_SIDE_COPY', fallbackCode: null, attempts: 2 }]);
});

test('a route that an account is not allowed is left for all of its objects', async () => {
  const { submit, arrived } = await order('dropbox', 'dropbox', 'denied', { a: randomBytes(100) });
  all.servers.dropbox.faults.add({
    match: { route: 'files/copy_reference/save' },
    action: { kind: 'refuse', error: { '.tag': 'no_permission' } },
  });
  const first = await submit();
  await engine.ended(first);
  expect(await itemsOf(first)).toMatchObject([{ route: 'RELAY', fallbackCode: 'PERMISSION_DENIED' }]);
  const asked = all.servers.dropbox.observer.count('files/copy_reference/save');
  const second = await submit();
  expect(await engine.ended(second)).toMatchObject({ state: 'COMPLETED' });
  expect(await itemsOf(second)).toMatchObject([{ route: 'RELAY', fallbackCode: 'PERMISSION_DENIED', attempts: 1 }]);
  expect(all.servers.dropbox.observer.count('files/copy_reference/save')).toBe(asked);
  expect(Object.keys(await arrived())).toEqual(['a']);
});

test('a refusal that holds for all is not asked for by each of the objects that wait', async () => {
  const objects = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`o${index}`, randomBytes(10)]));
  const { submit, arrived } = await order('dropbox', 'dropbox', 'many', objects);
  const { faults, observer } = all.servers.dropbox;
  faults.add({
    match: { route: 'files/copy_reference/save', count: 1_000 },
    action: { kind: 'refuse', error: { '.tag': 'no_permission' } },
  });
  const before = observer.count('files/copy_reference/get');
  const id = await submit();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 60n });
  expect(Object.keys(await arrived())).toHaveLength(60);
  // The 32 that were under way together, and those that began while the first of them ended.
  expect(observer.count('files/copy_reference/get') - before).toBeLessThan(40);
});

test.each(['azure', 'dropbox'] as const)('what the cloud of %s cannot fetch is relayed', async (to) => {
  const { submit, arrived } = await order('s3', to, `unreachable-${to}`, { x: large }, { user: {} });
  // The first to ask for the bytes is the cloud.
  all.servers.s3.faults.add({ match: { operation: 'GetObject' }, action: { kind: 'status', status: 503 } });
  const id = await submit(fetched);
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(large.length) });
  expect(await arrived()).toEqual({ x: sha256(large) });
  expect(await itemsOf(id)).toMatchObject([{ route: 'RELAY', fallbackCode: 'ENDPOINT_UNREACHABLE' }]);
});

test('between clouds without a hash in common, what a fetch could not prove is relayed, so that a move is complete', async () => {
  const { submit, arrived } = await order('s3', 'dropbox', 'proved', { x: large }, { user: {} });
  const id = await submit();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(large.length) });
  expect(await arrived()).toEqual({ x: sha256(large) });
  expect(await itemsOf(id)).toMatchObject([{ route: 'RELAY', fallbackCode: null }]);
});

test('bytes that are damaged on their way between two clouds are found, and moved by a relay', async () => {
  const { submit, arrived } = await order('s3', 'azure', 'damaged', { x: large });
  all.servers.s3.faults.add({ match: { operation: 'GetObject' }, action: { kind: 'corrupt', atByte: MiB } });
  const id = await submit();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(large.length) });
  expect(await arrived()).toEqual({ x: sha256(large) });
  expect(await itemsOf(id)).toMatchObject([{ route: 'RELAY', fallbackCode: 'CHECKSUM_MISMATCH' }]);
});

test('a copy that is not what its source states does not stay, by whatever route', async () => {
  const { container, provider } = all.clouds.azure;
  const { submit, arrived } = await order('azure', 'azure', 'mismatch', {});
  const upload = { container, key: 'mismatch/x', sizeBytes: 0, metadata };
  const session = await provider.beginUpload(upload, signal);
  // The service keeps the MD5 of a list of blocks as it is told.
  await provider.completeUpload({ session, parts: [], digests: { md5: '0'.repeat(32) } }, signal);
  const id = await submit();
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'CHECKSUM_MISMATCH' });
  expect(await itemsOf(id)).toMatchObject([{ route: 'RELAY', fallbackCode: 'CHECKSUM_MISMATCH', state: 'FAILED' }]);
  expect(await arrived()).toEqual({});
});

/** Orders a copy inside S3 and resolves once the store is asked for it and waits. */
async function startHeld(folder: string, bytes: Buffer) {
  const ordered = await order('s3', 's3', folder, { x: bytes });
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  const match = { operation: 'CopyObject', key: `to-${folder}/${folder}/x` } as const;
  const held = all.servers.s3.faults.add({ match, action: { kind: 'hold', until } });
  const id = await ordered.submit();
  await held.hit;
  return { ...ordered, id, release };
}

const change = (id: string, step: typeof pauseTransfer) => engine.db.$transaction((tx) => step(tx, id));
const letGo = (transferId: string) =>
  expect
    .poll(() => engine.db.transferBatch.count({ where: { transferId, state: 'ADMITTED' } }), { timeout: 10_000 })
    .toBe(0);

test('a source that changes while it is copied arrives as one of its versions', async () => {
  const { id, release, arrived } = await startHeld('changes', large);
  const newer = randomBytes(3 * MiB);
  await fill(all.clouds.s3, { 'changes/x': newer });
  release();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', bytesListed: BigInt(newer.length) });
  expect(await arrived()).toEqual({ x: sha256(newer) });
  expect(await itemsOf(id)).toMatchObject([{ route: 'SERVER_SIDE_COPY', fallbackCode: null }]);
});

test('a source that changes while a cloud fetches it, with no hash to tell by, is fetched again', async () => {
  const { submit, arrived } = await order('s3', 'dropbox', 'refetched', { x: large }, { user: {} });
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  const held = all.servers.s3.faults.add({ match: { operation: 'GetObject' }, action: { kind: 'hold', until } });
  const id = await submit(fetched);
  await held.hit;
  const newer = randomBytes(large.length);
  await fill(all.clouds.s3, { 'refetched/x': newer });
  release();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
  expect(await arrived()).toEqual({ x: sha256(newer) });
  expect(await itemsOf(id)).toMatchObject([{ route: 'INGEST_FROM_URL', attempts: 2 }]);
});

test('an object that states no hash that the other cloud knows is relayed before it is fetched, and proven', async () => {
  // Of parts: S3 knows its CRC32C and no MD5, which is all that Azure states.
  const { container, provider } = all.clouds.s3;
  const at = { container, key: 'joined/x' };
  const session = await provider.beginUpload({ ...at, sizeBytes: large.length, metadata }, signal);
  const body = bufferedBody([large], ['crc32c']);
  const part = await provider.putPart({ session, partNumber: 1, offset: 0, body }, signal);
  const digests = { crc32c: body.digest('crc32c') };
  await provider.completeUpload({ session, parts: [part], digests }, signal);
  const { submit, arrived } = await order('s3', 'azure', 'joined', {});
  const evidenceOf = async (id: string) => {
    expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
    const { route, fallbackCode, evidence } = await engine.db.transferItem.findFirstOrThrow({
      where: { transferId: id },
    });
    return [route, fallbackCode, (evidence as { verified: boolean }).verified];
  };
  expect(await evidenceOf(await submit())).toEqual(['RELAY', 'NOT_SUPPORTED', true]);
  expect(await evidenceOf(await submit(fetched))).toEqual(['INGEST_FROM_URL', null, false]);
  expect(await arrived()).toEqual({ x: sha256(large) });
});

test('a paused copy is left to its cloud, and asked for once more when the transfer goes on', async () => {
  const { id, release, arrived } = await startHeld('pause', large);
  await change(id, pauseTransfer);
  await letGo(id);
  expect(await itemsOf(id)).toMatchObject([{ route: 'SERVER_SIDE_COPY', state: 'RUNNING' }]);
  expect(await engine.until(id, () => true)).toMatchObject({ state: 'PAUSED', bytesAcknowledged: 0n });
  release();
  await change(id, resumeTransfer);
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', bytesAcknowledged: BigInt(large.length) });
  expect(await arrived()).toEqual({ x: sha256(large) });
});

test('a cancelled copy ends at once, says that it may arrive, and nothing damaged is at its place', async () => {
  const { id, release, arrived } = await startHeld('cancel', large);
  await change(id, cancelTransfer);
  await letGo(id);
  const item = await engine.db.transferItem.findFirstOrThrow({ where: { transferId: id } });
  expect(item).toMatchObject({ route: 'SERVER_SIDE_COPY', state: 'CANCELLED', errorCode: 'CANCELLED' });
  release();
  expect(await engine.until(id, () => true)).toMatchObject({ state: 'CANCELLED', objectsCompleted: 0n });
  expect([{}, { x: sha256(large) }]).toContainEqual(await arrived());
});

test('a worker that is killed in the middle of a copy loses nothing', async () => {
  const { id, release, arrived } = await startHeld('killed', large);
  await worker.kill();
  worker = await startWorker();
  release();
  expect(await engine.ended(id, 90_000)).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(large.length) });
  expect(await arrived()).toEqual({ x: sha256(large) });
  expect(await itemsOf(id)).toMatchObject([{ route: 'SERVER_SIDE_COPY' }]);
}, 120_000);

test('a worker that lost its lease in the middle of a copy overwrites nothing newer', async () => {
  const { id, release, arrived } = await startHeld('stale', large);
  const stalled = worker;
  process.kill(stalled.pid, 'SIGSTOP');
  const newer = randomBytes(3 * MiB);
  try {
    await fill(all.clouds.s3, { 'stale/x': newer });
    worker = await startWorker();
    expect(await engine.ended(id, 90_000)).toMatchObject({ state: 'COMPLETED' });
    expect(await arrived()).toEqual({ x: sha256(newer) });
  } finally {
    release();
    process.kill(stalled.pid, 'SIGCONT');
  }
  // Ends when what it has under way has ended.
  await stalled.stop();
  expect(await arrived()).toEqual({ x: sha256(newer) });
}, 150_000);

test('the upload of a large copy whose worker was killed is dropped, and the object copied anew', async () => {
  const { id, release, arrived } = await startHeld('orphan', large);
  await change(id, pauseTransfer);
  await letGo(id);
  release();
  // As a copy by parts leaves it behind: what a store of this size does not need, and its worker's death.
  const { container, provider } = all.clouds.s3;
  const upload = { container, key: 'to-orphan/orphan/x', sizeBytes: large.length, metadata };
  const session = await provider.beginUpload(upload, signal);
  const checkpoint = { session, version: {}, partSizeBytes: large.length, statement: null, isByCloud: true, parts: [] };
  await engine.db.transferItem.updateMany({
    where: { transferId: id },
    data: { checkpoint: checkpoint as unknown as Prisma.InputJsonObject },
  });
  await change(id, resumeTransfer);
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(large.length) });
  expect(await arrived()).toEqual({ x: sha256(large) });
  expect(await itemsOf(id)).toMatchObject([{ route: 'SERVER_SIDE_COPY', fallbackCode: null }]);
  await expect(provider.listParts(session, signal)).rejects.toMatchObject({ code: 'UPLOAD_EXPIRED' });
});
