import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataDirectory } from './local/lock.ts';
import { localSecrets } from './local/secrets.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skyferry-start-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command with a data folder of this test. */
function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      { env: { PATH: process.env.PATH, DATA_DIRECTORY: directory, ...env } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** Runs `npm start`'s own program. */
const start = (args: string[], env?: NodeJS.ProcessEnv) => run(process.execPath, ['scripts/main.ts', ...args], env);

/** A port that somebody listens on, and never answers. */
async function takenPort(): Promise<{ port: number; free(): void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, free: () => server.close() };
}

test('--help prints the variables without anything installed, and starts nothing', async () => {
  const clone = join(directory, 'clone');
  await cp('scripts', join(clone, 'scripts'), { recursive: true });
  await cp('.env.example', join(clone, '.env.example'));
  const { code, stdout } = await run(process.execPath, [join(clone, 'scripts/start.mjs'), '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('Usage: npm start');
  expect(stdout).toContain('\n#KEY_ENCRYPTION_KEY=\n');
  expect(await readdir(directory)).toEqual(['clone']);
  expect((await readdir(clone)).sort()).toEqual(['.env.example', 'scripts']);
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
  const { port, free } = await takenPort();
  const own = await start([], { PORT: String(port) });
  const metrics = await start([], { PORT: '0', METRICS_PORT: String(port - 1), WORKER_COUNT: '2' });
  free();
  expect(own.code).toBe(1);
  expect(own.stderr).toContain(`PORT: ${port} is taken by another program.`);
  expect(metrics.code).toBe(1);
  expect(metrics.stderr).toContain(`METRICS_PORT: ${port} is taken by another program.`);
});

test('metrics ports that end beyond the last port are refused', async () => {
  const { stderr } = await start([], { PORT: '0', METRICS_PORT: '65535', WORKER_COUNT: '2' });
  expect(stderr).toContain('METRICS_PORT: 2 workers take the ports 65535 to 65536');
});

test.each([
  ['HOST', '192.0.2.1', 'is no address of this machine'],
  ['DATA_DIRECTORY', '/etc/passwd', 'is no folder that can be written to'],
  ['DATA_DIRECTORY', '/proc/skyferry/data', 'is no folder that can be written to'],
  ['CLIENT_DIRECTORY', '/nonexistent', 'holds no built client'],
])('%s=%s is refused by name', async (name, value, message) => {
  const { code, stderr } = await start([], { PORT: '0', [name]: value });
  expect(code).toBe(1);
  expect(stderr).toContain(`${name}: ${value} ${message}`);
});

test("production refuses the demo's key under another id beside its data folder", async () => {
  const { keyEncryptionKey } = localSecrets(directory);
  const { code, stderr } = await start([], {
    NODE_ENV: 'production',
    KEY_ENCRYPTION_KEY: keyEncryptionKey.replace(/^demo-\w+/, 'prod'),
    AUTH_SECRET: 'a'.repeat(32),
  });
  expect(code).toBe(1);
  expect(stderr).toContain('KEY_ENCRYPTION_KEY: must not be the demo key of this data folder');
});

test.each([
  ['DATABASE_URL', 'postgresql://127.0.0.1:1/skyferry'],
  ['DIRECT_DATABASE_URL', 'postgresql://127.0.0.1:1/skyferry'],
  ['REDIS_URL', 'redis://127.0.0.1:1'],
])('%s that does not answer is refused by name', async (name, url) => {
  const { code, stderr } = await start([], { PORT: '0', [name]: url });
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^${name}: this \\w+ cannot be used \\(.*ECONNREFUSED`));
});
