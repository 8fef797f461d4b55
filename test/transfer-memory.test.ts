import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../emulators/azure.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, startStore, type TestEngine, type TestStore } from './support/engine.ts';

const MiB = 1024 * 1024;

let database: TestDatabase;
let engine: TestEngine;
let source: TestStore;
let azure: Awaited<ReturnType<typeof startAzurite>>;

beforeAll(async () => {
  database = await createTestDatabase();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: (await createTestRedis()).url });
  [source, azure] = await Promise.all([
    startStore('source', { flexibleChecksums: false }),
    startAzurite({ containers: ['target'] }),
  ]);
  await engine.startWorker({ MEMORY_BUDGET_BYTES: String(16 * MiB) });
});

afterAll(async () => {
  await engine?.stop();
  await Promise.all([source?.close(), azure?.close()]);
  await database?.drop();
});

test('an object larger than the memory budget arrives in a cloud that takes only whole bodies in memory', async () => {
  await source.put('large', 20 * MiB);
  const { accountName, accountKey, endpoint } = azure;
  const { id } = await engine.submit({
    sourceAccountId: await engine.connect(source.credentials),
    destinationAccountId: await engine.connect({ provider: 'azure', accountName, accountKey, endpoint }),
    sourcePaths: ['source/large'],
    destinationPath: 'target/',
  });
  expect(await engine.ended(id)).toMatchObject({
    state: 'COMPLETED',
    errorCode: null,
    bytesVerified: BigInt(20 * MiB),
  });
});
