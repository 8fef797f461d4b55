import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Transfer } from '../../core/db.ts';
import { createRedis, type Redis } from '../../core/redis.ts';
import { publishTransfer } from '../../queue/transfer.ts';
import { startTestApi, type TestApi } from '../../test/support/api.ts';
import { startStore, type TestStore } from '../../test/support/engine.ts';
import { type Live, subscribe, type Transport } from '../../test/support/live.ts';
import { decodeGlobalId, encodeGlobalId } from '../global-id.ts';

const progressOf = `subscription ($id: ID!) { transferProgress(id: $id) { transferId progress { sequence state objectsCompleted } } }`;
const progressOfAll = 'subscription { transfers { transferId progress { sequence state } } }';
const createTransfer = `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { message } } }`;
const pause = 'mutation ($input: PauseTransferInput!) { pauseTransfer(input: $input) { transfer { state } } }';
const cancel = 'mutation ($input: CancelTransferInput!) { cancelTransfer(input: $input) { transfer { state } } }';
const signOut = 'mutation { signOut { signedOut } }';

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

interface Person {
  token: string;
  userId: string;
  account: string;
}

async function person(): Promise<Person> {
  const { token, userId } = await api.signUp();
  return { token, userId, account: await api.connect(token, store) };
}

async function order({ token, account }: Person): Promise<string> {
  const input = {
    sourceAccountId: account,
    sourcePaths: ['photos/'],
    destinationAccountId: account,
    destinationPath: 'archive/',
  };
  const { data } = await api.query(createTransfer, { input }, { token });
  return data.createTransfer.transfer.id;
}

/** Changes a transfer as a worker does, and tells of it. */
async function advance(id: string, data: Partial<Transfer>): Promise<Transfer> {
  const row = await api.db.transfer.update({
    where: { id: decodeGlobalId(id).id },
    data: { ...(data as object), sequence: { increment: 1 } },
  });
  await publishTransfer(redis, row);
  return row;
}

const states = async (live: Live<Record<string, { progress: { state: string } }>>, count: number) => {
  const seen: unknown[] = [];
  for (let index = 0; index < count; index++) {
    const event = await live.next();
    seen.push(event === null ? null : Object.values(event.data ?? {})[0]?.progress.state);
  }
  return seen;
};

describe.each<Transport>(['websocket', 'sse'])('over %s', (transport) => {
  test('one transfer: its state now, then what is newer, then the end', async () => {
    const ada = await person();
    const id = await order(ada);
    const live = subscribe(api.url, progressOf, { id }, { token: ada.token, transport });
    expect(await live.next()).toMatchObject({
      data: { transferProgress: { transferId: id, progress: { sequence: '1', state: 'QUEUED', objectsCompleted: 0 } } },
    });
    const running = await advance(id, { state: 'RUNNING' });
    expect(await live.next()).toMatchObject({
      data: { transferProgress: { progress: { sequence: '2', state: 'RUNNING' } } },
    });
    // Overtaken messages, older or the same, say nothing new.
    await publishTransfer(redis, { ...running, sequence: 1n, state: 'PAUSED' });
    await publishTransfer(redis, { ...running, state: 'PAUSED' });
    await advance(id, { state: 'COMPLETED', objectsCompleted: 3n, finishedAt: new Date() });
    expect(await live.next()).toMatchObject({
      data: { transferProgress: { progress: { sequence: '3', state: 'COMPLETED', objectsCompleted: 3 } } },
    });
    expect(await live.next()).toBeNull();
  });

  test('a transfer that has ended: its state, then the end', async () => {
    const ada = await person();
    const id = await order(ada);
    await api.query(cancel, { input: { id } }, { token: ada.token });
    const live = subscribe(api.url, progressOf, { id }, { token: ada.token, transport });
    expect(await states(live, 2)).toEqual(['CANCELLED', null]);
  });

  test('all transfers: the live ones first, then changes of any, new ones too, nobody else’s', async () => {
    const [ada, eve] = await Promise.all([person(), person()]);
    const ended = await order(ada);
    await api.query(cancel, { input: { id: ended } }, { token: ada.token });
    const first = await order(ada);
    const live = subscribe(api.url, progressOfAll, {}, { token: ada.token, transport });
    expect(await live.next()).toMatchObject({
      data: { transfers: { transferId: first, progress: { state: 'QUEUED' } } },
    });
    const hers = await order(eve);
    await api.query(pause, { input: { id: hers } }, { token: eve.token });
    const second = await order(ada);
    expect(await live.next()).toMatchObject({
      data: { transfers: { transferId: second, progress: { state: 'QUEUED' } } },
    });
    await api.query(pause, { input: { id: first } }, { token: ada.token });
    expect(await live.next()).toMatchObject({
      data: { transfers: { transferId: first, progress: { state: 'PAUSED' } } },
    });
    await api.query(cancel, { input: { id: second } }, { token: ada.token });
    expect(await live.next()).toMatchObject({
      data: { transfers: { transferId: second, progress: { state: 'CANCELLED' } } },
    });
    await live.close();
  });

  test('an event that claims another owner is dropped, even on the right topic', async () => {
    const [ada, eve] = await Promise.all([person(), person()]);
    const id = await order(ada);
    const live = subscribe(api.url, progressOf, { id }, { token: ada.token, transport });
    await live.next();
    const row = await api.db.transfer.findUniqueOrThrow({ where: { id: decodeGlobalId(id).id } });
    await publishTransfer(redis, { ...row, userId: eve.userId, sequence: 50n, state: 'FAILED' });
    await advance(id, { state: 'RUNNING' });
    expect(await states(live, 1)).toEqual(['RUNNING']);
    await live.close();
  });

  test('unknown, malformed and other people’s transfers answer alike', async () => {
    const [ada, eve] = await Promise.all([person(), person()]);
    const hers = await order(eve);
    const answers = await Promise.all(
      [hers, encodeGlobalId('Transfer', '01900000-0000-7000-8000-000000000000'), 'nonsense'].map(async (id) => {
        const live = subscribe(api.url, progressOf, { id }, { token: ada.token, transport });
        const event = await live.next();
        await live.close();
        return event?.errors?.map(({ message, extensions }) => ({ message, code: extensions.code }));
      }),
    );
    expect(answers[0]).toEqual([{ message: 'There is no such transfer.', code: 'NOT_FOUND' }]);
    expect(answers).toEqual([answers[0], answers[0], answers[0]]);
  });

  test('nobody without a session may watch', async () => {
    const live = subscribe(api.url, progressOfAll, {}, { transport });
    expect((await live.next())?.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
    await live.close();
  });

  test('signing out ends what the session watches, and only that', async () => {
    const ada = await person();
    const { email } = await api.db.user.findUniqueOrThrow({ where: { id: ada.userId } });
    const again = await api.query('mutation ($input: SignInInput!) { signIn(input: $input) { token } }', {
      input: { email, password: 'correct horse battery' },
    });
    const id = await order(ada);
    const live = subscribe(api.url, progressOfAll, {}, { token: ada.token, transport });
    const other = subscribe(api.url, progressOfAll, {}, { token: again.data.signIn.token, transport });
    await Promise.all([live.next(), other.next()]);
    await api.query(signOut, {}, { token: ada.token });
    const code = await live.ended;
    if (transport === 'websocket') expect(code).toBe(4401);
    await advance(id, { state: 'RUNNING' });
    expect(await states(other, 1)).toEqual(['RUNNING']);
    await other.close();
  });

  test('a session that vanishes from the database ends what it watches, without any message', async () => {
    const ada = await person();
    await order(ada);
    const live = subscribe(api.url, progressOfAll, {}, { token: ada.token, transport });
    await live.next();
    await api.db.session.deleteMany({ where: { userId: ada.userId } });
    await live.ended;
  });

  test('a page of a foreign origin is refused', async () => {
    const ada = await person();
    const headers = {
      origin: 'https://evil.example',
      cookie: `skyferry.session_token=${encodeURIComponent(ada.token)}`,
    };
    const live = subscribe(api.url, progressOfAll, {}, { headers, transport });
    expect(await live.next()).toBeNull();
    const good = subscribe(api.url, progressOfAll, {}, { headers: { ...headers, origin: api.url }, transport });
    await order(ada);
    expect((await good.next())?.data?.transfers).toBeTruthy();
    await good.close();
  });

  test('the transfer itself can be asked for with each event', async () => {
    const ada = await person();
    const id = await order(ada);
    const document = 'subscription ($id: ID!) { transferProgress(id: $id) { transfer { id name source { id } } } }';
    const live = subscribe(api.url, document, { id }, { token: ada.token, transport });
    expect(await live.next()).toMatchObject({
      data: { transferProgress: { transfer: { id, source: { id: ada.account } } } },
    });
    await live.close();
  });
});

test('a wrong token closes the WebSocket at once', async () => {
  const live = subscribe(api.url, progressOfAll, {}, { token: 'wrong.token', transport: 'websocket' });
  expect(await live.ended).toBe(4403);
});

test('queries and mutations work over the WebSocket too', async () => {
  const { token } = await api.signUp('Grace');
  const live = subscribe(api.url, '{ viewer { name } }', {}, { token, transport: 'websocket' });
  expect((await live.next())?.data).toEqual({ viewer: { name: 'Grace' } });
  expect(await live.next()).toBeNull();
  const wrong = subscribe(api.url, '{ viewer { nonsense } }', {}, { token, transport: 'websocket' });
  expect((await wrong.next())?.errors?.[0]?.extensions).toMatchObject({
    code: 'INVALID_INPUT',
    requestId: expect.any(String),
  });
});
