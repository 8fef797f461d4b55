import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { create, endWithFailures, mutate, orderWithin, step } from '../test/support/transfer-orders.ts';
import { decodeGlobalId } from './global-id.ts';

let api: TestApi;
let store: TestStore;
let token: string;
let id: string;
beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  ({ token } = await api.signUp());
});
afterAll(async () => {
  await api.close();
  await store.close();
});
beforeEach(async () => {
  id = (await mutate(api, create, orderWithin(await account()), token)).transfer.id;
  await endWithFailures(api, id);
});

let connected: Promise<string> | undefined;
const account = () => {
  connected ??= api.connect(token, store);
  return connected;
};
const rowId = (globalId: string) => decodeGlobalId(globalId).id;
const retry = (input: object = {}, as = token) =>
  mutate(api, step('retryFailedItems'), { transferId: id, ...input }, as);
const read = async (of: string) => {
  const selection = `id canRetryFailed retryOf { id } followUps(first: 10) { nodes { id } }
    errorGroups { code objects retriableObjects } items(first: 10) { nodes { sourcePath state } }`;
  const answer = await api.query(`query ($id: ID!) { transfer(id: $id) { ${selection} } }`, { id: of }, { token });
  expect(answer.errors).toBeUndefined();
  return answer.data.transfer;
};

test('a follow-up has what can be retried, and each leads to the other', async () => {
  const { transfer, userErrors } = await retry();
  expect(userErrors).toEqual([]);
  expect(transfer).toMatchObject({ state: 'RUNNING', canRetryFailed: false });
  expect(await read(transfer.id)).toMatchObject({
    retryOf: { id },
    items: { nodes: [3, 4, 5].map((name) => ({ sourcePath: `photos/2024/${name}.jpg`, state: 'PENDING' })) },
    errorGroups: [],
  });
  expect(await read(id)).toMatchObject({
    retryOf: null,
    canRetryFailed: false,
    followUps: { nodes: [{ id: transfer.id }] },
    errorGroups: [
      { code: 'PERMISSION_DENIED', objects: 3, retriableObjects: 0 },
      { code: 'NAME_NOT_ALLOWED', objects: 1, retriableObjects: 0 },
    ],
  });
  const [event] = await api.db.auditEvent.findMany({ where: { subjectId: rowId(id), action: 'transfer.retry' } });
  expect(event?.detail).toEqual({ followUpId: rowId(transfer.id) });
});

test('a filter takes some of it, and the rest stays', async () => {
  const { transfer } = await retry({ filter: { errorCodes: ['PERMISSION_DENIED'], paths: ['photos/2024/[34].jpg'] } });
  expect((await read(transfer.id)).items.nodes).toHaveLength(2);
  expect(await read(id)).toMatchObject({ canRetryFailed: true, errorGroups: [{ retriableObjects: 1 }, {}] });
});

test('a repeated request gets the same follow-up, and another filter is another request', async () => {
  const filter = { errorCodes: ['PERMISSION_DENIED', 'INTERNAL'], paths: [] };
  const first = await retry({ filter, idempotencyKey: `once-${id}` });
  const reordered = { errorCodes: filter.errorCodes.toReversed() };
  const second = await retry({ filter: reordered, idempotencyKey: `once-${id}` });
  expect(second.transfer.id).toBe(first.transfer.id);
  const other = await retry({ idempotencyKey: `once-${id}` });
  expect(other.userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
});

test('what is wrong with a request is told at its field', async () => {
  const nothing = await retry({ filter: { errorCodes: ['THROTTLED'] } });
  expect(nothing).toMatchObject({
    transfer: null,
    userErrors: [{ code: 'INVALID_INPUT', field: ['input', 'filter'] }],
  });
  const glob = await retry({ filter: { paths: ['[z-a]'] } });
  expect(glob.userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'filter', 'paths'] }]);
  const { token: stranger } = await api.signUp();
  const foreign = await retry({}, stranger);
  expect(foreign.userErrors).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'transferId'] }]);
});
