import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataDirectory } from './local/lock.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skyferry-start-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** Runs `npm start`'s own program with a data folder of this test. */
function start(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['scripts/main.ts', ...args],
      { env: { PATH: process.env.PATH, DATA_DIRECTORY: directory, ...env } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

test('--help prints the variables and starts nothing', async () => {
  const { code, stdout } = await start(['--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('Usage: npm start');
  expect(stdout).toContain('  KEY_ENCRYPTION_KEY\n');
  expect(await readdir(directory)).toEqual([]);
});

test('a wrong variable is refused by name', async () => {
  const { code, stderr } = await start([], { PORT: 'abc' });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Wrong configuration:\n {2}PORT: /);
});

test('production makes up no keys and runs no demo', async () => {
  const keyless = await start([], { NODE_ENV: 'production' });
  expect(keyless.code).toBe(1);
  expect(keyless.stderr).toMatch(/KEY_ENCRYPTION_KEY: is required\n {2}AUTH_SECRET: is required/);
  const key = `k1:${Buffer.alloc(32).toString('base64')}`;
  const once = await start(['--once'], {
    NODE_ENV: 'production',
    KEY_ENCRYPTION_KEY: key,
    AUTH_SECRET: 'a'.repeat(32),
  });
  expect(once.stderr).toContain('--once runs the demo');
});

test('a second start from the same data folder is refused', async () => {
  const unlock = lockDataDirectory(directory);
  const { code, stderr } = await start([]);
  unlock();
  expect(code).toBe(1);
  expect(stderr).toContain(`already runs from this data folder (process ${process.pid}`);
});

test('a given port that is taken is refused by name', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { code, stderr } = await start([], { PORT: String(port) });
  server.close();
  expect(code).toBe(1);
  expect(stderr).toContain(`PORT: ${port} is taken by another program.`);
});

test.each([
  ['DATABASE_URL', 'postgresql://127.0.0.1:1/skyferry'],
  ['REDIS_URL', 'redis://127.0.0.1:1'],
])('%s that does not answer is refused by name', async (name, url) => {
  const { code, stderr } = await start([], { PORT: '0', [name]: url });
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^${name}: this \\w+ cannot be used \\(.*ECONNREFUSED`));
});
