import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDb, type Db, type Prisma } from '../../../core/db.ts';
import { emptyWorkload } from '../../../queue/plan-estimate.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { createTransfer, createUser, type TestUser } from '../../../test/support/transfers.ts';
import { estimateOf } from './estimate.ts';
import { readPriceTable } from './prices.ts';

let database: TestDatabase;
let db: Db;
let user: TestUser;
const MiB = 1024 * 1024;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 2 });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

/** Of a thousand objects of 10 MiB each, which take 103.5 s if all goes well. */
async function durationOf(bandwidthLimit: bigint | null = null) {
  const bytes = 10_000 * MiB;
  const workload = { ...emptyWorkload(), objects: 1_000, bytes, relayedBytes: bytes };
  const accounts = { sourceId: user.accountId, destinationId: user.accountId };
  const order = { userId: user.userId, ...accounts, bandwidthLimit };
  return (await estimateOf(db, readPriceTable(undefined), order, workload)).duration;
}

/** A former transfer of half the objects, which take 52.25 s if all goes well. */
function former(seconds: number, data: Partial<Prisma.TransferUncheckedCreateInput> = {}) {
  const finishedAt = new Date();
  return createTransfer(db, user, {
    batches: [],
    data: {
      state: 'COMPLETED',
      objectsCompleted: 500,
      bytesAcknowledged: 5_000 * MiB,
      startedAt: new Date(finishedAt.getTime() - seconds * 1_000),
      finishedAt,
      ...data,
    },
  });
}

test('without a former transfer the range is wide, and says that it is assumed', async () => {
  user = await createUser(db);
  expect(await durationOf()).toEqual({ lowMs: 103_500, highMs: 20 * 103_500, measuredTransfers: 0 });
});

test('former transfers between the accounts narrow it, but for those that say nothing', async () => {
  user = await createUser(db);
  await former(52.25);
  expect(await durationOf()).toEqual({ lowMs: 82_800, highMs: 129_375, measuredTransfers: 1 });
  await former(104.5);
  const both = { lowMs: 82_800, highMs: 258_750, measuredTransfers: 2 };
  expect(await durationOf()).toEqual(both);
  await former(9_999, { mode: 'VERIFY' });
  await former(9_999, { state: 'CANCELLED' });
  await former(9_999, { objectsCompleted: 1, bytesAcknowledged: 1 });
  await former(9_999, { finishedAt: new Date(Date.now() - 91 * 86_400_000) });
  const other = await createUser(db);
  await former(9_999, { sourceAccountId: other.accountId });
  expect(await durationOf()).toEqual(both);
});

test('time for approval is not counted', async () => {
  user = await createUser(db);
  await former(9_999, { approvedAt: new Date(Date.now() - 52_250) });
  const { lowMs, measuredTransfers } = await durationOf();
  expect([Math.round(lowMs / 1_000), measuredTransfers]).toEqual([83, 1]);
});

test('a bandwidth limit holds for both ends of the range', async () => {
  user = await createUser(db);
  expect(await durationOf(BigInt(MiB))).toMatchObject({ lowMs: 10_000_000, highMs: 10_000_000 });
});
