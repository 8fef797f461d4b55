import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../core/config.ts';
import { createLogger } from '../core/log.ts';
import { type PrivateRedis, startPrivatePostgres, startPrivateRedis } from '../test/support/databases.ts';
import { type RunningWorker, startWorker } from './worker.ts';

let postgres: Awaited<ReturnType<typeof startPrivatePostgres>>;
let redis: PrivateRedis;
let worker: RunningWorker;
let url: string;

const configOf = (changes: Record<string, string> = {}) =>
  parseConfig({
    NODE_ENV: 'test',
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    KEY_ENCRYPTION_KEY: `test:${Buffer.alloc(32).toString('base64')}`,
    AUTH_SECRET: 'x'.repeat(32),
    METRICS_PORT: '0',
    ...changes,
  });
const log = createLogger('worker', 'silent');
const statusOf = (path: string) => fetch(url + path).then(({ status }) => status);

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPrivatePostgres(), startPrivateRedis()]);
  worker = await startWorker(configOf(), log);
  url = `http://127.0.0.1:${worker.metricsPort}`;
});

afterAll(async () => {
  await worker?.stop();
  await Promise.all([postgres?.dispose(), redis?.dispose()]);
});

test('a worker that has what it needs is ready', async () => {
  await expect.poll(() => statusOf('/readyz'), { timeout: 10_000 }).toBe(200);
  expect(await statusOf('/livez')).toBe(200);
  expect(await statusOf('/other')).toBe(404);
});

test('its metrics can be scraped', async () => {
  const text = await fetch(`${url}/metrics`).then((response) => response.text());
  expect(text).toMatch(/^worker_active_transfers 0$/m);
  expect(text).toMatch(/^worker_throughput_bytes_per_second 0$/m);
  // Names of the API's figures, which are of the whole installation: added up over processes they would lie.
  expect(text).not.toMatch(/^(active_transfers_total|transfer_)/m);
});

test.each([
  ['Redis', () => redis],
  ['Postgres', () => postgres],
])('without %s it lives but is not ready, and is ready again when it returns', async (_, server) => {
  await server().stop();
  await expect.poll(() => statusOf('/readyz'), { timeout: 10_000 }).toBe(503);
  expect(await statusOf('/livez')).toBe(200);
  await server().start();
  await expect.poll(() => statusOf('/readyz'), { timeout: 10_000 }).toBe(200);
});

test('a port that is taken ends the start, and says so', async () => {
  const second = startWorker(configOf({ METRICS_PORT: String(worker.metricsPort) }), log);
  await expect(second).rejects.toThrow('EADDRINUSE');
});
