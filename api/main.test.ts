import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningProcess, startProcess } from '../scripts/local/processes.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from '../test/support/databases.ts';
import { temporaryDirectory } from '../test/support/servers.ts';

let database: TestDatabase;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let env: Record<string, string>;
beforeAll(async () => {
  [database, directory] = await Promise.all([createTestDatabase(), temporaryDirectory()]);
  env = {
    PATH: process.env.PATH ?? '',
    NODE_ENV: 'test',
    PORT: '0',
    DATABASE_URL: database.url,
    REDIS_URL: (await createTestRedis()).url,
    KEY_ENCRYPTION_KEY: `test:${Buffer.alloc(32, 7).toString('base64')}`,
    AUTH_SECRET: 'x'.repeat(32),
  };
});
afterAll(async () => {
  await database.drop();
  await directory.remove();
});

const start = (name: string, more: Record<string, string> = {}, cwd?: string): Promise<RunningProcess> =>
  startProcess({
    name,
    command: process.execPath,
    args: [resolve('api/main.ts')],
    logFile: join(directory.path, `${name}.log`),
    env: { ...env, ...more },
    ...(cwd === undefined ? {} : { cwd }),
  });
const lines = async (api: RunningProcess) => (await api.tail(100)).split('\n').filter(Boolean);

test('logs where it listens as JSON, prints nothing else, and ends by itself on SIGTERM with code 0', async () => {
  const api = await start('api');
  const listening = async () =>
    (await lines(api)).map((line) => JSON.parse(line)).find(({ msg }) => msg === 'listening');
  await expect.poll(listening, { timeout: 20_000 }).toBeTruthy();
  const { url } = (await listening()) as { url: string };
  await expect.poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 10_000 }).toBe(200);
  await api.stop();
  expect(await api.ended).toEqual({ code: 0, signal: null });
  const messages = (await lines(api)).map((line) => JSON.parse(line).msg);
  expect(messages.slice(-2)).toEqual(['stopping', 'stopped']);
});

test('a wrong setting ends it with code 1 and the name of the setting, not its value', async () => {
  const api = await start('wrong', { AUTH_SECRET: 'too-short-secret' });
  expect(await api.ended).toEqual({ code: 1, signal: null });
  const output = await lines(api);
  expect(output.map((line) => JSON.parse(line).msg)).toEqual([expect.stringContaining('AUTH_SECRET')]);
  expect(output.join()).not.toContain('too-short-secret');
});

test('production does not start without a client to serve, and says what to do', async () => {
  const api = await start('clientless', { NODE_ENV: 'production' }, directory.path);
  expect(await api.ended).toEqual({ code: 1, signal: null });
  const messages = (await lines(api)).map((line) => JSON.parse(line).msg);
  expect(messages).toEqual([
    'CLIENT_DIRECTORY: dist/client holds no built client (no index.html). Set it to the folder of one, or leave it out and begin with npm start, which builds one.',
  ]);
});
