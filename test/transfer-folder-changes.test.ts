import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TransferItem } from '../core/db.ts';
import { retryFailedItems } from '../queue/follow-up.ts';
import { approveTransfer } from '../queue/transfer.ts';
import { type CloudScene, fill, startCloudScene } from './support/clouds.ts';
import { foldersOf, type Place, type PlaceName, startPlaces } from './support/folder-places.ts';

let all: CloudScene;
let places: Record<PlaceName, Place>;

beforeAll(async () => {
  all = await startCloudScene();
  places = await startPlaces(all);
}, 60_000);

afterAll(() => all?.stop());

const bytes = Buffer.from('bytes');
const signal = AbortSignal.timeout(600_000);
/** Whose folders are no objects. */
const sources = ['dropbox', 'lake', 'azure'] as const;

async function order(from: PlaceName, to: PlaceName, prefix: string, more: object = {}): Promise<string> {
  const { id } = await all.engine.submit({
    sourceAccountId: places[from].accountId,
    sourcePaths: [`${places[from].container}/${prefix}`],
    destinationAccountId: places[to].accountId,
    destinationPath: `${places[to].container}/into/`,
    ...more,
  });
  return id;
}

async function planned(...given: Parameters<typeof order>): Promise<string> {
  const [from, to, prefix, more] = given;
  const id = await order(from, to, prefix, { dryRun: true, ...more });
  await all.engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  return id;
}
const approve = (id: string) => all.engine.db.$transaction((tx) => approveTransfer(tx, id));

/** Of each item, by its name at the source. */
async function told<T>(id: string, prefix: string, what: (item: TransferItem) => T): Promise<Record<string, T>> {
  const items = await all.engine.db.transferItem.findMany({ where: { transferId: id }, orderBy: { sourceKey: 'asc' } });
  return Object.fromEntries(items.map((item) => [item.sourceKey.slice(prefix.length), what(item)]));
}

test.each(sources)(
  'a folder that is filled or gone since it was approved of is told, and may be retried: %s',
  async (from) => {
    const place = places[from];
    const prefix = `approved-${from}/`;
    for (const name of ['filled/', 'gone/', 'same/']) await place.makeFolder(prefix + name);
    const id = await planned(from, 's3', prefix, { mode: 'MOVE' });
    await fill(place, { [`${prefix}filled/file`]: bytes });
    await place.provider.deleteObjects({ container: place.container, keys: [`${prefix}gone/`] }, signal);
    await approve(id);
    expect(await all.engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsFailed: 2n });
    expect(await told(id, prefix, ({ state, errorCode, sourceRemoval }) => [state, errorCode, sourceRemoval])).toEqual({
      'filled/': ['FAILED', 'SOURCE_CHANGED', 'KEPT'],
      'gone/': ['FAILED', 'OBJECT_NOT_FOUND', 'KEPT'],
      'same/': ['COMPLETED', null, 'REMOVED'],
    });
    expect(await foldersOf(places.s3, `into/${prefix}`)).toEqual(['same/']);
    await place.provider.deleteObjects({ container: place.container, keys: [`${prefix}filled/file`] }, signal);
    const retry = await all.engine.db.$transaction((tx) =>
      retryFailedItems(tx, id, { errorCodes: ['SOURCE_CHANGED'] }),
    );
    expect(await all.engine.ended(retry.id)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 1n });
    expect(await foldersOf(places.s3, `into/${prefix}`)).toEqual(['filled/', 'same/']);
  },
);

test.each(sources)('a move takes no folder that was filled since it was listed: %s', async (from) => {
  const place = places[from];
  const prefix = `kept-${from}/`;
  await place.makeFolder(`${prefix}filled/`);
  // Nothing is to be made, so that nobody looks at the source before it is to go.
  await places.s3.makeFolder(`into/${prefix}filled/`);
  const id = await planned(from, 's3', prefix, { mode: 'MOVE' });
  await fill(place, { [`${prefix}filled/file`]: bytes });
  await approve(id);
  expect(await all.engine.ended(id)).toMatchObject({ objectsSkipped: 1n });
  expect(await told(id, prefix, ({ errorCode, sourceRemoval }) => [errorCode, sourceRemoval])).toEqual({
    'filled/': ['OBJECT_CHANGED', 'KEPT'],
  });
  const { items } = await place.provider.list({ container: place.container, prefix }, signal);
  expect(items.map(({ key }) => key)).toEqual([`${prefix}filled/file`]);
});

test('names, choices and places hold for folders as for markers', async () => {
  const prefix = 'named/';
  for (const name of ['A/', 'a/', 'x /', 'out/']) await places.lake.makeFolder(prefix + name);
  const problems = async (options: object) => {
    const id = await planned('lake', 'dropbox', prefix, { options: { filter: { exclude: ['out/'] }, ...options } });
    const { objectsExcluded } = await all.engine.db.transfer.findUniqueOrThrow({ where: { id } });
    return [objectsExcluded, await told(id, prefix, (item) => item.errorCode ?? item.destinationKey)];
  };
  const rest = { 'A/': 'into/named/A/', 'a/': 'NAME_COLLISION' };
  expect(await problems({})).toEqual([1n, { ...rest, 'x /': 'NAME_NOT_ALLOWED' }]);
  expect(await problems({ names: 'ENCODE' })).toEqual([1n, { ...rest, 'x /': 'into/named/x%20/' }]);
  expect(await problems({ keep: { emptyFolders: false } })).toEqual([0n, {}]);
});

test.each(['OVERWRITE', 'KEEP_BOTH', 'FAIL', 'OVERWRITE_IF_NEWER'] as const)(
  'whatever has the name of a folder at the destination stays, and stands for it: %s',
  async (conflictPolicy) => {
    const prefix = `standing-${conflictPolicy}/`;
    await places.dropbox.makeFolder(`${prefix}odd/`);
    await places.dropbox.makeFolder(`${prefix}plain/`);
    await fill(all.clouds.s3, { [`into/${prefix}odd/`]: bytes, [`into/${prefix}plain/`]: Buffer.alloc(0) });
    const id = await planned('dropbox', 's3', prefix, { options: { conflictPolicy } });
    const what = ['SKIP', 'SAME', null];
    expect(await told(id, prefix, ({ action, reason, errorCode }) => [action, reason, errorCode])).toEqual({
      'odd/': what,
      'plain/': what,
    });
  },
);

test('a planner that is killed in the midst of a listing in no order loses no folder', async () => {
  const { engine, clouds, servers } = all;
  const { dropbox } = clouds;
  const where = { id: dropbox.accountId };
  const { capabilities } = await engine.db.cloudAccount.findUniqueOrThrow({ where });
  const { listing, ...others } = capabilities as { listing: object };
  await engine.db.cloudAccount.update({
    where,
    data: { capabilities: { ...others, listing: { ...listing, maxPageSize: 3 } } },
  });
  // Dropbox's local server lists in no order: of so many, some are on pages before and some behind.
  const numbers = Array.from({ length: 12 }, (_, index) => index);
  for (const number of numbers) {
    await places.dropbox.makeFolder(`killed/hollow ${number}/`);
    await fill(dropbox, { [`killed/full ${number}/file`]: bytes });
  }

  const route = 'files/list_folder/continue';
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  // Some pages pass.
  servers.dropbox.faults.add({ match: { route, count: 6 }, action: { kind: 'slow', bytesPerSecond: 1_000_000 } });
  const held = servers.dropbox.faults.add({ match: { route }, action: { kind: 'hold', until } });
  const id = await order('dropbox', 's3', 'killed/');
  await held.hit;
  await engine.until(id, ({ planCheckpoint }) => planCheckpoint !== null);
  await all.worker.kill();
  release();
  await engine.startWorker();
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsListed: 24n, objectsCompleted: 24n });
  const names = numbers.flatMap((number) => [`full ${number}/file`, `hollow ${number}/`]);
  expect(Object.keys(await told(id, 'killed/', () => null)).sort()).toEqual(names.sort());
  expect(await foldersOf(places.s3, 'into/killed/')).toEqual(names.filter((name) => name.endsWith('/')));
});
