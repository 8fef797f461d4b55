import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Prisma, TransferMode } from '../core/db.ts';
import type { Operation } from '../emulators/s3/router.ts';
import type { RunningProcess } from '../scripts/local/processes.ts';
import { type CloudName, type Clouds, contents, fill, sha256, startClouds } from './support/clouds.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, type TestEngine } from './support/engine.ts';

const MiB = 1024 * 1024;
const [older, newer, large, larger] = [10, 20, 9 * MiB, 10 * MiB].map((size) => randomBytes(size)) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];

let database: TestDatabase;
let engine: TestEngine;
let worker: RunningProcess;
let all: Clouds;

const startWorker = () => engine.startWorker({ INGEST_PRIVATE_ADDRESSES: '127.0.0.1/32' });

beforeAll(async () => {
  database = await createTestDatabase();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: (await createTestRedis()).url });
  all = await startClouds(engine);
  worker = await startWorker();
}, 60_000);

afterAll(async () => {
  await engine?.stop();
  await all?.stop();
  await database?.drop();
});

interface Stale {
  mode: TransferMode;
  to?: CloudName;
  options?: object;
  /** The operation of S3 that the first worker is stopped in the middle of. */
  operation: Operation;
  /** Its key. */
  at: 'source' | 'destination';
  before: { source: Record<string, Buffer>; destination: Record<string, Buffer> };
  /** What somebody does while the first worker stands still and before the second begins. */
  meanwhile(source: string, destination: string): Promise<void>;
}

let round = 0;

/** Two workers on one job: the first stands still past its lease in the middle of a request, and wakes when the second is done. */
async function stale({ mode, to = 's3', options, operation, at, before, meanwhile }: Stale) {
  round += 1;
  const [source, destination] = [`from-${round}/`, `to-${round}/from-${round}/`];
  const place = (prefix: string, objects: Record<string, Buffer>) =>
    Object.fromEntries(Object.entries(objects).map(([name, bytes]) => [prefix + name, bytes]));
  await fill(all.clouds.s3, place(source, before.source));
  await fill(all.clouds[to], place(destination, before.destination));
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  const match = { operation, key: `${at === 'source' ? source : destination}x` };
  const held = all.servers.s3.faults.add({ match, action: { kind: 'hold', until } });
  const { id } = await engine.submit({
    mode,
    sourceAccountId: all.clouds.s3.accountId,
    destinationAccountId: all.clouds[to].accountId,
    sourcePaths: [`place/${source}`],
    destinationPath: `${all.clouds[to].container}/to-${round}/`,
    options,
  });
  await held.hit;
  const stalled = worker;
  process.kill(stalled.pid, 'SIGSTOP');
  let after: { source: object; destination: object };
  const look = async () => ({
    source: await contents(all.clouds.s3, source),
    destination: await contents(all.clouds[to], destination),
  });
  let row: Awaited<ReturnType<TestEngine['ended']>>;
  try {
    await meanwhile(source, destination);
    worker = await startWorker();
    row = await engine.ended(id, 90_000);
    after = await look();
  } finally {
    release();
    process.kill(stalled.pid, 'SIGCONT');
  }
  // Ends when what it has under way has ended.
  await stalled.stop();
  expect(await look()).toEqual(after);
  const now = await engine.until(id, () => true);
  expect({ ...now, updatedAt: null }).toEqual({ ...row, updatedAt: null });
  return { row: now, after, items: await engine.db.transferItem.findMany({ where: { transferId: id } }) };
}

const mirrored = { deletionLimit: { share: 1 } };

/** Whether the store holds deletions to a version: where it does not, one looks at the object before. */
async function setConditionalDelete(conditionalDelete: boolean): Promise<void> {
  const where = { id: all.clouds.s3.accountId };
  const { capabilities } = await engine.db.cloudAccount.findUniqueOrThrow({ where });
  const changed = { ...(capabilities as Prisma.InputJsonObject), conditionalDelete };
  await engine.db.cloudAccount.update({ where, data: { capabilities: changed } });
}

test.each([
  ['HeadObject', false],
  ['DeleteObject', true],
] as const)(
  'a mirror: a worker that stood still in %s deletes nothing that came since',
  async (operation, isConditional) => {
    await setConditionalDelete(isConditional);
    const { row, after } = await stale({
      mode: 'SYNC',
      options: mirrored,
      operation,
      at: 'destination',
      before: { source: { kept: older }, destination: { kept: older, x: older } },
      meanwhile: (_source, destination) => fill(all.clouds.s3, { [`${destination}x`]: newer }),
    });
    expect(after.destination).toEqual({ kept: sha256(older), x: sha256(newer) });
    expect(row).toMatchObject({
      state: 'COMPLETED_WITH_ERRORS',
      errorCode: 'DESTINATION_CHANGED',
      deletionsCompleted: 0n,
    });
  },
  150_000,
);

test.each([
  ['HeadObject', false],
  ['DeleteObject', true],
] as const)(
  'a move: a worker that stood still in %s removes no source that came since',
  async (operation, isConditional) => {
    await setConditionalDelete(isConditional);
    const { row, after, items } = await stale({
      mode: 'MOVE',
      options: { routes: ['RELAY'] },
      operation,
      at: 'source',
      before: { source: { x: older }, destination: {} },
      meanwhile: (source) => fill(all.clouds.s3, { [`${source}x`]: newer }),
    });
    expect(after).toEqual({ source: { x: sha256(newer) }, destination: { x: sha256(older) } });
    expect(items).toMatchObject([{ state: 'COMPLETED', sourceRemoval: 'KEPT' }]);
    expect(row.state).toBe('COMPLETED');
  },
  150_000,
);

test('a comparison: a worker that stood still says nothing any more', async () => {
  const { row, items } = await stale({
    mode: 'VERIFY',
    operation: 'HeadObject',
    at: 'destination',
    before: { source: { x: older }, destination: { x: older } },
    meanwhile: (_source, destination) => fill(all.clouds.s3, { [`${destination}x`]: newer }),
  });
  expect(row).toMatchObject({ state: 'FAILED', errorCode: 'DESTINATION_DIFFERS' });
  expect(items).toMatchObject([{ state: 'FAILED', attempts: expect.any(Number) }]);
}, 150_000);

test('a fetch from a URL: a worker that stood still overwrites nothing newer', async () => {
  const { row, after, items } = await stale({
    mode: 'COPY',
    to: 'azure',
    options: { routes: ['INGEST_FROM_URL'] },
    operation: 'GetObject',
    at: 'source',
    before: { source: { x: large }, destination: {} },
    meanwhile: (source) => fill(all.clouds.s3, { [`${source}x`]: larger }),
  });
  expect(after.destination).toEqual({ x: sha256(larger) });
  expect(row.state).toBe('COMPLETED');
  expect(items).toMatchObject([{ route: 'INGEST_FROM_URL', state: 'COMPLETED' }]);
}, 150_000);
