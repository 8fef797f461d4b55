import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type CloudName,
  type CloudScene,
  cloudNames,
  fill,
  mayFetch,
  sha256,
  startCloudScene,
} from './support/clouds.ts';

const pairs = cloudNames.flatMap((from) => cloudNames.map((to) => [from, to] as const));

const MiB = 1024 * 1024;
/** Large enough for two parts everywhere, of which the last is short. */
const tree: Record<string, Buffer> = {
  'empty.txt': Buffer.alloc(0),
  'small.txt': randomBytes(10_000),
  'Zürich 日本 +%.txt': randomBytes(1_000),
  'deep/er/parts.bin': randomBytes(17 * MiB + 5),
};
const expected = Object.fromEntries(Object.entries(tree).map(([name, bytes]) => [name, sha256(bytes)]));
const signal = new AbortController().signal;

let scenes: Record<'private' | 'fetching', CloudScene>;

beforeAll(async () => {
  scenes = { private: await startCloudScene(), fetching: await startCloudScene(mayFetch) };
  for (const { clouds } of Object.values(scenes)) {
    for (const cloud of Object.values(clouds)) {
      await fill(cloud, Object.fromEntries(Object.entries(tree).map(([name, bytes]) => [`source/${name}`, bytes])));
      await cloud.provider.createFolder({ container: cloud.container, key: 'source/hollow/' }, signal);
    }
  }
}, 120_000);

afterAll(async () => {
  for (const scene of Object.values(scenes ?? {})) await scene.stop();
});

async function move({ engine, clouds, readers }: CloudScene, from: CloudName, to: CloudName) {
  const { id } = await engine.submit({
    sourceAccountId: clouds[from].accountId,
    sourcePaths: [`${clouds[from].container}/source/`],
    destinationAccountId: clouds[to].accountId,
    destinationPath: `${clouds[to].container}/from-${from}/`,
    // A relay would go before a fetch for want of a hash in common, and to date what Dropbox cannot.
    options: { routes: ['SERVER_SIDE_COPY', 'INGEST_FROM_URL'], keep: { modifiedAt: from === to || to !== 'dropbox' } },
  });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', errorCode: null });
  const place = `from-${from}/source/`;
  expect(await readers[to].hashes(place)).toEqual(expected);
  expect(await readers[to].folders(place)).toEqual(['deep/', 'deep/er/', 'hollow/']);
  const items = await engine.db.transferItem.findMany({ where: { transferId: id, sizeBytes: { gt: 0 } } });
  expect(items).toHaveLength(3);
  return items;
}

test.each(pairs)('%s to %s: every byte arrives, and both sides vouch for it', async (from, to) => {
  const isCopy = from === to;
  for (const { evidence, sourceKey, route } of await move(scenes.private, from, to)) {
    expect([sourceKey, evidence]).toEqual([sourceKey, expect.objectContaining({ verified: true })]);
    expect([sourceKey, route]).toEqual([sourceKey, isCopy ? 'SERVER_SIDE_COPY' : 'RELAY']);
  }
});

test.each(pairs.filter(([from, to]) => from !== to && (to === 'azure' || to === 'dropbox')))(
  '%s to %s: what is large is fetched by the cloud itself, where the operator lets it',
  async (from, to) => {
    const items = await move(scenes.fetching, from, to);
    const routes = Object.fromEntries(items.map((item) => [item.sourceKey, [item.route, item.fallbackCode]]));
    expect(routes).toEqual({
      'source/small.txt': ['RELAY', null],
      'source/Zürich 日本 +%.txt': ['RELAY', null],
      'source/deep/er/parts.bin': ['INGEST_FROM_URL', null],
    });
  },
);

test('no cloud is given a URL of a private address that the operator did not name', async () => {
  const large = await scenes.private.engine.db.transferItem.findMany({
    where: { sourceKey: 'source/deep/er/parts.bin', route: 'RELAY' },
  });
  const refused = large.filter(({ fallbackCode }) => fallbackCode === 'ADDRESS_NOT_ALLOWED');
  expect([large.length, refused.length]).toEqual([12, 6]);
});
