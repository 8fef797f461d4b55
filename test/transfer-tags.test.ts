import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { approveTransfer } from '../queue/transfer.ts';
import type { GivenTransferOptions } from '../queue/transfer-options.ts';
import type { Tags } from '../storage/tags.ts';
import { type CloudName, type Clouds, fill, startClouds, untaggedKeys } from './support/clouds.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, type TestEngine } from './support/engine.ts';

const MiB = 1024 * 1024;
const signal = new AbortController().signal;
const tags: Tags = { project: 'sky ferry', 'cost/center': '4711 = a+b' };
const small = randomBytes(100);
const inParts = randomBytes(17 * MiB);

let database: TestDatabase;
let engine: TestEngine;
let all: Clouds;
let round = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: (await createTestRedis()).url });
  all = await startClouds(engine);
  await engine.startWorker({ INGEST_PRIVATE_ADDRESSES: '127.0.0.1/32' });
}, 60_000);

afterAll(async () => {
  await engine?.stop();
  await all?.stop();
  await database?.drop();
});

/** Moves one object that has tags; resolves to where it then is, its row and its transfer's. */
async function move(
  from: CloudName,
  to: CloudName,
  {
    own = tags,
    bytes = small,
    ...request
  }: { own?: Tags; bytes?: Buffer; options: GivenTransferOptions } & Partial<Parameters<TestEngine['submit']>[0]>,
) {
  const folder = `tags-${++round}`;
  const [source, destination] = [all.clouds[from], all.clouds[to]];
  await fill(source, { [`${folder}/x`]: bytes }, { user: {}, tags: own });
  const { id } = await engine.submit({
    sourceAccountId: source.accountId,
    destinationAccountId: destination.accountId,
    sourcePaths: [`${source.container}/${folder}/`],
    destinationPath: `${destination.container}/to/`,
    ...request,
  });
  if (request.dryRun) {
    await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
    await engine.db.$transaction((tx) => approveTransfer(tx, id));
  }
  const row = await engine.ended(id);
  const [item] = await engine.db.transferItem.findMany({ where: { transferId: id } });
  return { row, item, arrived: { container: destination.container, key: `to/${folder}/x` } };
}

const keep = { tags: true };
const tagReads = () => all.servers.s3.observer.counters('GetObjectTagging').requests;

test.each([
  ['s3', 'azure', 'RELAY', small],
  ['azure', 's3', 'RELAY', small],
  ['s3', 'azure', 'RELAY', inParts],
  ['azure', 's3', 'RELAY', inParts],
  ['s3', 's3', 'SERVER_SIDE_COPY', small],
  ['azure', 'azure', 'SERVER_SIDE_COPY', small],
  ['s3', 'azure', 'INGEST_FROM_URL', inParts],
] as const)(
  '%s to %s by %s: tags arrive with the object where they are chosen, and else not',
  async (from, to, route, bytes) => {
    const { provider } = all.clouds[to];
    for (const [isKept, expected] of [
      [true, tags],
      [false, {}],
    ] as const) {
      const options = { keep: { tags: isKept }, routes: [route] };
      const { row, item, arrived } = await move(from, to, { bytes, options });
      expect([row.state, item?.route, item?.droppedTags]).toEqual(['COMPLETED', route, []]);
      expect(await provider.readTags(arrived, signal)).toEqual(expected);
    }
  },
);

test('tags that the destination does not take stay behind, and the object tells which', async () => {
  const own = { ...tags, Größe: '1', owner: 'ann@example.org' };
  const { row, item, arrived } = await move('s3', 'azure', { own, options: { keep } });
  expect(row.state).toBe('COMPLETED');
  expect(item?.droppedTags.toSorted()).toEqual(['Größe', 'owner']);
  expect(await all.clouds.azure.provider.readTags(arrived, signal)).toEqual(tags);
});

test('tags are not asked for where they are not chosen, or the destination has none', async () => {
  const before = tagReads();
  expect((await move('s3', 'gcs', { options: { keep } })).row.state).toBe('COMPLETED');
  expect((await move('s3', 'azure', { options: {} })).row.state).toBe('COMPLETED');
  expect(tagReads()).toBe(before);
});

test('a plan counts the requests that tags take', async () => {
  const reads = async (kept: boolean) => {
    const before = tagReads();
    const options = { keep: { tags: kept }, routes: ['RELAY' as const] };
    const { row } = await move('s3', 'azure', { dryRun: true, options });
    const { source } = row.planEstimate as { source: { requests: { read: number } } };
    return [source.requests.read, tagReads() - before];
  };
  const [without, asked] = await reads(false);
  expect(asked).toBe(0);
  expect(await reads(true)).toEqual([(without ?? 0) + 1, 1]);
});

const untagged = (from: 's3') => engine.connect({ ...all.clouds[from].credentials, ...untaggedKeys } as never);

test.each(['source', 'destination'] as const)(
  'credentials of the %s that may do nothing with tags fail the object, with what to allow, and no other transfer',
  async (side) => {
    const account = { [`${side}AccountId`]: await untagged('s3') };
    const denied = await move('s3', 's3', { ...account, options: { keep } });
    expect(denied.row).toMatchObject({ state: 'FAILED', errorCode: 'PERMISSION_DENIED' });
    expect(denied.item?.errorMessage).toMatch(/s3:(Get|Put)ObjectTagging.*leave tags behind/);
    const missing = all.clouds.s3.provider.stat(denied.arrived, signal);
    await expect(missing).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
    // Nothing was learnt of the route between the accounts.
    const other = await move('s3', 's3', { ...account, options: {} });
    expect([other.row.state, other.item?.route, other.item?.fallbackCode]).toEqual([
      'COMPLETED',
      'SERVER_SIDE_COPY',
      null,
    ]);
  },
);
