import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TransferMode } from '../core/db.ts';
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

const pairs: [PlaceName, PlaceName][] = [
  ['dropbox', 's3'],
  ['dropbox', 'lake'],
  ['lake', 'gcs'],
  ['azure', 's3'],
  ['dropbox', 'dropbox'],
];

const bytes = Buffer.from('bytes');

/** Empty folders, one on the way to one, one that is full, and one of which nothing is taken. */
async function plant(place: Place, prefix: string): Promise<void> {
  await fill(place, { [`${prefix}full/file`]: bytes, [`${prefix}left/out.tmp`]: bytes });
  const names = ['full/', 'left/', 'hollow/', 'deep/', 'deep/er/', 'a-b/', 'a/'];
  for (const name of names) await place.makeFolder(prefix + name);
  await fill(place, { [`${prefix}a/b`]: bytes });
}
const empty = ['a-b/', 'deep/er/', 'hollow/'];

interface Order {
  mode?: TransferMode;
  dryRun?: boolean;
  options?: object;
}

async function order(from: PlaceName, to: PlaceName, prefix: string, { mode = 'COPY', dryRun, options }: Order = {}) {
  const { id } = await all.engine.submit({
    mode,
    sourceAccountId: places[from].accountId,
    sourcePaths: [`${places[from].container}/${prefix}`],
    destinationAccountId: places[to].accountId,
    destinationPath: `${places[to].container}/into/`,
    options: { filter: { exclude: ['left/*.tmp'] }, ...options },
    ...(dryRun && { dryRun }),
  });
  return id;
}

const itemsOf = (transferId: string) =>
  all.engine.db.transferItem.findMany({ where: { transferId }, orderBy: { sourceKey: 'asc' } });

/** The folders' items, by name, as `fields` of them. */
async function told(id: string, prefix: string) {
  const items = (await itemsOf(id)).filter(({ sourceKey }) => sourceKey.endsWith('/'));
  return Object.fromEntries(
    items.map((item) => [
      item.sourceKey.slice(prefix.length),
      { action: item.action, state: item.state, error: item.errorCode, removal: item.sourceRemoval },
    ]),
  );
}

const each = (what: object) => Object.fromEntries(empty.map((name) => [name, expect.objectContaining(what)]));

describe.each(pairs)('from %s to %s', (from, to) => {
  test.each(['plainly', 'as approved'] as const)('a copy makes the empty folders, and no others: %s', async (how) => {
    const prefix = `copy-${from}-${to}-${how}/`;
    await plant(places[from], prefix);
    const dryRun = how === 'as approved';
    const id = await order(from, to, prefix, { dryRun });
    if (dryRun) {
      await all.engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
      expect(await told(id, prefix)).toEqual(each({ action: 'ADD', state: 'PENDING' }));
      await all.engine.db.$transaction((tx) => approveTransfer(tx, id));
    }
    expect(await all.engine.ended(id)).toMatchObject({
      state: 'COMPLETED',
      objectsListed: 5n,
      objectsCompleted: 5n,
      bytesListed: 10n,
    });
    expect(await told(id, prefix)).toEqual(each({ state: 'COMPLETED', error: null }));
    expect(await foldersOf(places[to], `into/${prefix}`)).toEqual(expect.arrayContaining(empty));
    expect(await foldersOf(places[to], `into/${prefix}`)).not.toContain('left/');
  });

  test('a move takes the empty folders', async () => {
    const prefix = `move-${from}-${to}/`;
    await plant(places[from], prefix);
    const id = await order(from, to, prefix, { mode: 'MOVE' });
    expect(await all.engine.ended(id)).toMatchObject({ state: 'COMPLETED', sourceRemovalsCompleted: 5n });
    expect(await foldersOf(places[to], `into/${prefix}`)).toEqual(expect.arrayContaining(empty));
    const left = await foldersOf(places[from], prefix);
    expect(left.filter((name) => empty.includes(name))).toEqual([]);
    expect(left).toContain('left/');
  });

  test('a mirror makes the empty folders once, and keeps those that are filled since', async () => {
    const prefix = `sync-${from}-${to}/`;
    await plant(places[from], prefix);
    const mirror = async () => {
      const id = await order(from, to, prefix, { mode: 'SYNC', options: { deletionLimit: { share: 1 } } });
      expect(await all.engine.ended(id)).toMatchObject({ state: 'COMPLETED', deletionsCompleted: 0n });
      return told(id, prefix);
    };
    expect(await mirror()).toEqual(each({ action: 'ADD', state: 'COMPLETED' }));
    expect(await mirror()).toEqual(each({ action: 'SKIP', state: 'SKIPPED' }));
    await fill(places[from], { [`${prefix}hollow/file`]: bytes });
    const { 'hollow/': _, ...others } = each({ action: 'SKIP' });
    expect(await mirror()).toEqual(others);
    expect(await foldersOf(places[to], `into/${prefix}`)).toEqual(expect.arrayContaining(empty));
  });

  test('a comparison tells of the empty folders that are not there', async () => {
    const prefix = `verify-${from}-${to}/`;
    await plant(places[from], prefix);
    await all.engine.ended(await order(from, to, prefix));
    const compare = async () => {
      const id = await order(from, to, prefix, { mode: 'VERIFY' });
      const { state } = await all.engine.ended(id);
      return [state, await told(id, prefix)];
    };
    expect(await compare()).toEqual(['COMPLETED', each({ action: 'SKIP', state: 'SKIPPED' })]);
    await places[from].makeFolder(`${prefix}new/`);
    expect(await compare()).toEqual([
      'COMPLETED_WITH_ERRORS',
      { ...each({ state: 'SKIPPED' }), 'new/': expect.objectContaining({ error: 'DESTINATION_DIFFERS' }) },
    ]);
  });
});
