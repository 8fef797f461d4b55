import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createBlockingRedis, createRedis } from '../core/redis.ts';
import { type AccountChange, accountChangeSchema, topics } from '../queue/events.ts';
import { createSubscriber } from '../queue/pubsub.ts';
import { createTestDatabase, createTestRedis } from './support/databases.ts';
import { startEngine, startStore } from './support/engine.ts';

const script = fileURLToPath(new URL('./support/limited-process.ts', import.meta.url));
const limitKey = 'of a credential';

/** Redis's clock, by which the shared limit goes, in milliseconds. */
async function redisTime(redis: ReturnType<typeof createRedis>): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Number(micros) / 1000;
}

/** A store that counts requests by the object that they ask for, and refuses one of them when it is told to. */
async function startCountingStore() {
  const counts = new Map<string, number>();
  let refuses = false;
  let onRequest = () => {};
  const server = createServer((request, response) => {
    const { url = '' } = request;
    counts.set(url, (counts.get(url) ?? 0) + 1);
    onRequest();
    if (refuses) {
      refuses = false;
      response.writeHead(429, { 'retry-after': '2' }).end();
      return;
    }
    const facts = { 'content-length': 1, etag: '"0123456789abcdef0123456789abcdef"' };
    response.writeHead(200, { ...facts, 'last-modified': new Date().toUTCString(), 'x-amz-request-id': '1' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const total = () => [...counts.values()].reduce((sum, count) => sum + count, 0);
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    total,
    refuseNext() {
      refuses = true;
    },
    /** Resolves with the request that makes them so many in all. */
    async reached(count: number) {
      const { promise, resolve } = Promise.withResolvers<void>();
      onRequest = () => {
        if (total() >= count) resolve();
      };
      onRequest();
      await promise;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('processes that use one account are together held to the rate of one limit, after one of them was refused', async () => {
  const [{ url }, store] = [await createTestRedis(), await startCountingStore()];
  const redis = createRedis(url);
  const children: ChildProcess[] = [];
  onTestFinished(async () => {
    for (const child of children) child.kill('SIGKILL');
    redis.disconnect();
    store.close();
  });
  await once(redis, 'ready');
  for (const key of ['0', '1', '2'])
    children.push(fork(script, [limitKey, url, store.endpoint, key], { execArgv: [] }));
  const all = (word: string) =>
    Promise.all(
      children.map(async (child) => {
        const [said] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
        expect(said).toBe(word);
      }),
    );
  await all('ready');
  for (const child of children) child.send('begin');
  await store.reached(1_500);

  const quiet = all('quiet');
  store.refuseNext();
  await quiet;
  const before = store.total();
  const state = () => redis.hmget(`skyferry:cloud-limit:${limitKey}`, 'rate', 'until');
  const [, opensAt] = await state();
  // Nobody comes before the time that the cloud asked for, and everybody comes after it.
  await store.reached(before + 1);
  expect(await redisTime(redis)).toBeGreaterThanOrEqual(Number(opensAt));
  const former = new Map(store.counts);
  const more = 600;
  await store.reached(before + more);
  const [elapsedMs, [rate]] = [(await redisTime(redis)) - Number(opensAt), await state()];
  for (const [path, count] of former) expect(store.counts.get(path)).toBeGreaterThan(count);
  // The rate only rises, so that no more than this can have been granted in that time, and by all of them together.
  expect(more).toBeLessThanOrEqual((Number(rate) * elapsedMs) / 1000);
}, 60_000);

test('what one worker is refused, another one waits for that was refused nothing', async () => {
  const database = await createTestDatabase();
  const engine = await startEngine({ databaseUrl: database.url, redisUrl: (await createTestRedis()).url });
  const [source, destination] = await Promise.all([startStore('source'), startStore('target')]);
  onTestFinished(async () => {
    await engine.stop();
    await Promise.all([source.close(), destination.close()]);
    await database.drop();
  });
  const accounts = {
    sourceAccountId: await engine.connect(source.credentials),
    destinationAccountId: await engine.connect(destination.credentials),
  };
  for (const key of ['first/0', 'first/1', 'first/2', 'second/0']) await source.put(key, 1_000);
  // Who has a batch is busy, so that the second one is the other's.
  for (let worker = 0; worker < 2; worker += 1) await engine.startWorker({ MAX_CONCURRENT_TRANSFERS: '1' });
  const submit = (folder: string) =>
    engine.submit({
      ...accounts,
      sourcePaths: [`source/${folder}/`],
      destinationPath: 'target/',
      options: { concurrency: 1 },
    });
  const written: (string | undefined)[] = [];
  destination.server.observer.on('arrived', ({ operation, key }) => {
    if (operation === 'PutObject') written.push(key);
  });
  const { faults } = destination.server;
  const { promise: refused, resolve: letGo } = Promise.withResolvers<void>();
  const held = faults.add({ match: { operation: 'PutObject' }, action: { kind: 'hold', until: refused } });
  const first = await submit('first');
  await held.hit;
  faults.add({ match: { operation: 'PutObject' }, action: { kind: 'slowDown', retryAfterSeconds: 600 } });
  const second = await submit('second');
  await engine.until(second.id, ({ throttledUntil }) => throttledUntil !== null);
  letGo();
  // One object of it had passed before; the others wait as long as those of the transfer that was refused.
  const row = await engine.until(first.id, (one) => one.throttledUntil !== null || one.state === 'COMPLETED');
  expect(row).toMatchObject({ state: 'RUNNING', objectsCompleted: 1n });
  expect(Number(row.throttledUntil) - Date.now()).toBeGreaterThan(300_000);
  expect(written.map((key) => key?.split('/')[0])).toEqual(['first', 'second']);
});

test('a credential that two users have connected has one limit, which both see and neither can go past', async () => {
  const database = await createTestDatabase();
  const redisUrl = (await createTestRedis()).url;
  const engine = await startEngine({ databaseUrl: database.url, redisUrl });
  const [source, destination] = await Promise.all([startStore('source'), startStore('target')]);
  const listening = createBlockingRedis(redisUrl);
  onTestFinished(async () => {
    await engine.stop();
    await Promise.all([source.close(), destination.close()]);
    listening.disconnect();
    await database.drop();
  });
  const { id: userId } = await engine.db.user.create({ data: { email: 'grace@example.org', name: 'Grace' } });
  const sourceAccountId = await engine.connect(source.credentials);
  const own = await engine.connect(destination.credentials);
  const again = await engine.connect(
    { ...destination.credentials, endpoint: `${destination.server.endpoint}/` },
    userId,
  );
  const theirs = await engine.connect(source.credentials, userId);
  const { promise: pushed, resolve: onPush } = Promise.withResolvers<AccountChange>();
  await createSubscriber(listening, () => {}).subscribe(topics.userAccounts(userId), accountChangeSchema, onPush);
  await Promise.all([source.put('first', 1_000), source.put('second', 1_000)]);
  const written: (string | undefined)[] = [];
  destination.server.observer.on('arrived', ({ operation, key }) => {
    if (operation === 'PutObject') written.push(key);
  });
  const fault = { kind: 'slowDown', retryAfterSeconds: 600 } as const;
  destination.server.faults.add({ match: { operation: 'PutObject' }, action: fault });
  await engine.startWorker();
  const first = await engine.submit({
    sourceAccountId,
    destinationAccountId: own,
    sourcePaths: ['source/first'],
    destinationPath: 'target/',
  });
  await engine.until(first.id, ({ throttledUntil }) => throttledUntil !== null);
  expect(await pushed).toEqual({ accountId: again, userId });
  const shown = async (id: string) =>
    (await engine.db.cloudAccount.findUniqueOrThrow({ where: { id } })).throttledUntil;
  expect(await shown(again)).toEqual(await shown(own));
  expect([await shown(own), await shown(theirs)]).toEqual([expect.any(Date), null]);
  const second = await engine.submit({
    userId,
    sourceAccountId: theirs,
    destinationAccountId: again,
    sourcePaths: ['source/second'],
    destinationPath: 'target/',
  });
  const row = await engine.until(second.id, (one) => one.throttledUntil !== null || one.state === 'COMPLETED');
  expect(Number(row.throttledUntil) - Date.now()).toBeGreaterThan(300_000);
  expect(written).toEqual(['first']);
  const redis = createRedis(redisUrl);
  onTestFinished(() => redis.disconnect());
  await once(redis, 'ready');
  const keys = await redis.keys('skyferry:cloud-limit:*');
  expect(keys).toEqual([expect.stringMatching(/^skyferry:cloud-limit:[\w-]{43}$/)]);
}, 60_000);
