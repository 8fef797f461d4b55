import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, startStore, type TestEngine, type TestStore } from './support/engine.ts';

let database: TestDatabase;
let engine: TestEngine;
let destination: TestStore;
let destinationAccountId: string;
let sourceAccountId: string;
let server: Server;
/** What the store lists, by prefix. */
const listed = new Map<string, string>();

const contents = (key: string, size: number | string) =>
  `<Contents><Key>${key}</Key><Size>${size}</Size><ETag>&quot;abc&quot;</ETag>` +
  '<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>';

beforeAll(async () => {
  database = await createTestDatabase();
  const redis = await createTestRedis();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: redis.url });
  destination = await startStore('target');
  destinationAccountId = await engine.connect(destination.credentials);
  server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://x');
    response.setHeader('content-type', 'application/xml');
    const inner = listed.get(searchParams.get('prefix') ?? '') ?? '';
    response.end(`<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${inner}</ListBucketResult>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  sourceAccountId = await engine.connectUnchecked({ ...destination.credentials, endpoint });
  await engine.startWorker();
});

afterAll(async () => {
  await engine?.stop();
  await destination?.close();
  server?.closeAllConnections();
  server?.close();
  await database?.drop();
});

const move = async (...sourcePaths: string[]) => {
  const request = { sourceAccountId, destinationAccountId, sourcePaths, destinationPath: 'target/' };
  const { id } = await engine.submit(request);
  return engine.ended(id, 20_000);
};

test('a listing that no store gives ends its path with a reason, not the planner', async () => {
  listed.set('size/', contents('size/k', 'abc'));
  listed.set('name/', contents('name/&#xD800;k', 1));
  expect(await move('source/size/', 'source/name/')).toMatchObject({
    state: 'FAILED',
    errorCode: 'ENDPOINT_INVALID',
    objectsFailed: 2n,
  });
});

test('a page that the database refuses ends its path, and the others go on', async () => {
  // Each size is exact by itself; their sum is beyond what a counter of the database holds.
  const sizes = Array.from({ length: 1_100 }, (_, index) => contents(`sum/${index}`, Number.MAX_SAFE_INTEGER));
  listed.set('sum/', sizes.join(''));
  listed.set('none/', contents('none/', 0));
  const row = await move('source/sum/', 'source/none/');
  expect(row).toMatchObject({ errorCode: 'ENDPOINT_INVALID', listingComplete: true, objectsListed: 2n });
  const [refused] = await engine.db.transferItem.findMany({
    where: { transferId: row.id },
    orderBy: { ordinal: 'asc' },
  });
  expect(refused).toMatchObject({ sourceKey: 'sum/', state: 'FAILED', errorCode: 'ENDPOINT_INVALID' });
});
