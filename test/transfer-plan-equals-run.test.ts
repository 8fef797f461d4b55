import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TransferItem, TransferMode } from '../core/db.ts';
import { approveTransfer } from '../queue/transfer.ts';
import type { ConflictPolicy, TransferFilter } from '../queue/transfer-options.ts';
import { type CloudName, type CloudScene, contents, fill, sha256, startCloudScene } from './support/clouds.ts';
import { foldersOf, type Place, type PlaceName, startPlaces } from './support/folder-places.ts';

let all: CloudScene;
let places: Record<PlaceName, Place>;
let round = 0;

beforeAll(async () => {
  all = await startCloudScene();
  places = await startPlaces(all);
}, 60_000);

afterAll(() => all?.stop());

type Tree = Record<string, string>;
const bodies = fc.constantFrom('', 'one', 'two', 'three');
const treeOf = (...names: string[]) => fc.dictionary(fc.constantFrom(...names), bodies);
/** Names that a Dropbox has, where `a` is no folder and `c` no file. */
const anywhere = ['a', 'b.txt', 'b (2).txt', 'b%3Ac', 'c/d', 'é', '%41'];
/** Others that it refuses, takes for those, or cannot have beside them. */
const elsewhere = ['a/in', 'b:c', 'B.TXT', 'c', 'c/', 'z//y'];

/** Folders of a Dropbox, of which a tree may fill some. */
const folders = ['c/', 'e/', 'e/f/', 'g/h/', '%3A/'];

const given = fc.oneof(
  fc.record({ from: fc.constant<PlaceName>('s3'), tree: treeOf(...anywhere, ...elsewhere) }),
  fc.record({ from: fc.constantFrom<PlaceName>('dropbox', 'azure'), tree: treeOf(...anywhere, ...folders) }),
);

const destination = fc.oneof(
  fc.record({ to: fc.constantFrom<CloudName>('s3', 'gcs'), target: treeOf(...anywhere, ...elsewhere) }),
  fc.record({ to: fc.constant<CloudName>('dropbox'), target: treeOf(...anywhere) }),
);

const mirrorPolicies: ConflictPolicy[] = ['OVERWRITE', 'OVERWRITE_IF_DIFFERENT', 'OVERWRITE_IF_NEWER'];
const wish = fc.oneof(
  fc.record({
    mode: fc.constantFrom<TransferMode>('COPY', 'MOVE'),
    conflictPolicy: fc.constantFrom<ConflictPolicy>(...mirrorPolicies, 'SKIP', 'KEEP_BOTH', 'FAIL'),
  }),
  fc.record({ mode: fc.constant<TransferMode>('SYNC'), conflictPolicy: fc.constantFrom(...mirrorPolicies) }),
  fc.record({ mode: fc.constant<TransferMode>('VERIFY'), conflictPolicy: fc.constant<ConflictPolicy>('OVERWRITE') }),
);
const choices = fc.record({
  names: fc.constantFrom('REFUSE', 'ENCODE', 'DECODE'),
  keep: fc.record({ emptyFolders: fc.boolean(), modifiedAt: fc.boolean() }),
});

/** A filter, and what it takes of either side. */
interface Choice {
  filter: Partial<TransferFilter>;
  takes(name: string, body: string): boolean;
}
const choice = fc.constantFrom<Choice>(
  { filter: {}, takes: () => true },
  { filter: { exclude: ['b*'] }, takes: (name) => !name.startsWith('b') },
  { filter: { include: ['*'] }, takes: (name) => !name.includes('/') },
  { filter: { minSizeBytes: 1 }, takes: (_, body) => body.length >= 1 },
  { filter: { maxSizeBytes: 3 }, takes: (_, body) => body.length <= 3 },
);

const isMarker = (name: string, body: string | undefined) => body === '' && name.endsWith('/');

test('an approved dry run does to random trees what it said, to each object', async () => {
  await fc.assert(
    fc.asyncProperty(given, destination, wish, choices, choice, async ({ from: origin, tree }, at, ...how) => {
      const { to, target } = at;
      const [{ mode, conflictPolicy }, { names, keep }, { filter, takes }] = how;
      round += 1;
      const [from, into] = [`${round}/`, `into/${round}/`];
      const { engine, clouds } = all;
      const place = places[origin];
      // So that the folder exists whatever the tree.
      const source = await plant(place, from, { ...tree, 'always.txt': 'there' });
      await fill(clouds[to], below(into, target));
      const { id } = await engine.submit({
        sourceAccountId: place.accountId,
        sourcePaths: [`${place.container}/${from}`],
        destinationAccountId: clouds[to].accountId,
        destinationPath: `${clouds[to].container}/into/`,
        mode,
        options: { conflictPolicy, names, keep, filter },
        dryRun: true,
      });
      const plan = await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
      const rows = await engine.db.transferItem.findMany({ where: { transferId: id }, orderBy: { ordinal: 'asc' } });
      const items = rows.map((row) => toPlanned(row, from, into));

      // Each object is planned once, and none that was left out.
      const isMeant = ([name, body]: [string, string]) =>
        takes(name, body) && (keep.emptyFolders || !isMarker(name, body));
      const namesOf = (tree: Tree) =>
        Object.entries(tree)
          .filter(isMeant)
          .map(([name]) => name);
      const [moved, extra] = [items.filter(({ reason }) => reason !== 'EXTRA'), items.filter(isExtra)];
      expect(moved.map(({ sourceName }) => sourceName).toSorted()).toEqual(namesOf(source).toSorted());
      expect(namesOf(target)).toEqual(expect.arrayContaining(extra.map(({ targetName }) => targetName)));

      const expected = predicted(source, target, items, mode, to);
      await engine.db.$transaction((tx) => approveTransfer(tx, id));
      const end = await engine.ended(id);
      expect(await treeAt(place, from, source)).toEqual(hashes(expected.source));
      expect(folded(await contents(clouds[to], into), to)).toEqual(hashes(expected.target));
      // No more and no less than planned, and nothing failed that was not refused by the plan or differs.
      expect(end.objectsListed).toBe(plan.objectsListed);
      expect(end.objectsFailed).toBe(plan.objectsFailed + expected.differing);
      expect(end.objectsCompleted).toBe(plan.objectsPlanned - expected.differing);
    }),
    // Each try takes a second or so: the seed is told at once.
    { numRuns: 40, endOnFailure: true },
  );
});

/** Makes it, and returns what of it may travel: without real folders that something is in. */
async function plant(place: Place, prefix: string, tree: Tree): Promise<Tree> {
  if (!place.provider.capabilities.listing.hasFolders) {
    await fill(place, below(prefix, tree));
    return tree;
  }
  const isFolder = (name: string) => name.endsWith('/');
  const entries = Object.entries(tree);
  for (const [name] of entries) if (isFolder(name)) await place.makeFolder(prefix + name);
  await fill(place, below(prefix, Object.fromEntries(entries.filter(([name]) => !isFolder(name)))));
  const isEmpty = (name: string) => !entries.some(([other]) => other !== name && other.startsWith(name));
  return Object.fromEntries(
    entries.flatMap(([name, body]) => (isFolder(name) ? (isEmpty(name) ? [[name, '']] : []) : [[name, body]])),
  );
}

/** What is left of it: SHA-256 by name, of a folder that of nothing. */
async function treeAt(place: Place, prefix: string, tree: Tree): Promise<Tree> {
  const objects = await contents(place, prefix);
  if (!place.provider.capabilities.listing.hasFolders) return objects;
  const left = (await foldersOf(place, prefix)).filter((name) => tree[name] !== undefined);
  return { ...objects, ...hashes(Object.fromEntries(left.map((name) => [name, '']))) };
}

interface Planned extends Pick<TransferItem, 'action' | 'state' | 'reason'> {
  sourceName: string;
  targetName: string;
}

const isExtra = ({ reason }: Planned) => reason === 'EXTRA';

function toPlanned({ action, state, reason, sourceKey, destinationKey }: TransferItem, from: string, into: string) {
  const [sourceName, targetName] = [sourceKey.slice(from.length), destinationKey.slice(into.length)];
  return { action, state, reason, sourceName, targetName };
}

/**
 * What the plan's items say that both sides will hold, and how many comparisons will fail. The target's names are folded
 * as its cloud tells them apart.
 */
function predicted(source: Tree, target: Tree, items: Planned[], mode: TransferMode, to: CloudName) {
  const after = { source: { ...source }, target: folded(target, to), differing: 0n };
  for (const { action, state, sourceName, reason, ...item } of items) {
    if (state === 'FAILED') continue;
    const targetName = fold(item.targetName, to);
    const body = source[sourceName] as string;
    if (action === 'COMPARE' && body !== after.target[targetName]) after.differing += 1n;
    if (action === 'DELETE') delete after.target[targetName];
    // Where folders are real, a marker becomes one, and no object.
    const isObject = to !== 'dropbox' || !isMarker(sourceName, body);
    if (isObject && (action === 'ADD' || action === 'REPLACE')) after.target[targetName] = body;
    if (mode === 'MOVE' && (action !== 'SKIP' || reason === 'SAME')) delete after.source[sourceName];
  }
  return after;
}

const below = (prefix: string, tree: Tree) =>
  Object.fromEntries(Object.entries(tree).map(([name, body]) => [prefix + name, Buffer.from(body)]));
const hashes = (tree: Tree) =>
  Object.fromEntries(Object.entries(tree).map(([name, body]) => [name, sha256(Buffer.from(body))]));
/** A name as the cloud tells it from others. */
const fold = (name: string, cloud: CloudName) => (cloud === 'dropbox' ? name.toLowerCase() : name);
const folded = (tree: Tree, cloud: CloudName): Tree =>
  Object.fromEntries(Object.entries(tree).map(([name, value]) => [fold(name, cloud), value]));
