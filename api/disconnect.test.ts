import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { createSchedule } from '../test/support/schedules.ts';
import { createTransfer } from '../test/support/transfers.ts';

let api: TestApi;
let store: TestStore;

beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('bucket')]);
});

afterAll(async () => {
  await api?.close();
  await store?.close();
});

const disconnect = `mutation ($input: DisconnectAccountInput!) {
  disconnectAccount(input: $input) { account { status } userErrors { code message } } }`;

test('an account keeps its credentials until the uploads of a cancelled transfer are dropped', async () => {
  const { token, userId } = await api.signUp();
  const id = await api.connect(token, store);
  const { id: accountId } = await api.db.cloudAccount.findFirstOrThrow({ where: { userId } });
  const cancelled = { name: 'half', state: 'CANCELLED', finishedAt: new Date() } as const;
  const transferId = await createTransfer(api.db, { userId, accountId }, { batches: [1], data: cancelled });
  const ask = async () => (await api.query(disconnect, { input: { id } }, { token })).data.disconnectAccount;

  expect(await ask()).toMatchObject({
    account: null,
    userErrors: [{ code: 'CONFLICT', message: expect.stringContaining("'half'") }],
  });
  expect(await api.db.cloudAccount.findUnique({ where: { id: accountId } })).toMatchObject({ status: 'CONNECTED' });

  await api.db.transfer.update({ where: { id: transferId }, data: { batchesDone: 1 } });
  expect(await ask()).toEqual({ account: { status: 'DISCONNECTED' }, userErrors: [] });
});

test('a cancellation whose uploads nobody drops any more holds no account', async () => {
  const { token, userId } = await api.signUp();
  const id = await api.connect(token, store);
  const { id: accountId } = await api.db.cloudAccount.findFirstOrThrow({ where: { userId } });
  const finishedAt = new Date(Date.now() - 8 * 24 * 3600 * 1000);
  await createTransfer(api.db, { userId, accountId }, { batches: [1], data: { state: 'CANCELLED', finishedAt } });
  const answer = await api.query(disconnect, { input: { id } }, { token });
  expect(answer.data.disconnectAccount).toEqual({ account: { status: 'DISCONNECTED' }, userErrors: [] });
});

test('the schedules of an account that is disconnected stop and say why, and cannot be resumed', async () => {
  const { token, userId } = await api.signUp();
  const id = await api.connect(token, store, 'Far');
  const { id: accountId } = await api.db.cloudAccount.findFirstOrThrow({ where: { userId } });
  await createSchedule(api.db, { userId, accountId });
  const query = '{ viewer { transferSchedules { nodes { id isEnabled nextRuns error { code message remedy } } } } }';
  const [before] = (await api.query(query, {}, { token })).data.viewer.transferSchedules.nodes;
  expect(before).toMatchObject({ isEnabled: true, error: null });

  await api.query(disconnect, { input: { id } }, { token });
  const stopped = {
    ...{ isEnabled: false, nextRuns: [] },
    error: { code: 'CONFLICT', message: expect.stringContaining("'Far' is disconnected"), remedy: expect.any(String) },
  };
  expect((await api.query(query, {}, { token })).data.viewer.transferSchedules.nodes).toEqual([
    { id: before.id, ...stopped },
  ]);

  const update = `mutation ($input: UpdateTransferScheduleInput!) {
    updateTransferSchedule(input: $input) { schedule { id } userErrors { code field } } }`;
  const resumed = await api.query(update, { input: { id: before.id, isEnabled: true } }, { token });
  expect(resumed.data.updateTransferSchedule).toEqual({
    schedule: null,
    userErrors: [{ code: 'CONFLICT', field: ['input', 'isEnabled'] }],
  });
});
