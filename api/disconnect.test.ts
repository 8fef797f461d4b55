import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
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
