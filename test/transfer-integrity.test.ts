import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RunningProcess } from '../scripts/local/processes.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, startStore, type TestEngine, type TestStore } from './support/engine.ts';

const MiB = 1024 * 1024;

let database: TestDatabase;
let engine: TestEngine;
let source: TestStore;
/** States and checks nothing but MD5s. */
let plain: TestStore;
let destination: TestStore;
let accounts: { sourceAccountId: string; destinationAccountId: string };
let plainAccountId: string;
let worker: RunningProcess;

beforeAll(async () => {
  database = await createTestDatabase();
  const redis = await createTestRedis();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: redis.url });
  [source, plain, destination] = await Promise.all([
    startStore('source'),
    startStore('plain', { flexibleChecksums: false }),
    startStore('target'),
  ]);
  accounts = {
    sourceAccountId: await engine.connect(source.credentials),
    destinationAccountId: await engine.connect(destination.credentials),
  };
  plainAccountId = await engine.connect(plain.credentials);
  worker = await engine.startWorker();
});

afterAll(async () => {
  await engine?.stop();
  await Promise.all([source?.close(), plain?.close(), destination?.close()]);
  await database?.drop();
});

afterEach(() => {
  for (const store of [source, plain, destination]) store?.server.faults.clear();
});

/** Moves one path below `<bucket>/<folder>/` and returns the row at its end. */
async function move(folder: string, sourcePath: string, bucket: 'target' | 'plain' = 'target') {
  const { id } = await engine.submit({
    sourceAccountId: sourcePath.startsWith('plain/') ? plainAccountId : accounts.sourceAccountId,
    destinationAccountId: bucket === 'plain' ? plainAccountId : accounts.destinationAccountId,
    sourcePaths: [sourcePath],
    destinationPath: `${bucket}/${folder}/`,
  });
  return engine.ended(id);
}

/** Writes an object straight to the destination; returns its SHA-256. */
async function putThere(key: string, size: number): Promise<string> {
  const body = randomBytes(size);
  await destination.client.send(new PutObjectCommand({ Bucket: 'target', Key: key, Body: body }));
  return createHash('sha256').update(body).digest('hex');
}

/** An object of which the source states no MD5, and so nothing that a store without checksums could check. */
async function putInParts(key: string, size: number): Promise<void> {
  const target = { Bucket: source.bucket, Key: key };
  const { UploadId } = await source.client.send(new CreateMultipartUploadCommand(target));
  const part = { ...target, UploadId, PartNumber: 1 };
  const { ETag } = await source.client.send(new UploadPartCommand({ ...part, Body: randomBytes(size) }));
  const MultipartUpload = { Parts: [{ ETag, PartNumber: 1 }] };
  await source.client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload }));
}

test('what a damaged source cannot replace stays as it was', async () => {
  await plain.put('keep/x', 5 * MiB);
  await plain.put('keep/y', 20 * MiB);
  const good = { x: await putThere('kept/keep/x', 1_000), y: await putThere('kept/keep/y', 1_000) };
  plain.server.faults.add({ match: { operation: 'GetObject', count: 100 }, action: { kind: 'corrupt', atByte: 5 } });
  const row = await move('kept', 'plain/keep/');
  expect(row).toMatchObject({ state: 'FAILED', errorCode: 'CHECKSUM_MISMATCH', objectsFailed: 2n });
  expect(await destination.hashes('kept/keep/')).toEqual(good);
});

test('a damaged object that cannot be removed is called by its name, and replaced by what succeeds', async () => {
  await putInParts('stuck/x', 5 * MiB);
  plain.server.faults.add({ match: { operation: 'PutObject', count: 100 }, action: { kind: 'corrupt', atByte: 5 } });
  const refusal = plain.server.faults.add({
    match: { operation: 'DeleteObject', count: 100 },
    action: { kind: 'status', status: 500 },
  });
  const row = await move('stuck', 'source/stuck/', 'plain');
  expect(row).toMatchObject({ state: 'FAILED', errorCode: 'CHECKSUM_MISMATCH' });
  expect(row.errorMessage).toContain('plain/stuck/stuck/x are damaged and could not be removed');
  // Three times by whoever wrote it, and three times more when the object was given up.
  expect(refusal.remaining).toBe(100 - 6);
  plain.server.faults.clear();
  expect(await move('stuck', 'source/stuck/', 'plain')).toMatchObject({ state: 'COMPLETED', objectsCompleted: 1n });
  expect(await plain.hashes('stuck/stuck/')).toEqual(await source.hashes('stuck/'));
});

test('a damaged object is removed as soon as the destination removes anything', async () => {
  await putInParts('later/x', 5 * MiB);
  plain.server.faults.add({ match: { operation: 'PutObject', count: 100 }, action: { kind: 'corrupt', atByte: 5 } });
  const refusal = plain.server.faults.add({
    match: { operation: 'DeleteObject' },
    action: { kind: 'status', status: 500 },
  });
  const row = await move('later', 'source/later/', 'plain');
  expect(row).toMatchObject({ state: 'FAILED', errorCode: 'CHECKSUM_MISMATCH' });
  expect(row.errorMessage).not.toContain('could not be removed');
  expect(refusal.remaining).toBe(0);
  expect(await plain.hashes('later/')).toEqual({});
});

test('a part that the source damaged is found by the worker that goes on after it, too', async () => {
  const sent = { x: await plain.put('again/x', 72 * MiB) };
  plain.server.faults.add({ match: { operation: 'GetObject' }, action: { kind: 'corrupt', atByte: 5 } });
  const second = destination.server.faults.add({
    match: { operation: 'UploadPart', partNumber: 2 },
    action: { kind: 'stall' },
  });
  const { id } = await engine.submit({
    sourceAccountId: plainAccountId,
    destinationAccountId: accounts.destinationAccountId,
    sourcePaths: ['plain/again/'],
    destinationPath: 'target/',
  });
  await second.hit;
  await engine.until(id, ({ bytesAcknowledged }) => bytesAcknowledged > 0n);
  await worker.kill();
  worker = await engine.startWorker();
  expect(await engine.ended(id, 60_000)).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(72 * MiB) });
  expect(await destination.hashes('again/')).toEqual(sent);
}, 90_000);

test('what is at the destination is replaced, whole and in parts, and not sent twice once that is known', async () => {
  const sent: Record<string, string> = { large: await source.put('over/large', 20 * MiB) };
  for (let index = 0; index < 40; index += 1) sent[`small-${index}`] = await source.put(`over/small-${index}`, 1_000);
  for (const key of Object.keys(sent)) await putThere(`replaced/over/${key}`, 2_000);
  destination.server.observer.resetCounters();
  expect(await move('replaced', 'source/over/')).toMatchObject({ state: 'COMPLETED', objectsCompleted: 41n });
  expect(await destination.hashes('replaced/over/')).toEqual(sent);
  expect(destination.server.observer.counters('UploadPart').requests).toBe(3);
  // The 16 of each of the two batches that are under way together at first are refused once each at the most.
  expect(destination.server.observer.counters('PutObject').requests).toBeLessThan(40 + 32);
});

test('of what is at the destination, no body of some size is read and sent twice', async () => {
  for (let index = 0; index < 8; index += 1) {
    await source.put(`heavy/${index}`, MiB);
    await putThere(`heavier/heavy/${index}`, 2_000);
  }
  source.server.observer.resetCounters();
  destination.server.observer.resetCounters();
  expect(await move('heavier', 'source/heavy/')).toMatchObject({ state: 'COMPLETED', objectsCompleted: 8n });
  expect(source.server.observer.counters('GetObject').requests).toBe(8);
  expect(destination.server.observer.counters('PutObject').requests).toBe(8);
});

test('where nothing is at the destination, an object costs it one request', async () => {
  for (let index = 0; index < 20; index += 1) await source.put(`fresh/${index}`, 1_000);
  destination.server.observer.resetCounters();
  expect(await move(`fresh-${randomUUID()}`, 'source/fresh/')).toMatchObject({
    state: 'COMPLETED',
    objectsCompleted: 20n,
  });
  expect(destination.server.observer.counters('PutObject').requests).toBe(20);
  expect(destination.server.observer.counters('HeadObject').requests).toBe(0);
});

test('another writer who comes in between loses nothing and is replaced only by a later try', async () => {
  const sent = { x: await source.put('between/x', 1_000) };
  await putThere('raced/between/x', 1_000);
  const { promise: release, resolve } = Promise.withResolvers<void>();
  destination.server.faults.add({
    match: { operation: 'PutObject', key: 'raced/between/x' },
    action: { kind: 'reset' },
  });
  const held = destination.server.faults.add({
    match: { operation: 'PutObject', key: 'raced/between/x' },
    action: { kind: 'hold', until: release },
  });
  const moving = move('raced', 'source/between/');
  await held.hit;
  await putThere('raced/between/x', 3_000);
  destination.server.observer.resetCounters();
  resolve();
  expect(await moving).toMatchObject({ state: 'COMPLETED' });
  expect(destination.server.observer.counters('PutObject').failures).toBeGreaterThan(0);
  expect(await destination.hashes('raced/between/')).toEqual(sent);
});

test.each([
  ['whole', 'PutObject', 1_000, 2_000],
  ['in parts', 'CompleteMultipartUpload', 20 * MiB, 21 * MiB],
] as const)(
  'a worker that lost its lease overwrites nothing newer, %s',
  async (folder, operation, before, after) => {
    const older = await source.put(`stale/${folder}/x`, before);
    const { promise: release, resolve } = Promise.withResolvers<void>();
    const held = destination.server.faults.add({
      match: { operation, key: `stale/${folder}/x` },
      action: { kind: 'hold', until: release },
    });
    const { id } = await engine.submit({
      ...accounts,
      sourcePaths: [`source/stale/${folder}/x`],
      destinationPath: `target/stale/${folder}/`,
    });
    await held.hit;
    const stalled = worker;
    process.kill(stalled.pid, 'SIGSTOP');
    let arrived: Record<string, string>;
    try {
      const newer = await source.put(`stale/${folder}/x`, after);
      worker = await engine.startWorker();
      expect(await engine.ended(id, 90_000)).toMatchObject({ state: 'COMPLETED' });
      arrived = await destination.hashes(`stale/${folder}/`);
      // Where the word of all parts got through, the next one completes them: the object as it was, and whole.
      expect([{ x: newer }, { x: older }]).toContainEqual(arrived);
      destination.server.observer.resetCounters();
      resolve();
    } finally {
      resolve();
      process.kill(stalled.pid, 'SIGCONT');
    }
    // Ends when what it has under way has ended.
    await stalled.stop();
    expect(await destination.hashes(`stale/${folder}/`)).toEqual(arrived);
  },
  150_000,
);

test('metadata that no database keeps does not keep an object from moving', async () => {
  const sent = { x: await source.put('nul/x', 20 * MiB, { ContentDisposition: '=?UTF-8?B?YQBi?=' }) };
  expect(await move('nul', 'source/nul/')).toMatchObject({ state: 'COMPLETED', bytesVerified: BigInt(20 * MiB) });
  expect(await destination.hashes('nul/nul/')).toEqual(sent);
});
