import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createDb, type Db, type TransferState } from '../core/db.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/databases.ts';
import { cancelTransfer, pauseTransfer, resumeTransfer, type SubmitTransfer, submitTransfer } from './transfer.ts';

let database: TestDatabase;
let db: Db;
let request: SubmitTransfer;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 4 });
  const { id: userId } = await db.user.create({ data: { email: 'a@example.org', name: 'A' } });
  const account = () => db.cloudAccount.create({ data: { userId, provider: 'S3', name: 'x', identity: 'x' } });
  const [source, destination] = [await account(), await account()];
  request = {
    userId,
    sourceAccountId: source.id,
    destinationAccountId: destination.id,
    sourcePaths: ['from/photos/'],
    destinationPath: 'to/',
  };
});

afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

const submit = (changes: Partial<SubmitTransfer> = {}) =>
  db.$transaction((tx) => submitTransfer(tx, { ...request, ...changes }));
type Step = typeof pauseTransfer;
const step = (how: Step, id: string) => db.$transaction((tx) => how(tx, id));
const inState = async (state: TransferState, data: Parameters<Db['transfer']['update']>[0]['data'] = {}) => {
  const { id } = await submit();
  await db.outbox.deleteMany();
  return db.transfer.update({ where: { id }, data: { state, ...data } });
};
const planJobs = (id: string) => db.outbox.findMany({ where: { jobId: { startsWith: `t-${id}-` } } });

test('submitting writes the transfer and the promise to plan it, together', async () => {
  const row = await submit({ priority: 'HIGH' });
  expect(row).toMatchObject({
    state: 'QUEUED',
    attempt: 1,
    sequence: 1n,
    name: 'photos to to/',
    listingComplete: false,
  });
  expect(await planJobs(row.id)).toMatchObject([
    { jobName: 'transfer.plan', jobId: `t-${row.id}-1`, payload: { transferId: row.id, attempt: 1 }, priority: 4 },
  ]);
});

test('the promise to plan is kept watch over from now on by the clock of the database, whatever that of the API says', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
  try {
    const { id } = await db.$transaction((tx) => submitTransfer(tx, request));
    const [lease] = await db.$queryRaw<{ seconds: number }[]>`
      SELECT extract(epoch FROM plan_lease_until - now())::float8 AS seconds FROM transfer WHERE id = ${id}::uuid`;
    expect(lease?.seconds).toBeLessThanOrEqual(15);
  } finally {
    vi.useRealTimers();
  }
});

test('nothing is left of a submission whose transaction is rolled back', async () => {
  let id = '';
  const rollBack = db.$transaction(async (tx) => {
    id = (await submitTransfer(tx, request)).id;
    throw new Error('changed my mind');
  });
  await expect(rollBack).rejects.toThrow('changed my mind');
  expect(await db.transfer.findUnique({ where: { id } })).toBeNull();
  expect(await planJobs(id)).toEqual([]);
});

test('a start in the future is a schedule', async () => {
  const startAt = new Date(Date.now() + 3_600_000);
  const row = await submit({ startAt });
  expect(row).toMatchObject({ state: 'SCHEDULED', startAt });
  expect(await planJobs(row.id)).toMatchObject([{ availableAt: startAt }]);
  expect(await submit({ startAt: new Date(0) })).toMatchObject({ state: 'QUEUED', startAt: null });
});

test.each<[string, Partial<SubmitTransfer>, string, string]>([
  ['no source', { sourcePaths: [] }, 'INVALID_INPUT', 'sourcePaths'],
  ['a wrong source', { sourcePaths: ['nothing'] }, 'INVALID_INPUT', 'sourcePaths'],
  ['a destination that is no folder', { destinationPath: 'to/x' }, 'INVALID_INPUT', 'destinationPath'],
  ['an account that is not there', { sourceAccountId: randomUUID() }, 'NOT_FOUND', 'sourceAccountId'],
  ["another user's account", { userId: randomUUID() }, 'NOT_FOUND', 'sourceAccountId'],
])('%s is refused', async (_, changes, code, field) => {
  await expect(submit(changes)).rejects.toMatchObject({ code, field: [field] });
});

test('a source that holds its own destination is refused', async () => {
  const within = { destinationAccountId: request.sourceAccountId, destinationPath: 'from/photos/copy/' };
  await expect(submit(within)).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['destinationPath'] });
  await expect(submit({ ...within, destinationPath: 'from/copy/' })).resolves.toMatchObject({ state: 'QUEUED' });
});

test('two accounts of one store are one when it comes to what a transfer writes', async () => {
  const connect = async (settings: { endpoint?: string }, identity: string) => {
    const data = { userId: request.userId, provider: 'S3', name: 'x', identity, settings } as const;
    return (await db.cloudAccount.create({ data })).id;
  };
  const within = {
    sourceAccountId: await connect({ endpoint: 'https://store.example' }, 'one key'),
    destinationPath: 'from/photos/copy/',
  };
  const same = await connect({ endpoint: 'https://store.example/' }, 'another key');
  await expect(submit({ ...within, destinationAccountId: same })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    field: ['destinationPath'],
  });
  const other = await connect({ endpoint: 'https://store.example:9000' }, 'one key');
  await expect(submit({ ...within, destinationAccountId: other })).resolves.toMatchObject({ state: 'QUEUED' });
});

test('a disconnected account is refused', async () => {
  const { id } = await db.cloudAccount.create({
    data: { userId: request.userId, provider: 'S3', name: 'x', identity: 'x', status: 'DISCONNECTED' },
  });
  await expect(submit({ destinationAccountId: id })).rejects.toMatchObject({ code: 'CONFLICT' });
});

const states: TransferState[] = [
  'SCHEDULED',
  'QUEUED',
  'RUNNING',
  'PAUSED',
  'COMPLETED',
  'COMPLETED_WITH_ERRORS',
  'FAILED',
  'CANCELLED',
];
const table: [string, Step, Partial<Record<TransferState, TransferState>>][] = [
  ['pause', pauseTransfer, { SCHEDULED: 'PAUSED', QUEUED: 'PAUSED', RUNNING: 'PAUSED', PAUSED: 'PAUSED' }],
  ['resume', resumeTransfer, { PAUSED: 'QUEUED', SCHEDULED: 'SCHEDULED', QUEUED: 'QUEUED', RUNNING: 'RUNNING' }],
  [
    'cancel',
    cancelTransfer,
    { SCHEDULED: 'CANCELLED', QUEUED: 'CANCELLED', RUNNING: 'CANCELLED', PAUSED: 'CANCELLED', CANCELLED: 'CANCELLED' },
  ],
];
const cases = table.flatMap(([name, how, allowed]) =>
  states.map((state) => ({ name, how, state, next: allowed[state] })),
);

test.each(cases)('$name of a transfer that is $state: $next', async ({ how, state, next }) => {
  const before = await inState(state);
  if (next === undefined) {
    await expect(step(how, before.id)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await db.transfer.findUnique({ where: { id: before.id } })).toEqual(before);
    return;
  }
  const after = await step(how, before.id);
  expect(after.state).toBe(next);
  // Asking for what holds already changes nothing, so that a repeated request is harmless.
  expect(after.sequence).toBe(state === next ? before.sequence : before.sequence + 1n);
});

test('a conflict says in which state the transfer is', async () => {
  const { id } = await inState('COMPLETED_WITH_ERRORS');
  await expect(step(pauseTransfer, id)).rejects.toThrow('completed with errors');
  await expect(step(pauseTransfer, randomUUID())).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('resuming promises a new attempt at the listing, under a new job id', async () => {
  const { id } = await inState('PAUSED', { startedAt: new Date() });
  expect(await step(resumeTransfer, id)).toMatchObject({ state: 'RUNNING', attempt: 2 });
  expect(await planJobs(id)).toMatchObject([{ jobId: `t-${id}-2` }]);
});

test('resuming before the start time is a schedule again', async () => {
  const startAt = new Date(Date.now() + 3_600_000);
  const { id } = await inState('PAUSED', { startAt });
  expect(await step(resumeTransfer, id)).toMatchObject({ state: 'SCHEDULED' });
  expect(await planJobs(id)).toMatchObject([{ availableAt: startAt }]);
});

test('resuming what was moved to its end while it was paused ends it', async () => {
  const { id } = await inState('PAUSED', {
    startedAt: new Date(),
    listingComplete: true,
    batchesListed: 2,
    batchesDone: 2,
    objectsCompleted: 1,
  });
  const row = await step(resumeTransfer, id);
  expect(row).toMatchObject({ state: 'COMPLETED', finishedAt: expect.any(Date) });
  expect(await planJobs(id)).toEqual([]);
});

test('what a destination tells apart by case alone counts as one where it does not', async () => {
  const { userId } = request;
  const folding = await db.cloudAccount.create({
    data: { userId, provider: 'DROPBOX', name: 'd', identity: 'd', capabilities: { caseSensitive: false } },
  });
  const mirror = { mode: 'SYNC', sourcePaths: ['from/x/A/', 'from/y/a/'] } as const;
  await expect(submit({ ...mirror, destinationAccountId: folding.id })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    field: ['sourcePaths'],
  });
  await expect(submit(mirror)).resolves.toMatchObject({ state: 'QUEUED' });
  const itself = { sourceAccountId: folding.id, destinationAccountId: folding.id, mode: 'MOVE' } as const;
  await expect(
    submit({ ...itself, sourcePaths: ['dropbox/A/x/'], destinationPath: 'dropbox/a/' }),
  ).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['destinationPath'] });
});

test('a move of what lies in two of its sources is refused, because it can go to one place only', async () => {
  const move = (...sourcePaths: string[]) => submit({ mode: 'MOVE', sourcePaths });
  for (const sources of [
    ['from/photos/', 'from/photos/a'],
    ['from/photos/a/b/', 'from/photos/'],
    ['from/', 'from/photos/a/b'],
  ]) {
    await expect(move(...sources)).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['sourcePaths'] });
    await expect(submit({ sourcePaths: sources })).resolves.toMatchObject({ state: 'QUEUED' });
  }
  await expect(move('from/photos/', 'from/photos2/', 'from/photo', 'other/photos/')).resolves.toMatchObject({
    state: 'QUEUED',
  });
  // Both bring the same objects to the same places, so the inner one is left out.
  await expect(move('from/', 'from/photos/')).resolves.toMatchObject({ sourcePaths: ['from/'] });
});

test('what a source does not tell apart by case counts as one when it is moved', async () => {
  const data = { userId: request.userId, provider: 'DROPBOX', name: 'd', identity: 'm' } as const;
  const folding = await db.cloudAccount.create({ data: { ...data, capabilities: { caseSensitive: false } } });
  const move = { mode: 'MOVE', sourceAccountId: folding.id, sourcePaths: ['dropbox/A/', 'dropbox/a/x'] } as const;
  await expect(submit(move)).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['sourcePaths'] });
});
