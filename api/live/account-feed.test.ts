import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRedis, type Redis } from '../../core/redis.ts';
import { noteThrottled, publishAccount } from '../../queue/account.ts';
import { credentialsInput, startTestApi, type TestApi } from '../../test/support/api.ts';
import { startStore, type TestStore } from '../../test/support/engine.ts';
import { subscribe, type Transport } from '../../test/support/live.ts';
import { decodeGlobalId } from '../global-id.ts';

const accounts = 'subscription { cloudAccounts { account { id name throttledUntil } } }';

let api: TestApi;
let store: TestStore;
let redis: Redis;
beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  redis = createRedis(api.config.REDIS_URL);
});
afterAll(async () => {
  redis.disconnect();
  await api.close();
  await store.close();
});

async function throttle(account: string, waitMs: number): Promise<void> {
  const { id: accountId } = decodeGlobalId(account);
  for (const change of await noteThrottled(api.db, [accountId], waitMs)) await publishAccount(redis, change);
}

test.each<Transport>(['websocket', 'sse'])(
  'an account shows by %s that its cloud asks for patience',
  async (transport) => {
    // Of another test's accounts, which are at the same store.
    await api.db.cloudAccount.updateMany({ data: { throttledUntil: null } });
    const { token } = await api.signUp();
    const id = await api.connect(token, store);
    const other = await api.signUp();
    const foreign = await api.connect(other.token, store);

    const live = subscribe(api.url, accounts, {}, { token, transport });
    expect((await live.next())?.data.cloudAccounts.account).toMatchObject({ id, throttledUntil: null });
    await throttle(foreign, 60_000);
    await throttle(id, 60_000);
    const { account } = (await live.next())?.data.cloudAccounts ?? {};
    expect(account.id).toBe(id);
    expect(Date.parse(account.throttledUntil)).toBeGreaterThan(Date.now());
    await live.close();
  },
);

const act = async (token: string, name: string, input: object) => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { done: ${name}(input: $input) { account { id } userErrors { message } } }`;
  const { data } = await api.query(query, { input }, { token });
  expect(data.done.userErrors).toEqual([]);
  return data.done.account.id as string;
};

test.each<Transport>(['websocket', 'sse'])('what is done to an account shows by %s at once', async (transport) => {
  const { token } = await api.signUp();
  const first = await api.connect(token, store, 'First');
  const fields = 'id name status error { code } lastCheckedAt';
  const live = subscribe(api.url, `subscription { cloudAccounts { account { ${fields} } } }`, {}, { token, transport });
  const next = async () => (await live.next())?.data.cloudAccounts.account;
  expect(await next()).toMatchObject({ id: first, name: 'First' });

  const second = await act(token, 'connectAccount', { name: 'Second', credentials: credentialsInput(store) });
  expect(await next()).toMatchObject({ id: second, name: 'Second', status: 'CONNECTED' });
  await act(token, 'renameAccount', { id: first, name: 'Renamed' });
  expect(await next()).toMatchObject({ id: first, name: 'Renamed' });
  const fault = store.server.faults.add({
    match: { operation: 'ListBuckets', count: 100 },
    action: { kind: 'status', status: 500 },
  });
  await act(token, 'testAccount', { id: second });
  fault.remove();
  expect(await next()).toMatchObject({ id: second, status: 'FAILING', error: { code: 'PROVIDER_UNAVAILABLE' } });
  await act(token, 'updateAccountCredentials', { id: second, credentials: credentialsInput(store) });
  expect(await next()).toMatchObject({ id: second, status: 'CONNECTED', error: null });
  await act(token, 'disconnectAccount', { id: first });
  expect(await next()).toMatchObject({ id: first, status: 'DISCONNECTED' });
  await live.close();
});

test('an end of the wait that is noted already is no news, and one that has passed is not shown', async () => {
  const { token } = await api.signUp();
  const id = await api.connect(token, store);
  const { id: accountId } = decodeGlobalId(id);
  expect(await noteThrottled(api.db, [accountId], 60_000)).toMatchObject([{ accountId }]);
  expect(await noteThrottled(api.db, [accountId], 1_000)).toEqual([]);
  await api.db.cloudAccount.update({ where: { id: accountId }, data: { throttledUntil: new Date(Date.now() - 1) } });
  const { data } = await api.query(
    'query ($id: ID!) { node(id: $id) { ... on CloudAccount { throttledUntil } } }',
    { id },
    { token },
  );
  expect(data.node).toEqual({ throttledUntil: null });
});
