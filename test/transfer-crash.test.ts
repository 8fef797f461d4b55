import { afterEach, beforeEach, expect, test } from 'vitest';
import { pauseTransfer, resumeTransfer } from '../queue/transfer.ts';
import { type PrivateRedis, startPrivatePostgres, startPrivateRedis } from './support/databases.ts';
import { startEngine, startStore, type TestEngine, type TestStore } from './support/engine.ts';

const MiB = 1024 * 1024;
/** Long enough for a lease to run out, and everything to be done afterwards. */
const timeoutMs = 90_000;

let postgres: Awaited<ReturnType<typeof startPrivatePostgres>>;
let redis: PrivateRedis;
let engine: TestEngine;
let source: TestStore;
let destination: TestStore;
let accounts: { sourceAccountId: string; destinationAccountId: string };
let sent: Record<string, string>;

beforeEach(async () => {
  [postgres, redis, source, destination] = await Promise.all([
    startPrivatePostgres(),
    startPrivateRedis(),
    startStore('source'),
    startStore('target'),
  ]);
  engine = await startEngine({ databaseUrl: postgres.url, redisUrl: redis.url });
  accounts = {
    sourceAccountId: await engine.connect(source.credentials),
    destinationAccountId: await engine.connect(destination.credentials),
  };
  sent = {
    'large/one': await source.put('tree/large/one', 64 * MiB),
    'large/two': await source.put('tree/large/two', 64 * MiB),
  };
  for (let index = 0; index < 120; index++) sent[`small/${index}`] = await source.put(`tree/small/${index}`, 10_000);
});

afterEach(async () => {
  await engine?.stop();
  await Promise.all([source?.close(), destination?.close(), postgres?.dispose(), redis?.dispose()]);
});

/** Starts the transfer and resolves in its middle: parts and small objects are there, others are not. */
async function startToTheMiddle(): Promise<string> {
  const { faults, observer } = destination.server;
  const slow = (operation: 'UploadPart' | 'PutObject', bytesPerSecond: number) =>
    faults.add({ match: { operation, count: 1_000 }, action: { kind: 'slow', bytesPerSecond } });
  slow('UploadPart', 8 * MiB);
  slow('PutObject', 100_000);
  const parts = observer.waitFor({ operation: 'UploadPart' }, { event: 'finished', count: 4 });
  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/tree/'], destinationPath: 'target/' });
  await parts;
  return id;
}

/** From here on nothing large arrives by itself. */
function stallParts(): void {
  const { faults } = destination.server;
  faults.clear();
  faults.add({ match: { operation: 'UploadPart', count: 1_000 }, action: { kind: 'slow', bytesPerSecond: 64 * 1024 } });
}

async function expectIntact(id: string): Promise<void> {
  const row = await engine.ended(id, timeoutMs);
  const count = BigInt(Object.keys(sent).length);
  expect(row).toMatchObject({ state: 'COMPLETED', objectsListed: count, objectsCompleted: count, objectsFailed: 0n });
  expect(row.bytesAcknowledged).toBe(row.bytesListed);
  expect(row.bytesVerified).toBe(row.bytesListed);
  expect(await destination.hashes('tree/')).toEqual(sent);
}

/** Bytes that the destination took, beyond those of the objects. */
function repeatedBytes(): number {
  const { observer } = destination.server;
  return (
    observer.counters('UploadPart').bytesReceived + observer.counters('PutObject').bytesReceived - 128 * MiB - 1_200_000
  );
}

test(
  'a worker that is killed in the middle loses nothing; another goes on at the part',
  async () => {
    const first = await engine.startWorker();
    const id = await startToTheMiddle();
    await engine.until(id, ({ bytesAcknowledged }) => bytesAcknowledged > 32n * BigInt(MiB));
    await first.kill();
    destination.server.faults.clear();
    await engine.startWorker();
    await expectIntact(id);
    // Only what was under way was sent twice: up to four parts of each large object.
    expect(repeatedBytes()).toBeLessThan(65 * MiB);
    const [batch] = await engine.db.$queryRaw<{ attempt: number }[]>`
    SELECT max(attempt) AS attempt FROM transfer_batch WHERE transfer_id = ${id}::uuid`;
    expect(batch?.attempt).toBeGreaterThan(1);
  },
  timeoutMs,
);

test(
  'a worker that is killed once an upload is complete and before it hears so: no part of it is sent again',
  async () => {
    const worker = await engine.startWorker();
    const { observer } = destination.server;
    const completed = observer.waitFor({ operation: 'CompleteMultipartUpload' }, { event: 'finished' });
    observer.once('arrived', function onArrived({ operation }) {
      if (operation === 'CompleteMultipartUpload') process.kill(worker.pid, 'SIGSTOP');
      else observer.once('arrived', onArrived);
    });
    const paths = { sourcePaths: ['source/tree/large/one'], destinationPath: 'target/tree/large/' };
    const { id } = await engine.submit({ ...accounts, ...paths });
    await completed;
    await worker.kill();
    await engine.startWorker();
    expect(await engine.ended(id, timeoutMs)).toMatchObject({ state: 'COMPLETED', bytesVerified: 64n * BigInt(MiB) });
    expect(await destination.hashes('tree/')).toEqual({ 'large/one': sent['large/one'] });
    // Each is sent in a frame of its own.
    expect(observer.counters('UploadPart').bytesReceived).toBeLessThan(65 * MiB);
  },
  timeoutMs,
);

test(
  'a worker that is killed while it removes the sources of a move: the next one removes them, and the counts hold',
  async () => {
    const first = await engine.startWorker();
    const { faults, observer } = source.server;
    const removal = observer.waitFor({ operation: 'DeleteObject' });
    faults.add({ match: { operation: 'DeleteObject', count: 1_000 }, action: { kind: 'stall' } });
    const paths = { sourcePaths: ['source/tree/small/'], destinationPath: 'target/tree/' };
    const { id } = await engine.submit({ ...accounts, ...paths, mode: 'MOVE' });
    await removal;
    await first.kill();
    faults.clear();
    await engine.startWorker();
    const row = await engine.ended(id, timeoutMs);
    const bytes = 1_200_000n;
    expect(row).toMatchObject({ state: 'COMPLETED', objectsCompleted: 120n, bytesListed: bytes, bytesVerified: bytes });
    expect(row.bytesAcknowledged).toBe(bytes);
    expect(await source.hashes('tree/small/')).toEqual({});
    const small = Object.entries(sent).filter(([key]) => key.startsWith('small/'));
    expect(await destination.hashes('tree/')).toEqual(Object.fromEntries(small));
  },
  timeoutMs,
);

test(
  'a flushed Redis costs time, never a transfer',
  async () => {
    await Promise.all([engine.startWorker(), engine.startWorker()]);
    const id = await startToTheMiddle();
    await redis.flush();
    await expectIntact(id);
  },
  timeoutMs,
);

test(
  'Redis flushed between admission and the worker: the batches are admitted again',
  async () => {
    const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/tree/'], destinationPath: 'target/' });
    await engine.startWorker();
    await engine.until(id, ({ state }) => state === 'RUNNING');
    await redis.flush();
    await expectIntact(id);
  },
  timeoutMs,
);

test(
  'Redis away for a while: what is under way goes on, the rest when it returns',
  async () => {
    await engine.startWorker();
    const id = await startToTheMiddle();
    await redis.stop();
    await engine.until(id, ({ bytesAcknowledged }) => bytesAcknowledged > 48n * BigInt(MiB));
    await redis.start();
    await expectIntact(id);
  },
  timeoutMs,
);

test(
  'Postgres killed in the middle: the transfer goes on when it returns',
  async () => {
    await engine.startWorker();
    const id = await startToTheMiddle();
    await postgres.kill();
    const more = destination.server.observer.waitFor({ operation: 'UploadPart' }, { event: 'finished', count: 2 });
    await more;
    await postgres.start();
    await expectIntact(id);
  },
  timeoutMs,
);

test(
  'a worker that starts before Postgres and Redis waits for them',
  async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
    const worker = await engine.startWorker();
    await new Promise<void>((resolve) => {
      const timer = setInterval(async () => {
        if (!(await worker.tail()).includes('service is away')) return;
        clearInterval(timer);
        resolve();
      }, 50);
    });
    await Promise.all([postgres.start(), redis.start()]);
    const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/tree/'], destinationPath: 'target/' });
    await expectIntact(id);
  },
  timeoutMs,
);

test(
  'SIGTERM in the middle: the worker exits 0, and another goes on at once',
  async () => {
    const first = await engine.startWorker();
    const id = await startToTheMiddle();
    stallParts();
    process.kill(first.pid, 'SIGTERM');
    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect((await engine.until(id, () => true)).state).toBe('RUNNING');
    destination.server.faults.clear();
    const [batches] = await engine.db.$queryRaw<{ held: number }[]>`
    SELECT count(*)::int AS held FROM transfer_batch WHERE state = 'ADMITTED' AND fence = attempt`;
    expect(batches?.held).toBe(0);
    await engine.startWorker();
    await expectIntact(id);
  },
  timeoutMs,
);

test(
  'a paused transfer is resumed after a restart of everything',
  async () => {
    const worker = await engine.startWorker();
    const id = await startToTheMiddle();
    stallParts();
    await engine.db.$transaction((tx) => pauseTransfer(tx, id));
    await worker.stop();
    await Promise.all([postgres.stop(), redis.stop()]);
    await Promise.all([postgres.start(), redis.start()]);
    destination.server.faults.clear();
    await engine.startWorker();
    const resting = await engine.until(id, ({ state }) => state === 'PAUSED');
    expect(resting.bytesAcknowledged).toBeGreaterThan(0n);
    await engine.db.$transaction((tx) => resumeTransfer(tx, id));
    await expectIntact(id);
  },
  timeoutMs,
);
