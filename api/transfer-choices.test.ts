import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { mutate, orderWithin, step, waiting } from '../test/support/transfer-orders.ts';
import { idOfType } from './global-id.ts';
import { maxSchedules } from './types/transfer-schedule.ts';

let api: TestApi;
let store: TestStore;
let token: string;
let account: string;

beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  ({ token } = await api.signUp('Ann'));
  account = await api.connect(token, store, 'Photos');
});

beforeEach(async () => {
  await api.db.transferSchedule.deleteMany();
});

afterAll(async () => {
  await api?.close();
  await store?.close();
});

const errors = 'userErrors { field code message remedy }';
const plan = `mutation ($input: PlanTransferInput!) { planTransfer(input: $input) { transfer { id state mode isDryRun canApprove approvedAt
  options { conflictPolicy filter { include exclude minSize modifiedAfter } keep { userMetadata } names verification maxTries concurrency deletionLimit { objects share } routes }
  planTotals { action objects } progress { sequence } } ${errors} } }`;

test('what was chosen is kept, and the rest is as described', async () => {
  const { transfer } = await mutate(
    api,
    plan,
    orderWithin(account, {
      mode: 'SYNC',
      options: {
        filter: { include: ['**/*.jpg'], minSize: '10', modifiedAfter: '2026-01-01T00:00:00Z' },
        keep: { userMetadata: false },
        deletionLimit: { objects: 5 },
        concurrency: 12,
      },
    }),
    token,
  );
  expect(transfer).toMatchObject({
    mode: 'SYNC',
    isDryRun: true,
    canApprove: false,
    approvedAt: null,
    options: {
      conflictPolicy: 'OVERWRITE_IF_DIFFERENT',
      filter: { include: ['**/*.jpg'], exclude: [], minSize: '10', modifiedAfter: '2026-01-01T00:00:00.000Z' },
      keep: { userMetadata: false },
      names: 'REFUSE',
      verification: 'STANDARD',
      maxTries: 3,
      concurrency: 12,
      deletionLimit: { objects: 5, share: 0.5 },
    },
    planTotals: [],
  });
});

test.each<[string, object, string[], RegExp]>([
  [
    'a glob that does not parse',
    { options: { filter: { exclude: ['[a'] } } },
    ['options', 'filter', 'exclude'],
    /not a glob/,
  ],
  ...['\0', 'half of a character \ud83d'].map((glob): [string, object, string[], RegExp] => [
    `a glob that no name can match, ${JSON.stringify(glob)},`,
    { options: { filter: { include: [glob] } } },
    ['options', 'filter', 'include'],
    /not a glob/,
  ]),
  [
    'sizes that exclude one another',
    { options: { filter: { minSize: '2', maxSize: '1' } } },
    ['options', 'filter', 'maxSize'],
    /No object/,
  ],
  [
    'a negative limit',
    { mode: 'SYNC', options: { deletionLimit: { objects: -1 } } },
    ['options', 'deletionLimit', 'objects'],
    /^`deletionLimit\.objects` must be at least 0\.$/,
  ],
  ...(['minSize', 'maxSize'] as const).map((field): [string, object, string[], RegExp] => [
    `less than no bytes for ${field}`,
    { options: { filter: { [field]: '-5' } } },
    ['options', 'filter', field],
    new RegExp(`^\`filter\\.${field}\` must be at least 0\\.$`),
  ]),
  ['a negative bandwidth limit', { bandwidthLimit: '-5' }, ['bandwidthLimit'], /at least 32768 bytes .* Choose more/],
  ...(['olderThan', 'newerThan'] as const).map((field): [string, object, string[], RegExp] => [
    `more than 100 years for ${field}`,
    { options: { filter: { [field]: 'P36601D' } } },
    ['options', 'filter', field],
    new RegExp(`^\`filter\\.${field}\` must be at most 100 years\\.$`),
  ]),
  ['no object at a time', { options: { concurrency: 0 } }, ['options', 'concurrency'], /must be at least 1\.$/],
  ['too many at a time', { options: { concurrency: 10_001 } }, ['options', 'concurrency'], /must be at most 10000\.$/],
  ['no tries at all', { options: { maxTries: 0 } }, ['options', 'maxTries'], /maxTries/],
  [
    'a mirror that skips',
    { mode: 'SYNC', options: { conflictPolicy: 'SKIP' } },
    ['options', 'conflictPolicy'],
    /mirror/,
  ],
  [
    'a policy for writing where nothing is written',
    { mode: 'VERIFY', options: { conflictPolicy: 'SKIP' } },
    ['options', 'conflictPolicy'],
    /compared/,
  ],
  [
    'a limit for deletions where nothing is deleted',
    { options: { deletionLimit: { objects: 5 } } },
    ['options', 'deletionLimit'],
    /mirror/,
  ],
  [
    'mirrors of two sources in one place',
    { mode: 'SYNC', sourcePaths: ['photos/a/', 'photos/b/a/'] },
    ['sourcePaths'],
    /place of another source/,
  ],
])('%s is refused at its field', async (_, more, field, message) => {
  const { transfer, userErrors } = await mutate(api, plan, orderWithin(account, more), token);
  expect(transfer).toBeNull();
  expect(userErrors).toMatchObject([
    { code: 'INVALID_INPUT', field: ['input', ...field], message: expect.stringMatching(message) },
  ]);
});

test('a plan is approved once it waits for that, by its owner', async () => {
  const { transfer } = await mutate(api, plan, orderWithin(account), token);
  const early = await mutate(api, step('approveTransfer'), { id: transfer.id }, token);
  expect(early.userErrors).toMatchObject([{ code: 'CONFLICT' }]);
  const id = idOfType('Transfer', transfer.id) ?? '';
  await api.db.transfer.update({
    where: { id },
    data: { state: 'AWAITING_APPROVAL', listingComplete: true, batchesListed: 1 },
  });
  await api.db.transferBatch.create({
    data: { transferId: id, number: 0, state: 'HELD', itemCount: 1, sizeBytes: 0 },
  });
  const approved = await mutate(api, step('approveTransfer'), { id: transfer.id }, token);
  expect(approved).toMatchObject({ transfer: { state: 'RUNNING' }, userErrors: [] });
  expect(await api.db.transferBatch.findFirst({ where: { transferId: id } })).toMatchObject({ state: 'READY' });
  const again = await mutate(api, step('approveTransfer'), { id: transfer.id }, token);
  expect(again.userErrors).toEqual([]);
});

const createSchedule = `mutation ($input: CreateTransferScheduleInput!) { createTransferSchedule(input: $input) {
  schedule { id name cron timeZone isEnabled nextRuns(first: 2) sourcePaths destinationPath mode priority } ${errors} } }`;

test('a schedule is made, changed and deleted; a repeated key makes no second one', async () => {
  const input = {
    ...orderWithin(account, { mode: 'SYNC', name: 'Nightly' }),
    cron: '0 3 * * *',
    timeZone: 'Europe/Berlin',
    idempotencyKey: randomUUID(),
  };
  const ask = async (document: string, variables: object) => {
    const answer = await api.query(document, { input: variables }, { token });
    expect(answer.errors).toBeUndefined();
    return Object.values(answer.data)[0] as { schedule: Record<string, unknown> | null; userErrors: object[] };
  };
  const { schedule } = await ask(createSchedule, input);
  expect(schedule).toMatchObject({ name: 'Nightly', cron: '0 3 * * *', isEnabled: true, mode: 'SYNC' });
  expect(schedule?.nextRuns).toHaveLength(2);
  expect((await ask(createSchedule, input)).schedule?.id).toBe(schedule?.id);
  const listed = await api.query('{ viewer { transferSchedules(first: 5) { nodes { id } } } }', {}, { token });
  expect(listed.data.viewer.transferSchedules.nodes).toEqual([{ id: schedule?.id }]);
  const update = `mutation ($input: UpdateTransferScheduleInput!) { updateTransferSchedule(input: $input) {
    schedule { isEnabled nextRuns } ${errors} } }`;
  const off = await ask(update, { id: schedule?.id, isEnabled: false });
  expect(off.schedule).toEqual({ isEnabled: false, nextRuns: [] });
  const wrong = await ask(update, { id: schedule?.id, cron: '0 0 30 2 *' });
  expect(wrong.userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'cron'] }]);
  const id = idOfType('TransferSchedule', String(schedule?.id)) ?? '';
  const due = new Date(Date.now() - 60_000);
  await api.db.transferSchedule.update({ where: { id }, data: { enabled: true, nextRunAt: due } });
  expect((await ask(update, { id: schedule?.id, name: 'Every night' })).userErrors).toEqual([]);
  expect(await api.db.transferSchedule.findUnique({ where: { id } })).toMatchObject({
    name: 'Every night',
    nextRunAt: due,
  });
  const late = await api.db.$transaction(async (tx) => {
    const row = await tx.transferSchedule.delete({ where: { id } });
    const changing = ask(update, { id: schedule?.id, name: 'Too late' });
    await expect.poll(() => waiting(api)).toHaveLength(1);
    return { row, changing };
  });
  expect((await late.changing).userErrors).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'id'] }]);
  await api.db.transferSchedule.create({ data: { ...late.row, order: late.row.order as object } });
  const remove = `mutation ($input: DeleteTransferScheduleInput!) { deleteTransferSchedule(input: $input) { schedule { id } ${errors} } }`;
  expect((await ask(remove, { id: schedule?.id })).schedule).toEqual({ id: schedule?.id });
  expect((await ask(remove, { id: schedule?.id })).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
  expect((await ask(createSchedule, input)).userErrors).toMatchObject([
    { code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'] },
  ]);
});

test('a schedule tells what is chosen about its transfers', async () => {
  const document = `mutation ($input: CreateTransferScheduleInput!) { createTransferSchedule(input: $input) {
    schedule { mode options { conflictPolicy concurrency filter { include exclude minSize olderThan } keep { tags } } } ${errors} } }`;
  const options = {
    conflictPolicy: 'SKIP',
    concurrency: 7,
    filter: { include: ['**/*.jpg'], minSize: '10', olderThan: 'P30D' },
    keep: { tags: true },
  };
  const input = orderWithin(account, { options, cron: '0 3 * * *' });
  const { data } = await api.query(document, { input }, { token });
  expect(data.createTransferSchedule).toEqual({
    schedule: { mode: 'COPY', options: { ...options, filter: { ...options.filter, exclude: [] } } },
    userErrors: [],
  });
});

test('a schedule keeps the limits of its transfers, which may change', async () => {
  const fields = `id priority bandwidthLimit options { concurrency }`;
  const mutation = async (name: string, input: object) => {
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
    const document = `mutation ($input: ${type}!) { ${name}(input: $input) { schedule { ${fields} } ${errors} } }`;
    const answer = await api.query(document, { input }, { token });
    expect(answer.errors).toBeUndefined();
    return answer.data[name];
  };
  const order = orderWithin(account, { cron: '0 3 * * *', bandwidthLimit: '50000', idempotencyKey: randomUUID() });
  const { schedule } = await mutation('createTransferSchedule', order);
  expect(schedule).toMatchObject({ bandwidthLimit: '50000', priority: 'NORMAL' });
  expect((await mutation('createTransferSchedule', order)).schedule.id).toBe(schedule.id);
  const low = await mutation('updateTransferSchedule', { id: schedule.id, bandwidthLimit: '10' });
  expect(low.userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'bandwidthLimit'] }]);
  // More than a number in JSON holds exactly, and less than a ByteSize may be.
  const beyond = orderWithin(account, { cron: '0 3 * * *', bandwidthLimit: '9007199254740993' });
  expect((await mutation('createTransferSchedule', beyond)).userErrors).toMatchObject([
    { code: 'INVALID_INPUT', field: ['input', 'bandwidthLimit'], message: expect.stringContaining('at most') },
  ]);
  const changed = await mutation('updateTransferSchedule', {
    id: schedule.id,
    bandwidthLimit: '70000',
    priority: 'LOW',
  });
  expect(changed.schedule).toMatchObject({ bandwidthLimit: '70000', priority: 'LOW' });
  const renamed = await mutation('updateTransferSchedule', { id: schedule.id, name: 'Slow' });
  expect(renamed.schedule).toMatchObject({ bandwidthLimit: '70000', priority: 'LOW' });
  const nameless = await mutation('updateTransferSchedule', { id: schedule.id, name: ' ' });
  expect(nameless.userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'name'] }]);
  const free = await mutation('updateTransferSchedule', { id: schedule.id, bandwidthLimit: null });
  expect(free.schedule).toMatchObject({ bandwidthLimit: null, priority: 'LOW' });
  const none = await mutation('updateTransferSchedule', { id: schedule.id, concurrency: 0 });
  expect(none.userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'concurrency'] }]);
  const few = await mutation('updateTransferSchedule', { id: schedule.id, concurrency: 3 });
  expect(few.schedule).toMatchObject({ options: { concurrency: 3 }, priority: 'LOW' });
  const unbounded = await mutation('updateTransferSchedule', { id: schedule.id, concurrency: null });
  expect(unbounded.schedule).toMatchObject({ options: { concurrency: null }, priority: 'LOW' });

  const id = idOfType('TransferSchedule', schedule.id) ?? '';
  const together = await api.db.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM transfer_schedule WHERE id = ${id}::uuid FOR UPDATE`;
    const changes = [{ priority: 'HIGH' }, { bandwidthLimit: '80000' }];
    const changing = changes.map((change) => mutation('updateTransferSchedule', { id: schedule.id, ...change }));
    await expect.poll(() => waiting(api)).toHaveLength(2);
    return { changing };
  });
  await Promise.all(together.changing);
  const both = await mutation('updateTransferSchedule', { id: schedule.id });
  expect(both.schedule).toMatchObject({ bandwidthLimit: '80000', priority: 'HIGH' });
});

test('two schedules that are made at once are not one too many', async () => {
  const ben = await api.signUp('Ben');
  const own = await api.connect(ben.token, store, 'Photos');
  const input = orderWithin(own, { cron: '0 3 * * *' });
  const make = async () =>
    (await api.query(createSchedule, { input }, { token: ben.token })).data.createTransferSchedule;
  const first = idOfType('TransferSchedule', (await make()).schedule.id) ?? '';
  const { id: _, order, ...row } = await api.db.transferSchedule.findUniqueOrThrow({ where: { id: first } });
  await api.db.transferSchedule.createMany({
    data: Array.from({ length: maxSchedules - 2 }, () => ({ ...row, order: order as object })),
  });
  const { making } = await api.db.$transaction(async (tx) => {
    // Counted, but not written, while that lasts.
    await tx.$executeRaw`LOCK TABLE transfer_schedule IN SHARE MODE`;
    const making = [make(), make()];
    await expect.poll(() => waiting(api)).toHaveLength(2);
    return { making };
  });
  const made = await Promise.all(making);
  expect(made.filter(({ schedule }) => schedule !== null)).toHaveLength(1);
  expect(made.flatMap(({ userErrors }) => userErrors)).toMatchObject([{ code: 'CONFLICT' }]);
  expect(await api.db.transferSchedule.count({ where: { userId: row.userId } })).toBe(maxSchedules);
});

test('the next runs of a schedule are told before it is made', async () => {
  const document = `query ($cron: String!, $timeZone: String!) { nextScheduleRuns(cron: $cron, timeZone: $timeZone, first: 3) }`;
  const runs = async (cron: string, timeZone: string) => api.query(document, { cron, timeZone }, { token });
  const { data } = await runs('30 3 * * *', 'Asia/Tokyo');
  expect(data.nextScheduleRuns.map((time: string) => time.slice(10))).toEqual(Array(3).fill('T18:30:00.000Z'));
  expect((await runs('0 0 30 2 *', 'UTC')).data.nextScheduleRuns).toEqual([]);
  for (const [cron, timeZone] of [
    ['every day', 'UTC'],
    ['0 3 * * *', 'Nowhere'],
  ] as const) {
    expect((await runs(cron, timeZone)).errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
  }
  for (const first of [-1, 0, 21]) {
    const counted = `{ nextScheduleRuns(cron: "0 3 * * *", timeZone: "UTC", first: ${first}) }`;
    const { errors: refused } = await api.query(counted, {}, { token });
    expect(refused).toMatchObject([
      { message: expect.stringContaining('1 and 20'), extensions: { code: 'INVALID_INPUT' } },
    ]);
  }
});

test.each([
  ['2027-02-29T00:00:00Z', false],
  ['2026-02-31T00:00:00+02:00', false],
  ['2026-04-31T12:00Z', false],
  ['2028-02-29T23:59:59.999-11:00', true],
  ['2026-12-31T00:00Z', true],
])('%s is a time: %s', async (modifiedAfter, isTime) => {
  const input = orderWithin(account, { options: { filter: { modifiedAfter } } });
  const { data, errors: refused } = await api.query(plan, { input }, { token });
  if (isTime) {
    expect(data.planTransfer.transfer.options.filter.modifiedAfter).toBe(new Date(modifiedAfter).toISOString());
  } else {
    expect(refused).toMatchObject([{ message: expect.stringContaining('of a day that exists') }]);
  }
});

test('what a pair would not keep is told before the order, of own accounts only', async () => {
  const document =
    'query ($source: ID!, $destination: ID!) { transferFidelity(sourceAccountId: $source, destinationAccountId: $destination) { code message } }';
  const variables = { source: account, destination: account };
  const own = await api.query(document, variables, { token });
  expect(own.data.transferFidelity).toEqual(expect.any(Array));
  const { token: stranger } = await api.signUp('Stranger');
  const foreign = await api.query(document, variables, { token: stranger });
  expect(foreign.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
});

test('the sources that a move kept are counted once it has ended, and listed', async () => {
  const { transfer } = await mutate(api, plan, orderWithin(account, { mode: 'MOVE' }), token);
  const transferId = idOfType('Transfer', transfer.id) as string;
  const item = { transferId, batchNumber: 0, sourceContainer: 'a', destinationContainer: 'b', sizeBytes: 1 };
  await api.db.transferItem.createMany({
    data: (['KEPT', 'REMOVED', 'KEPT'] as const).map((sourceRemoval, ordinal) => ({
      ...{ ...item, ordinal, sourceRemoval, state: 'COMPLETED' as const },
      ...{ sourceKey: `k${ordinal}`, destinationKey: `k${ordinal}` },
    })),
  });
  const read = async () => {
    const fields = 'sourcesKept items(first: 5, sourceRemovals: [KEPT]) { nodes { ordinal } }';
    const answer = await api.query(
      `query ($id: ID!) { transfer(id: $id) { ${fields} } }`,
      { id: transfer.id },
      { token },
    );
    return answer.data.transfer;
  };
  expect(await read()).toEqual({ sourcesKept: null, items: { nodes: [{ ordinal: 0 }, { ordinal: 2 }] } });
  await api.db.transfer.update({ where: { id: transferId }, data: { state: 'COMPLETED' } });
  expect(await read()).toMatchObject({ sourcesKept: 2 });
});
