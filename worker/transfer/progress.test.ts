import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDb, type Db } from '../../core/db.ts';
import { createLogger } from '../../core/log.ts';
import { createRedis } from '../../core/redis.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from '../../test/support/databases.ts';
import { createTransfer, createUser } from '../../test/support/transfers.ts';
import { Ledger } from './progress.ts';
import { RateMeter } from './rate-meter.ts';
import { createSharedBandwidth } from './shared-bandwidth.ts';
import { takeBatch } from './take-batch.ts';

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 4 });
});

afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

test('an item that the database refuses for its content fails alone; the batch is held, written and let go', async () => {
  const user = await createUser(db);
  const transferId = await createTransfer(db, user, { batches: [3], sizeBytes: 1_000 });
  await db.transferBatch.updateMany({
    where: { transferId },
    data: { state: 'ADMITTED', leaseUntil: new Date(Date.now() + 30_000) },
  });
  const taken = await takeBatch(db, { transferId, batchNumber: 0, attempt: 1 });
  const [bad, ended, good] = taken?.items ?? [];
  if (!bad || !ended || !good) throw new Error('three items');
  const redis = createRedis((await createTestRedis()).url);
  const ledger = new Ledger({
    ...{ db, log: createLogger('test', 'silent'), meter: new RateMeter(), publish: () => {} },
    bandwidth: createSharedBandwidth(redis),
  });
  const run = ledger.open(transferId, 0, 1);
  bad.state = 'RUNNING';
  bad.version = { etag: '"a\0"' };
  ended.state = 'CANCELLED';
  ended.version = { etag: '"\ud800"' };
  good.state = 'RUNNING';
  for (const item of [bad, ended, good]) run.touch(item);
  await run.flush();
  expect(run.signal.aborted).toBe(false);
  expect(bad.refused).toMatchObject({ code: 'ENDPOINT_INVALID' });
  const states = async () =>
    (await db.transferItem.findMany({ where: { transferId }, orderBy: { ordinal: 'asc' } })).map(
      ({ state, errorCode }) => [state, errorCode],
    );
  expect(await states()).toEqual([
    ['PENDING', null],
    ['FAILED', 'ENDPOINT_INVALID'],
    ['RUNNING', null],
  ]);
  // Whoever moves the item learns of it with the next bytes.
  expect(() => run.acknowledge(bad, 1)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  if (bad.refused) bad.fail(bad.refused);
  good.state = 'CANCELLED';
  for (const item of [bad, good]) run.touch(item);
  await run.finish('DONE');
  expect(await states()).toEqual([
    ['FAILED', 'ENDPOINT_INVALID'],
    ['FAILED', 'ENDPOINT_INVALID'],
    ['CANCELLED', null],
  ]);
  expect(await db.transferBatch.findMany({ where: { transferId } })).toMatchObject([{ state: 'DONE' }]);
  redis.disconnect();
});
