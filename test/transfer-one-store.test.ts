import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../emulators/fault-proxy.ts';
import type { SubmitTransfer } from '../queue/transfer.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, startStore, type TestEngine, type TestStore } from './support/engine.ts';

let database: TestDatabase;
let engine: TestEngine;
let store: TestStore;
let proxy: FaultProxy;
let accounts: { sourceAccountId: string; destinationAccountId: string };
let round = 0;
let prefix: string;

beforeAll(async () => {
  database = await createTestDatabase();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: (await createTestRedis()).url });
  await engine.startWorker();
  store = await startStore('only');
  proxy = await startFaultProxy(store.server.endpoint);
  accounts = {
    sourceAccountId: await engine.connect(store.credentials),
    destinationAccountId: await engine.connect({ ...store.credentials, endpoint: proxy.endpoint }),
  };
});

afterAll(async () => {
  await engine?.stop();
  await proxy?.close();
  await store?.close();
  await database?.drop();
});

beforeEach(() => {
  round += 1;
  prefix = `${round}/`;
});

const run = async (request: Pick<SubmitTransfer, 'sourcePaths' | 'destinationPath' | 'mode' | 'options'>) =>
  engine.ended((await engine.submit({ ...accounts, ...request })).id);

test.for<[string, string, string, Pick<SubmitTransfer, 'mode' | 'options'>]>([
  ['a folder moved onto itself', 'x/', '', { mode: 'MOVE' }],
  ['one found to be the same', 'x/', '', { mode: 'MOVE', options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' } }],
  ['an object moved onto itself', 'x/a', 'x/', { mode: 'MOVE' }],
  ['a folder copied into itself', 'x/', 'x/', {}],
  ['a folder copied onto itself, keeping both', 'x/', '', { options: { conflictPolicy: 'KEEP_BOTH' } }],
  ['a mirror that lies within its source', 'x/', 'x/y/', { mode: 'SYNC' }],
  ['a source that lies within its mirror', 'x/x/', '', { mode: 'SYNC' }],
])('the only copy stays: %s', async ([, from, to, order]) => {
  for (const name of ['a', 'b', 'x/a', 'y/x/b']) await store.put(`${prefix}x/${name}`, 1_000);
  const before = await store.hashes(prefix);
  const request = { sourcePaths: [`only/${prefix}${from}`], destinationPath: `only/${prefix}${to}`, ...order };
  expect(await run(request)).toMatchObject({ state: 'FAILED', errorCode: 'INVALID_INPUT' });
  expect(await store.hashes(prefix)).toEqual(before);
});

test('where nothing overlaps, one store under two addresses is as good as two', async () => {
  const sent = { a: await store.put(`${prefix}x/a`, 1_000) };
  const request = { sourcePaths: [`only/${prefix}x/`], destinationPath: `only/${prefix}z/`, mode: 'MOVE' } as const;
  expect(await run(request)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 1n });
  expect(await store.hashes(prefix)).toEqual({ 'z/x/a': sent.a });
});

test.each([
  ['passes by', 1, 'INVALID_INPUT'],
  ['lasts', 3, 'PROVIDER_UNAVAILABLE'],
])('what tells both sides apart is removed, or named where a trouble of the cloud %s', async (_, count, errorCode) => {
  await store.put(`${prefix}x/a`, 1_000);
  const before = await store.hashes(prefix);
  store.server.faults.add({ match: { operation: 'DeleteObject', count }, action: { kind: 'status', status: 500 } });
  const request = { sourcePaths: [`only/${prefix}x/`], destinationPath: `only/${prefix}`, mode: 'MOVE' } as const;
  const row = await run(request);
  expect(row).toMatchObject({ state: 'FAILED', errorCode });
  const left = Object.keys(await store.hashes(prefix)).filter((key) => !(key in before));
  expect(left).toHaveLength(count === 1 ? 0 : 1);
  for (const key of left) expect(row.errorMessage).toContain(`delete only/${prefix}${key}.`);
});

test('a trouble of the cloud that passes while both sides are told apart is waited out', async () => {
  await store.put(`${prefix}x/a`, 1_000);
  const before = await store.hashes(prefix);
  store.server.faults.add({ match: { operation: 'HeadObject', count: 1 }, action: { kind: 'status', status: 500 } });
  const request = { sourcePaths: [`only/${prefix}x/`], destinationPath: `only/${prefix}`, mode: 'MOVE' } as const;
  expect(await run(request)).toMatchObject({ state: 'FAILED', errorCode: 'INVALID_INPUT' });
  expect(await store.hashes(prefix)).toEqual(before);
});
