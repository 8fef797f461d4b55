import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createDb, type Db } from '../core/db.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/databases.ts';
import { createSchedule } from '../test/support/schedules.ts';
import { createUser, type TestUser } from '../test/support/transfers.ts';
import { nextRun, nextRuns, runDueSchedule, scheduledOrderSchema } from './schedule.ts';

let database: TestDatabase;
let db: Db;
let user: TestUser;

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
  await db.transferSchedule.deleteMany();
  await db.cloudAccount.update({ where: { id: user.accountId }, data: { status: 'CONNECTED' } });
});

afterEach(() => {
  vi.useRealTimers();
});

const due = new Date(Date.now() - 60_000);
async function schedule(
  data: { sourcePaths?: string[]; nextRunAt?: Date | null; enabled?: boolean } = {},
): Promise<string> {
  const { sourcePaths = ['from/a/'], nextRunAt = due, enabled = true } = data;
  const order = scheduledOrderSchema.parse({
    sourcePaths,
    destinationPath: 'to/',
    mode: 'SYNC',
    options: {},
    priority: 'HIGH',
    bandwidthLimit: 40_000,
  });
  return createSchedule(db, user, { cron: '*/5 * * * *', order, nextRunAt, enabled });
}
const read = (id: string) => db.transferSchedule.findUniqueOrThrow({ where: { id } });

test('a schedule that is due orders its transfer, and is due again later', async () => {
  const id = await schedule();
  const transfer = await runDueSchedule(db);
  expect(transfer).toMatchObject({
    scheduleId: id,
    name: 'nightly',
    mode: 'SYNC',
    priority: 'HIGH',
    state: 'QUEUED',
    bandwidthLimit: 40_000n,
  });
  const row = await read(id);
  expect(row.lastTransferId).toBe(transfer?.id);
  expect(row.nextRunAt?.getTime()).toBeGreaterThan(Date.now());
  expect(await runDueSchedule(db)).toBeUndefined();
});

test.each([-3_600_000, 3_600_000])(
  'a clock that is %i ms off neither repeats a run nor leaves one out',
  async (offMs) => {
    const now = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: now + offMs });
    const id = await schedule();
    expect(await runDueSchedule(db)).toMatchObject({ scheduleId: id });
    const { nextRunAt } = await read(id);
    expect(nextRunAt?.getTime()).toBeGreaterThan(now);
    expect(nextRunAt?.getTime()).toBeLessThan(now + 2 * 5 * 60_000);
    expect(await runDueSchedule(db)).toBeUndefined();
  },
);

test('a run is left out while the transfer of the last one goes on, and that is told', async () => {
  const id = await schedule();
  const first = await runDueSchedule(db);
  await db.transferSchedule.update({ where: { id }, data: { nextRunAt: due } });
  expect(await runDueSchedule(db)).toBeNull();
  expect(await read(id)).toMatchObject({ enabled: true, lastTransferId: first?.id, errorCode: 'CONFLICT' });
  await db.transfer.update({ where: { id: first?.id as string }, data: { state: 'COMPLETED' } });
  await db.transferSchedule.update({ where: { id }, data: { nextRunAt: due } });
  expect(await runDueSchedule(db)).toMatchObject({ scheduleId: id });
  expect(await read(id)).toMatchObject({ errorCode: null });
});

test('a schedule that cannot be ordered stops and says so, and others go on', async () => {
  const broken = await schedule({ sourcePaths: ['no-slash'] });
  const good = await schedule({ nextRunAt: new Date(due.getTime() + 1_000) });
  expect(await runDueSchedule(db)).toBeNull();
  expect(await read(broken)).toMatchObject({
    ...{ enabled: false, nextRunAt: null, errorCode: 'INVALID_INPUT', lastTransferId: null },
  });
  expect(await runDueSchedule(db)).toMatchObject({ scheduleId: good });
});

test('a schedule whose zone is none any more stops and says so, and others go on', async () => {
  const broken = await schedule();
  await db.transferSchedule.update({ where: { id: broken }, data: { timeZone: 'Mars/Base' } });
  const good = await schedule({ nextRunAt: new Date(due.getTime() + 1_000) });
  expect(await runDueSchedule(db)).toBeNull();
  expect(await read(broken)).toMatchObject({ enabled: false, nextRunAt: null, errorCode: 'INVALID_INPUT' });
  expect(await runDueSchedule(db)).toMatchObject({ scheduleId: good });
});

test('a run orders nothing at an account that is being disconnected meanwhile', async () => {
  const id = await schedule();
  const running = await db.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM cloud_account WHERE id = ${user.accountId}::uuid FOR UPDATE`;
    const run = runDueSchedule(db);
    const isWaiting = () => db.$queryRaw`
      SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await expect.poll(isWaiting).toHaveLength(1);
    await tx.cloudAccount.update({ where: { id: user.accountId }, data: { status: 'DISCONNECTED' } });
    return { run };
  });
  expect(await running.run).toBeNull();
  expect(await read(id)).toMatchObject({ enabled: false, errorCode: 'CONFLICT', lastTransferId: null });
});

test('what is not enabled or not due does not run', async () => {
  await schedule({ enabled: false });
  await schedule({ nextRunAt: new Date(Date.now() + 60_000) });
  expect(await runDueSchedule(db)).toBeUndefined();
});

test('two processes order one run once', async () => {
  await schedule();
  const ran = await Promise.all([runDueSchedule(db), runDueSchedule(db), runDueSchedule(db)]);
  expect(ran.filter((one) => one !== undefined)).toHaveLength(1);
});

test('cron is read in its time zone, across a change of the clocks', () => {
  const runs = nextRuns('30 2 * * *', 'Europe/Berlin', new Date('2027-03-26T12:00:00Z'), 3);
  // On the 28th there is no half past two in Berlin.
  expect(runs.map((run) => run.toISOString())).toEqual([
    '2027-03-27T01:30:00.000Z',
    '2027-03-28T01:00:00.000Z',
    '2027-03-29T00:30:00.000Z',
  ]);
});

test.each([
  ['* * * *', 'UTC', /is not a cron expression/],
  ['@daily', 'UTC', /is not a cron expression/],
  ['* * * * * *', 'UTC', /is not a cron expression/],
  ['61 * * * *', 'UTC', /is not a cron expression/],
  ['x'.repeat(200), 'UTC', /is not a cron expression/],
  ['0 0 30 2 *', 'UTC', /never fires/],
  ['0 0 * * *', 'Mars/Base', /is not a time zone/],
  ['0 0 * * *', '+02:00', /is not a time zone/],
])('%s in %s is refused', (cron, timeZone, message) => {
  expect(() => nextRun(cron, timeZone, new Date())).toThrow(message);
});
