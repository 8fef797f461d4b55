import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { startAzurite } from '../emulators/azure.ts';
import { startAzureFromUrl } from '../emulators/azure-from-url.ts';
import { startDropboxServer } from '../emulators/dropbox/server.ts';
import { startGcsServer } from '../emulators/gcs/server.ts';
import { startS3Server } from '../emulators/s3/server.ts';
import { createAddressPolicy } from '../storage/address-policy.ts';
import type { Credentials } from '../storage/credentials.ts';
import { bufferedBody } from '../storage/digest.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { openProvider } from '../storage/registry.ts';
import { startTestApi } from '../test/support/api.ts';
import type { TestStore } from '../test/support/engine.ts';
import { temporaryDirectory } from '../test/support/servers.ts';
import { localSecrets } from './local/secrets.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  throttle = () => {};
  for (const close of closing.splice(0).reverse()) await close();
});
const signal = new AbortController().signal;
/** Has the store that was started ask to slow down at each kind of call, as clouds do to whoever tests them. */
let throttle = () => {};
const secret = 'the-very-secret';

async function s3(): Promise<Credentials> {
  const keys = { accessKeyId: 'me', secretAccessKey: secret };
  const server = await startS3Server({ credentials: [keys], buckets: ['mine', 'second'] });
  closing.push(() => server.close());
  return { provider: 's3', region: 'us-east-1', addressing: 'path', endpoint: server.endpoint, ...keys };
}

async function dropbox(): Promise<Credentials> {
  const server = await startDropboxServer({
    apps: [{ key: 'app' }],
    accounts: [{ id: 'ann', refreshTokens: [secret] }],
  });
  closing.push(() => server.close());
  return { provider: 'dropbox', appKey: 'app', refreshToken: secret, endpoint: server.endpoint };
}

async function azure(): Promise<Credentials> {
  const server = await startAzureFromUrl(await startAzurite({ containers: ['mine', 'second'] }));
  closing.push(() => server.close());
  const { accountName, accountKey, endpoint } = server;
  return { provider: 'azure', accountName, accountKey, endpoint };
}

async function gcs(): Promise<Credentials> {
  const server = await startGcsServer({ buckets: ['mine', 'second'] });
  closing.push(() => server.close());
  throttle = () => {
    for (const operation of throttled) {
      server.faults.add({ match: { operation }, action: { kind: 'status', status: 429 } });
      server.faults.add({ match: { operation }, action: { kind: 'status', status: 503 } });
    }
  };
  return { provider: 'gcs', endpoint: server.endpoint, serviceAccountKey: server.serviceAccountKey() };
}
const throttled = [
  'objects.list',
  'objects.get',
  'objects.rewrite',
  'objects.delete',
  'xml.get',
  'xml.put',
  'xml.initiate',
  'xml.putPart',
  'xml.complete',
] as const;

/** Starts the command with an account file. */
async function smoke(credentials: Credentials, ...args: string[]) {
  const directory = await temporaryDirectory();
  closing.push(() => directory.remove());
  const file = join(directory.path, 'account.json');
  await writeFile(file, JSON.stringify(credentials), { mode: 0o600 });
  return run(['--account', file, ...args], { TMPDIR: directory.path });
}

/** Starts the command; `ended` resolves to its exit code and all of its output. */
function run(args: string[], env: Record<string, string>) {
  const child: ChildProcess = spawn(process.execPath, ['scripts/smoke.ts', ...args], {
    env: { PATH: process.env.PATH, ALLOWED_PRIVATE_ADDRESSES: '127.0.0.0/8', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const grown = new EventTarget();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
      grown.dispatchEvent(new Event('data'));
    });
  }
  const says = async (text: string) => {
    while (!output.includes(text)) await once(grown, 'data');
  };
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output }));
  return { child, says, ended };
}

async function open(credentials: Credentials): Promise<StorageProvider> {
  const provider = openProvider(credentials, { addressPolicy: createAddressPolicy(['127.0.0.0/8']) });
  closing.push(() => provider.close());
  return provider;
}

async function put(provider: StorageProvider, container: string, key: string): Promise<void> {
  const digest = provider.capabilities.write.singleDigest;
  const body = bufferedBody([Buffer.from('mine')], digest === null ? [] : [digest]);
  await provider.write({ container, key, body, metadata: { user: {} } }, signal);
}

/** Files and folders of one level, with the version of each. */
async function holds(provider: StorageProvider, container: string, prefix = '') {
  return (await provider.list({ container, prefix, delimiter: '/' }, signal)).items;
}

const cases = [
  ['S3', s3, 'mine', ['--second', 'second', '--prefix', 'folder']],
  ['Azure', azure, 'mine', ['--second', 'second']],
  ['Google, which throttles,', gcs, 'mine', ['--prefix', 'folder/']],
  ['Dropbox, whose names ignore case', dropbox, 'dropbox', []],
] as const;

for (const [name, start, container, args] of cases) {
  test(`an account at ${name} passes, and holds afterwards what it held before`, async () => {
    const credentials = await start();
    const provider = await open(credentials);
    for (const key of ['outside', 'key', 'folder/mine']) await put(provider, container, key);
    const before = [await holds(provider, container), await holds(provider, container, 'folder/')];
    throttle();
    const { ended } = await smoke(credentials, '--container', container, ...args);
    const { code, output } = await ended;
    expect(output).toMatch(/\n\d{3} tests passed, 0 failed\./);
    expect(output).toContain('Left out, because they need a store on this machine');
    expect(output).toContain('\n  wrong credentials\n');
    expect(output).toContain('Everything that was written has been removed.');
    expect(output).not.toContain(secret);
    expect(code).toBe(0);
    expect([await holds(provider, container), await holds(provider, container, 'folder/')]).toEqual(before);
  }, 240_000);
}

test('what was written is removed after Ctrl-C too, unfinished uploads included', async () => {
  const keys = { accessKeyId: 'me', secretAccessKey: secret };
  const server = await startS3Server({ credentials: [keys], buckets: ['mine'] });
  closing.push(() => server.close());
  const credentials = { provider: 's3', region: 'us-east-1', addressing: 'path', endpoint: server.endpoint } as const;
  const { child, says, ended } = await smoke({ ...credentials, ...keys }, '--container', 'mine');
  await says('uploads in parts > takes parts in parallel');
  child.kill('SIGINT');
  const { code, output } = await ended;
  expect(output).toContain('Everything that was written has been removed.');
  expect(code).toBe(130);
  const provider = await open({ ...credentials, ...keys });
  expect(await holds(provider, 'mine')).toEqual([]);
}, 120_000);

test('nothing goes on writing when the command itself is killed', async () => {
  const { child, says, ended } = await smoke(await s3(), '--container', 'mine');
  await says('uploads in parts > takes parts in parallel');
  child.kill('SIGKILL');
  // Whoever writes holds the output open.
  const { code, output } = await ended;
  expect(code).toBeNull();
  expect(output).not.toContain('> in large >');
}, 120_000);

test('an account that cannot be used is told, with what to do, and nothing is tested', async () => {
  const credentials = await s3();
  const wrong = { ...credentials, secretAccessKey: 'another-secret' } as Credentials;
  for (const [given, container, message] of [
    [
      wrong,
      'mine',
      /The account cannot be used: .*\(CREDENTIALS_INVALID\)\nNothing was tested\. Mend the account file/,
    ],
    [credentials, 'no-such-bucket', /Container no-such-bucket: .*\(CONTAINER_NOT_FOUND\)/],
    [{ provider: 's3', accessKeyId: 'me' } as Credentials, 'mine', /secretAccessKey: The secret .* is missing/],
  ] as const) {
    const { ended } = await smoke(given, '--container', container);
    const { code, output } = await ended;
    expect(output).toMatch(message);
    expect(output).not.toMatch(/the-very-secret|another-secret|\n {4}at /);
    expect(code).toBe(1);
  }
});

test('an account that is connected here is named by its id, in the form of the API or of the database', async () => {
  const directory = await temporaryDirectory();
  closing.push(() => directory.remove());
  // The key of a data folder, as `npm start` makes it up.
  const { keyEncryptionKey } = localSecrets(directory.path);
  const api = await startTestApi({ KEY_ENCRYPTION_KEY: keyEncryptionKey });
  closing.push(() => api.close());
  const { token } = await api.signUp();
  const id = await api.connect(token, { credentials: await s3() } as TestStore);
  const row = await api.db.cloudAccount.findFirstOrThrow();
  const database = { DATABASE_URL: api.config.DATABASE_URL };
  for (const [account, env, message] of [
    [id, { ...database, KEY_ENCRYPTION_KEY: keyEncryptionKey }, /Container none: .*\(CONTAINER_NOT_FOUND\)/],
    [row.id, { ...database, DATA_DIRECTORY: directory.path }, /Container none: .*\(CONTAINER_NOT_FOUND\)/],
    [
      row.id,
      { ...database, DATA_DIRECTORY: directory.path, ALLOWED_PRIVATE_ADDRESSES: '' },
      /If it is yours, allow it/,
    ],
    [randomUUID(), { ...database, DATA_DIRECTORY: directory.path }, /There is no connected account of this id/],
    [
      id,
      { DATA_DIRECTORY: directory.path },
      /DATABASE_URL: is required\. Set what Skyferry itself runs with, or DATA_DIRECTORY/,
    ],
  ] as const) {
    const { code, output } = await run(['--account', account, '--container', 'none'], env).ended;
    expect(output).toMatch(message);
    expect(output).not.toContain(secret);
    expect(code).toBe(1);
  }
});
