import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SubmitTransfer } from '../queue/transfer.ts';
import { type CloudScene, fill, startCloudScene } from './support/clouds.ts';

let all: CloudScene;

beforeAll(async () => {
  all = await startCloudScene();
}, 60_000);

afterAll(() => all?.stop());

/** Carries folders of S3, made of the keys in them, to Dropbox. Which object each that collides collides with, by their keys. */
async function collisions(
  place: string,
  keys: readonly string[],
  { folders = [place], ...order }: { folders?: string[] } & Pick<SubmitTransfer, 'mode' | 'options' | 'dryRun'>,
) {
  const { engine, clouds } = all;
  await fill(clouds.s3, Object.fromEntries(keys.map((key) => [`${place}/${key}`, Buffer.from(key)])));
  const { id } = await engine.submit({
    sourceAccountId: clouds.s3.accountId,
    sourcePaths: folders.map((folder) => `${clouds.s3.container}/${folder}/`),
    destinationAccountId: clouds.dropbox.accountId,
    destinationPath: `${clouds.dropbox.container}/`,
    ...order,
  });
  await engine.until(id, ({ listingComplete }) => listingComplete);
  const items = await engine.db.transferItem.findMany({ where: { transferId: id } });
  const keyAt = (ordinal: number | null) => {
    const item = items.find((one) => one.ordinal === ordinal);
    return item?.sourceKey.slice(place.length + 1);
  };
  const refused = items.filter(({ errorCode }) => errorCode === 'NAME_COLLISION');
  return Object.fromEntries(refused.map(({ ordinal, collidesWith }) => [keyAt(ordinal), keyAt(collidesWith)]));
}

test.each([
  ['listed', {}],
  ['compared', { options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' } }],
  ['planned', { dryRun: true }],
] as const)('names that differ by their case alone, %s', async (place, order) => {
  const found = await collisions(place, ['A.txt', 'a.TXT', 'a.txt', 'b.txt'], order);
  expect(found).toEqual({ 'a.TXT': 'A.txt', 'a.txt': 'A.txt' });
});

test('names that become one by being turned back', async () => {
  const found = await collisions('turned', ['a%3Ab', 'a:b', 'a'], { options: { names: 'DECODE' } });
  expect(found).toEqual({ 'a:b': 'a%3Ab' });
});

test('objects of two source paths that go to one name', async () => {
  const folders = ['apart/one/same', 'apart/two/same'];
  const found = await collisions('apart', ['one/same/x', 'one/same/y', 'two/same/X'], { folders });
  expect(found).toEqual({ 'two/same/X': 'one/same/x' });
});

test('a file and what would be in a folder of its name', async () => {
  expect(await collisions('folded', ['a', 'a/b', 'c/d', 'c.txt'], {})).toEqual({ 'a/b': 'a' });
});
