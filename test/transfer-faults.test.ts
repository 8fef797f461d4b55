import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startFaultProxy } from '../emulators/fault-proxy.ts';
import { type Crossing, startCrossing, startStore } from './support/engine.ts';

const MiB = 1024 * 1024;

let crossing: Crossing;
let engine: Crossing['engine'];
let source: Crossing['from'];
let destination: Crossing['to'];
let accounts: Crossing['accounts'];

beforeAll(async () => {
  crossing = await startCrossing();
  ({ engine, from: source, to: destination, accounts } = crossing);
});

afterAll(() => crossing?.stop());

afterEach(() => {
  source.server.faults.clear();
  destination.server.faults.clear();
});

/** Moves `source/<folder>/` to `target/<folder>/` and returns the row at its end. */
async function move(folder: string) {
  const { id } = await engine.submit({ ...accounts, sourcePaths: [`source/${folder}/`], destinationPath: 'target/' });
  return engine.ended(id);
}

const itemsOf = (transferId: string) =>
  engine.db.transferItem.findMany({ where: { transferId }, orderBy: { ordinal: 'asc' } });

test('a connection cut in the middle of an object is begun again, and nothing arrives short', async () => {
  const sent = { one: await source.put('cut/one', 2 * MiB), two: await source.put('cut/two', 2 * MiB) };
  const read = source.server.faults.add({
    match: { operation: 'GetObject', key: 'cut/one' },
    action: { kind: 'reset', afterBytes: MiB },
  });
  const write = destination.server.faults.add({
    match: { operation: 'PutObject', key: 'cut/two' },
    action: { kind: 'reset', afterBytes: MiB },
  });
  const row = await move('cut');
  await Promise.all([read.hit, write.hit]);
  expect(row).toMatchObject({
    state: 'COMPLETED',
    objectsCompleted: 2n,
    bytesAcknowledged: BigInt(4 * MiB),
    bytesVerified: BigInt(4 * MiB),
  });
  expect(await destination.hashes('cut/')).toEqual(sent);
  expect((await itemsOf(row.id)).map(({ attempts }) => attempts)).toEqual([2, 2]);
});

test('a part that fails is read again; the parts beside it are not sent twice', async () => {
  const sent = { large: await source.put('part/large', 40 * MiB) };
  destination.server.observer.resetCounters();
  const fault = destination.server.faults.add({
    match: { operation: 'UploadPart', partNumber: 3 },
    action: { kind: 'reset', afterBytes: MiB },
  });
  const row = await move('part');
  await fault.hit;
  expect(row).toMatchObject({ state: 'COMPLETED', bytesAcknowledged: BigInt(40 * MiB) });
  expect(await destination.hashes('part/')).toEqual(sent);
  expect(destination.server.observer.counters('UploadPart').requests).toBe(6);
});

test('a part that fails does not wait for the end of those beside it', async () => {
  const sent = { large: await source.put('beside/large', 20 * MiB) };
  const { faults, observer } = destination.server;
  observer.resetCounters();
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  for (const partNumber of [1, 2]) {
    faults.add({ match: { operation: 'UploadPart', partNumber }, action: { kind: 'hold', until } });
  }
  faults.add({ match: { operation: 'UploadPart', partNumber: 3 }, action: { kind: 'status', status: 500 } });
  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/beside/'], destinationPath: 'target/' });
  await expect.poll(async () => (await itemsOf(id))[0]?.acknowledgedBytes, { timeout: 20_000 }).toBe(BigInt(4 * MiB));
  release();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', bytesAcknowledged: BigInt(20 * MiB) });
  expect(await itemsOf(id)).toMatchObject([{ attempts: 1, errorCode: null }]);
  expect(await destination.hashes('beside/')).toEqual(sent);
  expect(observer.counters('UploadPart').requests).toBe(4);
});

test('where the answer to the completion of an upload is lost, no part is sent again', async () => {
  const sent = { large: await source.put('joined/large', 20 * MiB) };
  destination.server.observer.resetCounters();
  const fault = destination.server.faults.add({
    match: { operation: 'CompleteMultipartUpload', key: 'joined/large' },
    action: { kind: 'loseAnswer' },
  });
  const row = await move('joined');
  await fault.hit;
  expect(row).toMatchObject({ state: 'COMPLETED', bytesAcknowledged: BigInt(20 * MiB) });
  expect(await destination.hashes('joined/')).toEqual(sent);
  expect(destination.server.observer.counters('UploadPart').requests).toBe(3);
});

test('a cloud that answers nobody for a while costs no object its tries', async () => {
  const sent = { x: await source.put('out/x', 1_000) };
  // Four tries and looks whether it answers others, at the least.
  const fault = destination.server.faults.add({
    match: { bucket: 'target', count: 12 },
    action: { kind: 'status', status: 500 },
  });
  expect(await move('out')).toMatchObject({ state: 'COMPLETED', objectsFailed: 0n });
  expect(fault.remaining).toBe(0);
  expect(await destination.hashes('out/')).toEqual(sent);
});

test('an object that fails three times fails alone, and its upload is dropped', async () => {
  const sent = { good: await source.put('three/good', 1_000) };
  await source.put('three/bad', 20 * MiB);
  await source.put('three/unreadable', 1_000);
  destination.server.faults.add({
    match: { operation: 'UploadPart', key: 'three/bad', count: 100 },
    action: { kind: 'status', status: 500 },
  });
  source.server.faults.add({
    match: { operation: 'GetObject', key: 'three/unreadable', count: 100 },
    action: { kind: 'status', status: 500 },
  });
  const row = await move('three');
  expect(row).toMatchObject({
    state: 'COMPLETED_WITH_ERRORS',
    objectsCompleted: 1n,
    objectsFailed: 2n,
    bytesAcknowledged: 1_000n,
    bytesAbandoned: BigInt(20 * MiB + 1_000),
  });
  expect(await destination.hashes('three/')).toEqual(sent);
  const failed = (await itemsOf(row.id)).filter(({ state }) => state === 'FAILED');
  expect(
    failed.map(({ attempts, errorCode, acknowledgedBytes, checkpoint }) => ({
      attempts,
      errorCode,
      acknowledgedBytes,
      checkpoint,
    })),
  ).toEqual([
    { attempts: 3, errorCode: 'PROVIDER_UNAVAILABLE', acknowledgedBytes: 0n, checkpoint: null },
    { attempts: 3, errorCode: 'PROVIDER_UNAVAILABLE', acknowledgedBytes: 0n, checkpoint: null },
  ]);
  const open = await destination.client.send(new ListMultipartUploadsCommand({ Bucket: 'target', Prefix: 'three/' }));
  expect(open.Uploads ?? []).toEqual([]);
});

test('an object that changes while it is read arrives as one of its versions, never as a mixture', async () => {
  await source.put('changed/object', 40 * MiB);
  const { promise: release, resolve } = Promise.withResolvers<void>();
  const held = source.server.faults.add({
    match: { operation: 'GetObject', key: 'changed/object' },
    action: { kind: 'hold', until: release },
  });
  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/changed/'], destinationPath: 'target/' });
  await held.hit;
  const after = await source.put('changed/object', 30 * MiB);
  source.server.observer.resetCounters();
  resolve();
  const row = await engine.ended(id);
  const refused = source.server.observer.counters('GetObject').failures;
  expect(row).toMatchObject({
    state: 'COMPLETED',
    bytesListed: BigInt(30 * MiB),
    bytesAcknowledged: BigInt(30 * MiB),
    bytesVerified: BigInt(30 * MiB),
  });
  expect(await destination.hashes('changed/')).toEqual({ object: after });
  // No byte of the new version was given where the old one was asked for.
  expect(refused).toBeGreaterThan(0);
  const open = await destination.client.send(new ListMultipartUploadsCommand({ Bucket: 'target', Prefix: 'changed/' }));
  expect(open.Uploads ?? []).toEqual([]);
});

test('a bit that flips on the way out of the source is found before anything is visible', async () => {
  const sent = { small: await source.put('flip/small', 10_000), streamed: await source.put('flip/streamed', 5 * MiB) };
  for (const key of ['flip/small', 'flip/streamed']) {
    source.server.faults.add({ match: { operation: 'GetObject', key }, action: { kind: 'corrupt', atByte: 5_000 } });
  }
  destination.server.observer.resetCounters();
  const row = await move('flip');
  expect(row).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(5 * MiB + 10_000) });
  expect(await destination.hashes('flip/')).toEqual(sent);
  const { observer } = destination.server;
  for (const operation of ['DeleteObject', 'DeleteObjects'] as const)
    expect(observer.counters(operation).requests).toBe(0);
});

test('a source that is damaged at rest is never shown at the destination', async () => {
  await source.put('rotten/small', 10_000);
  await source.put('rotten/large', 20 * MiB);
  source.server.faults.add({ match: { operation: 'GetObject', count: 100 }, action: { kind: 'corrupt', atByte: 77 } });
  const row = await move('rotten');
  expect(row).toMatchObject({
    state: 'FAILED',
    errorCode: 'CHECKSUM_MISMATCH',
    objectsFailed: 2n,
    objectsCompleted: 0n,
  });
  expect(await destination.hashes('rotten/')).toEqual({});
});

test('a source that states only an MD5 is read in order, so that it can be checked, after a failure too', async () => {
  const plain = await startStore('plain', { flexibleChecksums: false });
  try {
    const sent = { object: await plain.put('md5/object', 65 * MiB) };
    const sourceAccountId = await engine.connect(plain.credentials);
    const fault = destination.server.faults.add({
      match: { operation: 'UploadPart', partNumber: 3 },
      action: { kind: 'reset', afterBytes: MiB },
    });
    destination.server.observer.resetCounters();
    const { id } = await engine.submit({
      ...accounts,
      sourceAccountId,
      sourcePaths: ['plain/md5/'],
      destinationPath: 'target/',
    });
    const row = await engine.ended(id);
    await fault.hit;
    expect(row).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(65 * MiB) });
    expect(await destination.hashes('md5/')).toEqual(sent);
    expect(destination.server.observer.counters('UploadPart').requests).toBe(10);
    const [item] = await itemsOf(id);
    expect(item?.evidence).toMatchObject({ source: { kind: 'provider-hash', algorithm: 'md5' }, verified: true });
  } finally {
    await plain.close();
  }
});

test('where only MD5 is stated, the word of one cloud is held against that of the other', async () => {
  const plain = await startStore('plain', { flexibleChecksums: false });
  try {
    const sent: Record<string, string> = { first: await plain.put('chain/first', MiB) };
    const sourceAccountId = await engine.connect(plain.credentials);
    const request = { ...accounts, sourceAccountId, sourcePaths: ['plain/chain/'], destinationPath: 'target/' };
    expect(await engine.ended((await engine.submit(request)).id)).toMatchObject({ state: 'COMPLETED' });
    sent.large = await plain.put('chain/large', 20 * MiB);
    const damage = plain.server.faults.add({
      match: { operation: 'GetObject', key: 'chain/first' },
      action: { kind: 'corrupt', atByte: 500_000 },
    });
    destination.server.observer.resetCounters();
    const { id } = await engine.submit({ ...request, destinationPath: 'target/again/' });
    const row = await engine.ended(id);
    await damage.hit;
    expect(row).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(21 * MiB) });
    expect(await destination.hashes('again/chain/')).toEqual(sent);
    expect(destination.server.observer.counters('UploadPart').requests).toBe(0);
    expect((await itemsOf(id)).map(({ attempts, evidence }) => [attempts, evidence])).toMatchObject([
      [2, { source: { kind: 'provider-hash', algorithm: 'md5' }, verified: true }],
      [1, { source: { kind: 'provider-hash', algorithm: 'md5' }, verified: true }],
    ]);
  } finally {
    await plain.close();
  }
});

test('throttling is waited out, shown, and costs no attempt', async () => {
  const sent = { object: await source.put('throttled/object', 1_000) };
  const fault = destination.server.faults.add({
    match: { operation: 'PutObject', count: 4 },
    action: { kind: 'slowDown', retryAfterSeconds: 1 },
  });
  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/throttled/'], destinationPath: 'target/' });
  await fault.hit;
  await engine.until(id, ({ throttledUntil }) => throttledUntil !== null);
  const row = await engine.ended(id);
  expect(row).toMatchObject({ state: 'COMPLETED', throttledUntil: null });
  expect(await destination.hashes('throttled/')).toEqual(sent);
  expect((await itemsOf(id)).map(({ attempts }) => attempts)).toEqual([1]);
  const [from, to] = await Promise.all(
    [accounts.sourceAccountId, accounts.destinationAccountId].map((account) =>
      engine.db.cloudAccount.findUniqueOrThrow({ where: { id: account } }),
    ),
  );
  expect([from?.throttledUntil, to?.throttledUntil]).toEqual([null, expect.any(Date)]);
});

test('a page of a listing that takes long in coming is used, not asked for again and again', async () => {
  await source.put('slow/a', 1_000);
  source.server.faults.add({
    match: { operation: 'ListObjectsV2' },
    action: { kind: 'slowDown', retryAfterSeconds: 6 },
  });
  expect(await move('slow')).toMatchObject({ state: 'COMPLETED', objectsCompleted: 1n, attempt: 1 });
});

test('an endpoint that is away for a while is waited for, which costs no attempt', async () => {
  const sent = { object: await source.put('away/object', 1_000) };
  const proxy = await startFaultProxy(destination.server.endpoint);
  const port = Number(new URL(proxy.endpoint).port);
  const destinationAccountId = await engine.connect({ ...destination.credentials, endpoint: proxy.endpoint });
  await proxy.close();
  const { id } = await engine.submit({
    sourceAccountId: accounts.sourceAccountId,
    destinationAccountId,
    sourcePaths: ['source/away/'],
    destinationPath: 'target/',
    options: { maxTries: 1 },
  });
  await expect
    .poll(async () => (await itemsOf(id))[0], { timeout: 10_000 })
    .toMatchObject({ state: 'PENDING', errorCode: 'ENDPOINT_UNREACHABLE', attempts: 0 });
  const again = await startFaultProxy(destination.server.endpoint, port);
  try {
    expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', throttledUntil: null });
    expect(await destination.hashes('away/')).toEqual(sent);
    expect(await itemsOf(id)).toMatchObject([{ attempts: 1, errorCode: null }]);
  } finally {
    await again.close();
  }
});
