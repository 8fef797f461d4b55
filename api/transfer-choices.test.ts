import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { mutate, orderWithin, step } from '../test/support/transfer-orders.ts';
import { idOfType } from './global-id.ts';

let api: TestApi;
let store: TestStore;
let token: string;
let account: string;

beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  ({ token } = await api.signUp('Ann'));
  account = await api.connect(token, store, 'Photos');
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
    /objects/,
  ],
  ['no object at a time', { options: { concurrency: 0 } }, ['options', 'concurrency'], /concurrency/],
  ['too many at a time', { options: { concurrency: 10_001 } }, ['options', 'concurrency'], /concurrency/],
  ['no tries at all', { options: { maxTries: 0 } }, ['options', 'maxTries'], /maxTries/],
  [
    'a mirror that skips',
    { mode: 'SYNC', options: { conflictPolicy: 'SKIP' } },
    ['options', 'conflictPolicy'],
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
    idempotencyKey: 'nightly',
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
  const remove = `mutation ($input: DeleteTransferScheduleInput!) { deleteTransferSchedule(input: $input) { schedule { id } ${errors} } }`;
  expect((await ask(remove, { id: schedule?.id })).schedule).toEqual({ id: schedule?.id });
  expect((await ask(remove, { id: schedule?.id })).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
});
