import { afterAll, beforeAll, expect, test } from 'vitest';
import { retryFailedItems } from '../queue/follow-up.ts';
import { approveTransfer } from '../queue/transfer.ts';
import { createAddressPolicy } from '../storage/address-policy.ts';
import { openProvider } from '../storage/registry.ts';
import { type Cloud, type CloudScene, contents, fill, smallDropbox, startCloudScene } from './support/clouds.ts';

let all: CloudScene;
let small: Cloud;
const signal = AbortSignal.timeout(120_000);

beforeAll(async () => {
  all = await startCloudScene();
  const credentials = { ...all.clouds.dropbox.credentials, refreshToken: smallDropbox.refreshToken } as never;
  const accountId = await all.engine.connect(credentials);
  const provider = openProvider(credentials, { addressPolicy: createAddressPolicy(['127.0.0.0/8']) });
  small = { container: 'dropbox', credentials, provider, accountId };
}, 60_000);

afterAll(async () => {
  await small?.provider.close();
  await all?.stop();
});

const sized = (sizes: Record<string, number>) =>
  Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, Buffer.alloc(size, name)]));

const empty = (...keys: string[]) => small.provider.deleteObjects({ container: small.container, keys }, signal);

async function submit(folder: string, more: object = {}) {
  const { clouds, engine } = all;
  return engine.submit({
    sourceAccountId: clouds.s3.accountId,
    sourcePaths: [`${clouds.s3.container}/${folder}/`],
    destinationAccountId: small.accountId,
    destinationPath: `${small.container}/`,
    ...more,
  });
}

const outcomes = async (transferId: string) => {
  const items = await all.engine.db.transferItem.findMany({ where: { transferId }, orderBy: { ordinal: 'asc' } });
  return Object.fromEntries(items.map(({ sourceKey, errorCode }) => [sourceKey, errorCode]));
};

test('a follow-up that lists looks for the room that there is by then', async () => {
  const { engine, clouds, servers } = all;
  await fill(clouds.s3, sized({ filling: 90_000, 'later/a': 30_000 }));
  const unlisted = servers.s3.faults.add({
    match: { operation: 'ListObjectsV2', count: Number.POSITIVE_INFINITY },
    action: { kind: 'refuse', code: 'NoSuchBucket' },
  });
  const sourcePaths = ['place/filling', 'place/later/'];
  const { id } = await submit('later', { sourcePaths, options: { conflictPolicy: 'SKIP' } });
  const origin = await engine.ended(id);
  unlisted.remove();
  expect(origin).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsCompleted: 1n });
  await empty('filling');
  const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
  expect(await engine.ended(followUp.id)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 1n });
  await empty('later/a');
});

test('a plan refuses what the destination has no room for, and a retry moves it once there is', async () => {
  const { engine, clouds } = all;
  await fill(small, sized({ other: 50_000 }));
  await fill(clouds.s3, sized({ 'tight/a': 30_000, 'tight/b': 25_000, 'tight/c': 15_000 }));
  const { id } = await submit('tight', { dryRun: true });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  const expected = { 'tight/a': null, 'tight/b': 'QUOTA_EXCEEDED', 'tight/c': null };
  expect(await outcomes(id)).toEqual(expected);
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsFailed: 1n });
  expect(await outcomes(id)).toEqual(expected);
  expect(Object.keys(await contents(small, 'tight/')).sort()).toEqual(['a', 'c']);

  const retry = (origin: string) => engine.db.$transaction((tx) => retryFailedItems(tx, origin));
  const followUp = await retry(id);
  expect(await engine.ended(followUp.id)).toMatchObject({ state: 'FAILED', objectsFailed: 1n });
  await small.provider.deleteObjects({ container: small.container, keys: ['other'] }, signal);
  expect(await engine.ended((await retry(followUp.id)).id)).toMatchObject({ state: 'COMPLETED' });
  await empty('tight/a', 'tight/b', 'tight/c');
});

test('what is replaced makes room in a plan', async () => {
  await fill(small, sized({ 'full/b': 50_000, other: 40_000 }));
  await fill(all.clouds.s3, sized({ 'full/a': 5_000, 'full/b': 54_000, 'full/c': 2_000, 'full/d': 1_000 }));
  const { id } = await submit('full', { dryRun: true });
  await all.engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  const expected = { 'full/a': null, 'full/b': null, 'full/c': 'QUOTA_EXCEEDED', 'full/d': null };
  expect(await outcomes(id)).toEqual(expected);
  await empty('full/b', 'other');
});

test('what is written whatever is there is refused, before a byte of it is read, where it cannot fit', async () => {
  const { engine, clouds } = all;
  await fill(small, sized({ 'seen/a': 60_000 }));
  await fill(clouds.s3, sized({ 'seen/a': 35_000, 'seen/b': 90_000, 'seen/c': 1_000 }));
  const { id } = await submit('seen');
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsFailed: 1n });
  expect(await outcomes(id)).toEqual({ 'seen/a': null, 'seen/b': 'QUOTA_EXCEEDED', 'seen/c': null });
  expect(await engine.db.transferItem.findFirst({ where: { transferId: id, state: 'FAILED' } })).toMatchObject({
    sourceKey: 'seen/b',
    startedAt: null,
    attempts: 0,
  });
});
