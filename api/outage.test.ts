import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRedis } from '../core/redis.ts';
import { publishTransfer } from '../queue/transfer.ts';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startPrivatePostgres, startPrivateRedis } from '../test/support/databases.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { subscribe } from '../test/support/live.ts';
import { decodeGlobalId } from './global-id.ts';

const signIn = 'mutation ($input: SignInInput!) { signIn(input: $input) { token userErrors { code } } }';
const createTransfer = `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id state } userErrors { code } } }`;
const pause =
  'mutation ($input: PauseTransferInput!) { pauseTransfer(input: $input) { transfer { state } userErrors { code } } }';
const rename =
  'mutation ($input: RenameAccountInput!) { renameAccount(input: $input) { account { name } userErrors { code } } }';
const disconnect =
  'mutation ($input: DisconnectAccountInput!) { disconnectAccount(input: $input) { account { status } userErrors { code } } }';
const progressOf = 'subscription ($id: ID!) { transferProgress(id: $id) { progress { sequence state } } }';

let postgres: Awaited<ReturnType<typeof startPrivatePostgres>>;
let redis: Awaited<ReturnType<typeof startPrivateRedis>>;
let api: TestApi;
let store: TestStore;
let user: Awaited<ReturnType<TestApi['signUp']>>;
let account: string;
beforeAll(async () => {
  [postgres, redis, store] = await Promise.all([startPrivatePostgres(), startPrivateRedis(), startStore('photos')]);
  api = await startTestApi({ DATABASE_URL: postgres.url, REDIS_URL: redis.url });
  user = await api.signUp();
  account = await api.connect(user.token, store);
});
afterAll(async () => {
  await api.close();
  await Promise.all([postgres.dispose(), redis.dispose(), store.close()]);
});
afterEach(async () => {
  await Promise.all([postgres.start(), redis.start()]);
  await until(async () => (await fetch(`${api.url}/readyz`)).ok);
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('The condition did not come true.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Stops Postgres; then a worker, which has read the transfer before, tells that it runs. */
async function runsWithoutPostgres(transferId: string): Promise<void> {
  const row = await api.db.transfer.findUniqueOrThrow({ where: { id: decodeGlobalId(transferId).id } });
  await postgres.stop();
  const publisher = createRedis(redis.url);
  await once(publisher, 'ready');
  await publishTransfer(publisher, { ...row, sequence: row.sequence + 1n, state: 'RUNNING' });
  publisher.disconnect();
}

const ordered = async (as = { token: user.token, account }) => {
  const input = {
    sourceAccountId: as.account,
    sourcePaths: ['photos/'],
    destinationAccountId: as.account,
    destinationPath: 'archive/',
  };
  const { data } = await api.query(createTransfer, { input }, { token: as.token });
  return data.createTransfer.transfer.id as string;
};

describe('while Postgres is away', () => {
  test.each(['stop', 'kill'] as const)(
    '(%s) everything answers 503 with a code, and works again by itself',
    async (how) => {
      await postgres[how]();
      const read = await api.query('{ viewer { id } }', {}, { token: user.token });
      const write = await api.query(signIn, { input: { email: user.email, password: user.password } });
      const open = await api.query('{ instance { needsFirstUser } }');
      for (const answer of [read, write, open]) {
        expect(answer.status).toBe(503);
        expect(answer.headers.get('retry-after')).toBe('5');
        expect(answer.errors?.[0]).toMatchObject({
          message: 'Skyferry cannot reach a service that it needs right now.',
          extensions: { code: 'SERVICE_UNAVAILABLE', requestId: expect.any(String), remedy: expect.any(String) },
        });
      }
      const ready = await fetch(`${api.url}/readyz`);
      expect([ready.status, await ready.json()]).toEqual([503, { ready: false, postgres: false, redis: true }]);
      expect((await fetch(`${api.url}/livez`)).status).toBe(200);
      const metrics = await fetch(`${api.url}/metrics`);
      expect([metrics.status, await metrics.text()]).toEqual([
        200,
        expect.stringMatching(/^active_transfers_total Nan$/m),
      ]);
      await postgres.start();
      await until(async () => (await api.query('{ viewer { id } }', {}, { token: user.token })).status === 200);
      const again = await api.query(signIn, { input: { email: user.email, password: user.password } });
      expect(again.data.signIn.token).toBeTruthy();
    },
  );

  test('progress that workers publish still flows: an event costs no query', async () => {
    const id = await ordered();
    const live = subscribe(api.url, progressOf, { id }, { token: user.token, transport: 'websocket' });
    await live.next();
    await runsWithoutPostgres(id);
    expect((await live.next())?.data.transferProgress.progress.state).toBe('RUNNING');
    await live.close();
  });
});

/** What an answer over HTTP says by its status and headers is no part of an error that travels otherwise. */
const outageExtensions = { code: 'SERVICE_UNAVAILABLE', requestId: expect.any(String), remedy: expect.any(String) };

test.each(['websocket', 'sse'] as const)(
  'an outage in the middle of a subscription (%s) is an event',
  async (transport) => {
    const id = await ordered();
    const document = 'subscription ($id: ID!) { transferProgress(id: $id) { transfer { source { id } } } }';
    const live = subscribe(api.url, document, { id }, { token: user.token, transport });
    await live.next();
    await runsWithoutPostgres(id);
    expect((await live.next())?.errors?.[0]?.extensions).toEqual(outageExtensions);
    await live.close();
  },
);

test('a WebSocket that opens while Postgres is away is asked to come back later', async () => {
  await postgres.stop();
  const live = subscribe(api.url, progressOf, { id: 'any' }, { token: user.token, transport: 'websocket' });
  expect(await live.ended).toBe(1013);
  await postgres.start();
  const again = subscribe(api.url, progressOf, { id: await ordered() }, { token: user.token, transport: 'websocket' });
  expect((await again.next())?.data.transferProgress.progress.state).toBe('QUEUED');
  await again.close();
});

test('a subscription that begins in an outage is told so', async () => {
  await redis.stop();
  for (const transport of ['websocket', 'sse'] as const) {
    const live = subscribe(api.url, progressOf, { id: await ordered() }, { token: user.token, transport });
    expect((await live.next())?.errors?.[0]?.extensions).toEqual(outageExtensions);
    await live.close();
  }
});

describe('while Redis is away', () => {
  test('reading works; what needs it answers 503; all works again by itself', async () => {
    await redis.stop();
    const read = await api.query('{ viewer { id } }', {}, { token: user.token });
    expect(read.status).toBe(200);
    // A wrong password: what is not counted must not be tried.
    const guess = await api.query(signIn, { input: { email: user.email, password: 'wrong horse battery' } });
    expect([guess.status, guess.errors?.[0]?.extensions.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    const live = subscribe(api.url, progressOf, { id: await ordered() }, { token: user.token, transport: 'websocket' });
    expect((await live.next())?.errors?.[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
    const ready = await fetch(`${api.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { ready: false, postgres: true, redis: false }]);
    await redis.start();
    await until(
      async () => (await api.query(signIn, { input: { email: user.email, password: user.password } })).status === 200,
    );
  });

  test('a transfer is still taken and steered: Postgres alone keeps it', async () => {
    await redis.kill();
    const id = await ordered();
    const { data } = await api.query(pause, { input: { id } }, { token: user.token });
    expect(data.pauseTransfer).toEqual({ transfer: { state: 'PAUSED' }, userErrors: [] });
  });

  test('an account is still renamed and disconnected: Postgres alone keeps it', async () => {
    const { token } = await api.signUp();
    const id = await api.connect(token, store);
    await redis.kill();
    const renamed = await api.query(rename, { input: { id, name: 'Renamed' } }, { token });
    expect(renamed.data.renameAccount).toEqual({ account: { name: 'Renamed' }, userErrors: [] });
    const { data } = await api.query(disconnect, { input: { id } }, { token });
    expect(data.disconnectAccount).toEqual({ account: { status: 'DISCONNECTED' }, userErrors: [] });
  });

  test.each(['websocket', 'sse'] as const)(
    'a subscription (%s) waits and then tells what it missed, the end of a transfer too',
    async (transport) => {
      const [short, long] = [await ordered(), await ordered()];
      const token = user.token;
      const one = subscribe(api.url, progressOf, { id: short }, { token, transport });
      const all = subscribe(
        api.url,
        'subscription { transfers { transferId progress { state } } }',
        {},
        { token, transport },
      );
      await one.next();
      const known = new Set<string>();
      while (!(known.has(short) && known.has(long))) known.add((await all.next())?.data.transfers.transferId);
      await redis.kill();
      const set = (id: string, data: object) =>
        api.db.transfer.update({ where: { id: decodeGlobalId(id).id }, data: { ...data, sequence: { increment: 1 } } });
      await set(short, { state: 'COMPLETED', finishedAt: new Date() });
      await set(long, { state: 'RUNNING' });
      await redis.start();
      expect((await one.next())?.data.transferProgress.progress.state).toBe('COMPLETED');
      expect(await one.next()).toBeNull();
      const missed = new Map<string, string>();
      while (!(missed.has(short) && missed.has(long))) {
        const { transferId, progress } = (await all.next())?.data.transfers ?? {};
        missed.set(transferId, progress?.state);
      }
      expect([missed.get(short), missed.get(long)]).toEqual(['COMPLETED', 'RUNNING']);
      await all.close();
    },
  );

  test('a session that ends meanwhile still loses its live connections', async () => {
    const other = await api.signUp();
    const theirs = await api.connect(other.token, store);
    await ordered({ token: other.token, account: theirs });
    const live = subscribe(
      api.url,
      'subscription { transfers { transferId } }',
      {},
      { token: other.token, transport: 'websocket' },
    );
    await live.next();
    await redis.stop();
    const { data } = await api.query('mutation { signOut { signedOut } }', {}, { token: other.token });
    expect(data.signOut.signedOut).toBe(true);
    expect(await live.ended).toBe(4401);
  });
});

describe('a server that accepts connections and never answers', () => {
  async function blackHole(): Promise<{ port: number; close(): Promise<void> }> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      port: (server.address() as AddressInfo).port,
      async close() {
        for (const socket of sockets) socket.destroy();
        server.close();
        await once(server, 'close');
      },
    };
  }

  test('(Postgres) does not hold requests up', async () => {
    const hole = await blackHole();
    const { startApi } = await import('./server.ts');
    const { createLogger } = await import('../core/log.ts');
    const config = { ...api.config, DATABASE_URL: `postgresql://u:p@127.0.0.1:${hole.port}/d` };
    const server = await startApi(config, createLogger('api', 'silent'));
    const answer = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ instance { needsFirstUser } }' }),
    });
    expect(answer.status).toBe(503);
    await server.close();
    await hole.close();
  });

  test('(Redis) does not hold requests up', async () => {
    const hole = await blackHole();
    const { startApi } = await import('./server.ts');
    const { createLogger } = await import('../core/log.ts');
    const config = { ...api.config, REDIS_URL: `redis://127.0.0.1:${hole.port}` };
    const server = await startApi(config, createLogger('api', 'silent'));
    const answer = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: signIn, variables: { input: { email: user.email, password: user.password } } }),
    });
    expect(answer.status).toBe(503);
    const ready = await fetch(`${server.url}/readyz`);
    expect(await ready.json()).toEqual({ ready: false, postgres: true, redis: false });
    await server.close();
    await hole.close();
  });
});
