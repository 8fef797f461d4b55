import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../emulators/azure.ts';
import { startDropboxServer } from '../emulators/dropbox/server.ts';
import { startGcsServer } from '../emulators/gcs/server.ts';
import { startS3Server } from '../emulators/s3/server.ts';
import { createAddressPolicy } from '../storage/address-policy.ts';
import type { Credentials } from '../storage/credentials.ts';
import { bufferedBody } from '../storage/digest.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { openProvider } from '../storage/registry.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, type TestEngine } from './support/engine.ts';

/** One cloud with something in it. */
interface Cloud {
  container: string;
  credentials: Credentials;
  provider: StorageProvider;
  accountId: string;
}

const names = ['s3', 'azure', 'gcs', 'dropbox'] as const;
type Name = (typeof names)[number];
const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => [from, to] as const));

const MiB = 1024 * 1024;
const keys = { accessKeyId: 'pairs', secretAccessKey: 'a secret of the tests' };
/** Large enough for two parts everywhere, of which the last is short. */
const tree: Record<string, Buffer> = {
  'empty.txt': Buffer.alloc(0),
  'small.txt': randomBytes(10_000),
  'Zürich 日本 +%.txt': randomBytes(1_000),
  'deep/er/parts.bin': randomBytes(17 * MiB + 5),
};
const signal = new AbortController().signal;

let engine: TestEngine;
let database: TestDatabase;
let clouds: Record<Name, Cloud>;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: (await createTestRedis()).url });
  await engine.startWorker();
  const [s3, azure, gcs, dropbox] = await Promise.all([
    startS3Server({ credentials: [keys], buckets: ['place'] }),
    startAzurite({ containers: ['place'] }),
    startGcsServer({ buckets: ['place'] }),
    startDropboxServer({
      apps: [{ key: 'pairs' }],
      accounts: [{ id: 'ann', refreshTokens: ['a-grant'] }],
    }),
  ]);
  stops.push(...[s3, azure, gcs, dropbox].map((server) => () => server.close()));
  const { accountName, accountKey } = azure;
  const open = async (credentials: Credentials, container = 'place'): Promise<Cloud> => {
    const accountId = await engine.connect(credentials);
    const provider = openProvider(credentials, { addressPolicy: createAddressPolicy(['127.0.0.0/8']) });
    stops.push(() => provider.close());
    return { container, credentials, provider, accountId };
  };
  clouds = {
    s3: await open({ provider: 's3', endpoint: s3.endpoint, region: 'us-east-1', addressing: 'path', ...keys }),
    azure: await open({ provider: 'azure', accountName, accountKey, endpoint: azure.endpoint }),
    gcs: await open({ provider: 'gcs', endpoint: gcs.endpoint, serviceAccountKey: gcs.serviceAccountKey() }),
    dropbox: await open(
      { provider: 'dropbox', endpoint: dropbox.endpoint, appKey: 'pairs', refreshToken: 'a-grant' },
      'dropbox',
    ),
  };
  for (const cloud of Object.values(clouds)) await fill(cloud);
}, 120_000);

afterAll(async () => {
  await engine?.stop();
  for (const stop of stops.toReversed()) await stop();
  await database?.drop();
});

async function fill({ provider, container }: Cloud): Promise<void> {
  const all = ['crc32c', 'md5', 'dropbox'] as const;
  for (const [name, bytes] of Object.entries(tree)) {
    const body = bufferedBody([bytes], all);
    await provider.write({ container, key: `source/${name}`, body, metadata: { user: {} } }, signal);
  }
  await provider.createFolder({ container, key: 'source/hollow/' }, signal);
}

/** SHA-256 of every object below a prefix, as the cloud gives it back; folders by their names alone. */
async function contents({ provider, container }: Cloud, prefix: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  let cursor: string | undefined;
  do {
    const page = await provider.list({ container, prefix, cursor }, signal);
    for (const { key } of page.items) {
      const { stream } = await provider.read({ container, key }, signal);
      const hash = createHash('sha256');
      for await (const chunk of stream) hash.update(chunk as Uint8Array);
      found[key.slice(prefix.length)] = hash.digest('hex');
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

const expected = Object.fromEntries(
  Object.entries(tree).map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]),
);

test.each(pairs)('%s to %s: every byte arrives, and both sides vouch for it', async (from, to) => {
  const [source, destination] = [clouds[from], clouds[to]];
  const folder = `from-${from}/`;
  const { id } = await engine.submit({
    sourceAccountId: source.accountId,
    sourcePaths: [`${source.container}/source/`],
    destinationAccountId: destination.accountId,
    destinationPath: `${destination.container}/${folder}`,
  });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', errorCode: null });
  const arrived = await contents(destination, `${folder}source/`);
  delete arrived['hollow/'];
  expect(arrived).toEqual(expected);
  const items = await engine.db.transferItem.findMany({ where: { transferId: id, sizeBytes: { gt: 0 } } });
  expect(items).toHaveLength(3);
  for (const { evidence, sourceKey } of items) {
    expect([sourceKey, evidence]).toEqual([sourceKey, expect.objectContaining({ verified: true })]);
  }
});

test('the marker of an empty folder becomes a folder where folders are real', async () => {
  const { items } = await clouds.dropbox.provider.list(
    { container: 'dropbox', prefix: 'from-s3/source/', delimiter: '/' },
    signal,
  );
  expect(items.filter(({ kind }) => kind === 'folder').map(({ key }) => key.slice('from-s3/source/'.length))).toEqual(
    expect.arrayContaining(['deep/', 'hollow/']),
  );
});
