import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDb, type Db } from '../../../core/db.ts';
import { parseDestination, parsePath } from '../../../queue/path.ts';
import { firstCheckpoint, type PlanCheckpoint } from '../../../queue/plan-checkpoint.ts';
import type { Entry } from '../../../storage/provider.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { createTransfer, createUser, type TestUser } from '../../../test/support/transfers.ts';
import { nameHash, takenNames } from './names.ts';
import { PlanPage, writePage } from './page.ts';
import { Section } from './section.ts';

let database: TestDatabase;
let db: Db;
let user: TestUser;
let transferId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 4 });
  user = await createUser(db);
});

afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

beforeEach(async () => {
  transferId = await createTransfer(db, user, { batches: [], data: { listingComplete: false, planFence: 1 } });
});

const section = new Section(parsePath('from/folder/'), parseDestination('to/'));
const entry = (name: string, sizeBytes = 10): Entry => ({
  kind: 'file',
  key: `folder/${name}`,
  sizeBytes,
  modifiedAt: null,
  version: { etag: `"${name.length}"` },
  digests: {},
  storageClass: null,
});
const first = firstCheckpoint(['from/folder/']);
function pageOf(checkpoint: PlanCheckpoint, nextBatch: number, entries: Entry[]): PlanPage {
  const page = new PlanPage(checkpoint.nextOrdinal, nextBatch);
  for (const { key, sizeBytes, version, modifiedAt } of entries) {
    page.add({
      source: { container: 'from', key },
      destination: { container: 'to', key: section.destinationKeyOf(key) },
      sizeBytes,
      modifiedAt,
      version,
      action: 'WRITE',
      reason: null,
      destinationVersion: null,
      sourceRemoval: null,
    });
  }
  return page;
}
const at = (cursor: string | null, nextOrdinal: number): PlanCheckpoint => ({
  ...first,
  remaining: cursor === null ? [] : [{ path: 0, cursor, destinationCursor: null, after: null }],
  nextOrdinal,
});
const transfer = () => db.transfer.findUniqueOrThrow({ where: { id: transferId } });
const items = () => db.transferItem.findMany({ where: { transferId }, orderBy: { ordinal: 'asc' } });

test('a page is committed with the place behind it, and counted', async () => {
  const page = pageOf(first, 0, [entry('a'), entry('b', 6_000_000_000), entry('c')]);
  const written = await writePage(db, { transferId, attempt: 1, before: null }, page, new Map(), at('x', 3), false);
  expect(written?.row).toMatchObject({ objectsListed: 3n, bytesListed: 6_000_000_020n, listingComplete: false });
  expect(await transfer()).toMatchObject({ planCheckpoint: at('x', 3), batchesListed: 3 });
  expect(await items()).toMatchObject([
    {
      ordinal: 0,
      batchNumber: 0,
      sourceKey: 'folder/a',
      destinationContainer: 'to',
      destinationKey: 'folder/a',
      sourceVersion: { etag: '"1"' },
    },
    { ordinal: 1, batchNumber: 1, sizeBytes: 6_000_000_000n },
    { ordinal: 2, batchNumber: 2 },
  ]);
  expect(await db.transferBatch.findMany({ where: { transferId }, orderBy: { number: 'asc' } })).toMatchObject([
    { number: 0, state: 'READY', itemCount: 1, sizeBytes: 10n },
    { number: 1, itemCount: 1, sizeBytes: 6_000_000_000n },
    { number: 2, itemCount: 1 },
  ]);
});

test('a page that was written before is not written again, whoever tries', async () => {
  const page = pageOf(first, 0, [entry('a')]);
  const plan = { transferId, attempt: 1, before: null };
  expect(await writePage(db, plan, page, new Map(), at('x', 1), false)).not.toBeNull();
  expect(await writePage(db, plan, page, new Map(), at('x', 1), false)).toBeNull();
  expect(await items()).toHaveLength(1);
  const next = pageOf(at('x', 1), 1, [entry('b')]);
  expect(await writePage(db, { ...plan, before: at('x', 1) }, next, new Map(), at(null, 2), true)).not.toBeNull();
  expect(await transfer()).toMatchObject({
    objectsListed: 2n,
    batchesListed: 2,
    listingComplete: true,
    state: 'RUNNING',
  });
});

test.each([
  ['of an older attempt', { attempt: 2 }],
  ['that never took the plan', { planFence: 0 }],
  ['of a paused transfer', { state: 'PAUSED' as const }],
])('a planner %s writes nothing', async (_, data) => {
  await db.transfer.update({ where: { id: transferId }, data });
  const page = pageOf(first, 0, [entry('a')]);
  const name = nameHash('to', 'folder/a', { caseSensitive: true } as never);
  expect(
    await writePage(db, { transferId, attempt: 1, before: null }, page, new Map([[name, 0]]), at(null, 1), true),
  ).toBeNull();
  expect(await items()).toEqual([]);
  expect(await takenNames(db, transferId, [name])).toEqual(new Map());
});

test('the end of a listing of nothing ends the transfer', async () => {
  const written = await writePage(
    db,
    { transferId, attempt: 1, before: null },
    pageOf(first, 0, []),
    new Map(),
    at(null, 0),
    true,
  );
  expect(written?.row).toMatchObject({ state: 'COMPLETED' });
});

test('names are given away once; where case is ignored, in any case and normal form', async () => {
  const sensitive = { caseSensitive: true } as never;
  const ignoring = { caseSensitive: false } as never;
  expect(nameHash('to', 'A', sensitive)).not.toBe(nameHash('to', 'a', sensitive));
  expect(nameHash('to', 'Straße/É', ignoring)).toBe(nameHash('to', 'straße/e\u0301', ignoring));
  expect(nameHash('to', 'a', sensitive)).not.toBe(nameHash('other', 'a', sensitive));
  const [given, free] = [nameHash('to', 'x', sensitive), nameHash('to', 'y', sensitive)];
  await writePage(
    db,
    { transferId, attempt: 1, before: null },
    pageOf(first, 0, []),
    new Map([[given, 7]]),
    at('x', 0),
    false,
  );
  expect(await takenNames(db, transferId, [given, free])).toEqual(new Map([[given, 7]]));
});

test('what Postgres cannot keep in text is made visible instead', async () => {
  const page = pageOf(first, 0, [entry('nul\0')]);
  await writePage(db, { transferId, attempt: 1, before: null }, page, new Map(), at('x', 1), false);
  expect(await items()).toMatchObject([{ sourceKey: 'folder/nul\uFFFD' }]);
});
