import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { ApiClient } from '../scripts/demo/api-client.ts';
import { credentialsInput } from './support/api.ts';
import { createTestDatabase, startPrivateRedis } from './support/databases.ts';
import { startStore, type TestStore } from './support/engine.ts';
import { type Product, startProduct } from './support/product.ts';

const MiB = 1024 * 1024;
const keyText = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const [oldKey, newKey] = [keyText('old'), keyText('new')];
const AUTH_SECRET = randomBytes(32).toString('hex');

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});
const closing = <T>(value: T, stop: (value: T) => Promise<unknown>): T => {
  stops.push(() => stop(value));
  return value;
};

const signUp = 'mutation ($input: SignUpInput!) { signUp(input: $input) { token userErrors { message } } }';
const connectAccount = `mutation ($input: ConnectAccountInput!) {
  connectAccount(input: $input) { account { id } userErrors { message } } }`;
const testAccount = `mutation ($input: TestAccountInput!) {
  testAccount(input: $input) { account { status } userErrors { message } } }`;
const createTransfer = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { id } userErrors { message } } }`;
const progress = 'subscription ($id: ID!) { transferProgress(id: $id) { progress { state } } }';

async function connect(api: ApiClient, name: string, store: TestStore): Promise<string> {
  const input = { name, credentials: credentialsInput(store) };
  const { connectAccount: payload } = await api.run<{ connectAccount: { account: { id: string } } }>(connectAccount, {
    input,
  });
  return payload.account.id;
}

const expectWorking = async (api: ApiClient, ids: readonly string[]) => {
  for (const id of ids) {
    const works = { testAccount: { account: { status: 'CONNECTED' }, userErrors: [] } };
    expect(await api.run(testAccount, { input: { id } })).toEqual(works);
  }
};

async function order(api: ApiClient, input: object): Promise<string> {
  const answer = await api.run<{ createTransfer: { transfer: { id: string } } }>(createTransfer, { input });
  return answer.createTransfer.transfer.id;
}

/** The state that a transfer ends in. */
async function ended(api: ApiClient, id: string): Promise<string | undefined> {
  let state: string | undefined;
  const events = api.subscribe<{ transferProgress: { progress: { state: string } } }>(
    progress,
    { id },
    AbortSignal.timeout(60_000),
  );
  for await (const { transferProgress } of events) state = transferProgress.progress.state;
  return state;
}

test('a key is rotated under a running installation: accounts and transfers go on, and the old key can go', async () => {
  const database = closing(await createTestDatabase(), (one) => one.drop());
  const redis = closing(await startPrivateRedis(), (one) => one.dispose());
  const source = closing(await startStore('source'), (one) => one.close());
  const target = closing(await startStore('target'), (one) => one.close());
  const start = async (KEY_ENCRYPTION_KEY: string, KEY_ENCRYPTION_KEYS_OLD = '') => {
    const env = { AUTH_SECRET, KEY_ENCRYPTION_KEY, KEY_ENCRYPTION_KEYS_OLD };
    return closing(await startProduct({ databaseUrl: database.url, redisUrl: redis.url, env }), (one) => one.stop());
  };
  const clientOf = ({ url }: Product, token?: string) => new ApiClient(`${url}/graphql`, token);
  const rotate = ({ env }: Product) => promisify(execFile)('npm', ['run', '--silent', 'keys:rotate'], { env });

  // The README's way without a moment's pause: every process opens what the others seal.
  const first = await start(oldKey, newKey);
  const person = { email: 'ada@example.org', password: 'a ferry between clouds', name: 'Ada' };
  const { token } = (await clientOf(first).run<{ signUp: { token: string } }>(signUp, { input: person })).signUp;
  const former = clientOf(first, token);
  const sourceAccountId = await connect(former, 'Source', source);
  const second = await start(newKey, oldKey);
  const latter = clientOf(second, token);
  const destinationAccountId = await connect(latter, 'Target', target);
  const accounts = [sourceAccountId, destinationAccountId];
  await expectWorking(former, accounts);

  // The workers have opened the accounts, and are in the middle of an object.
  const sent = { large: await source.put('tree/large', 24 * MiB) };
  const { faults, observer } = target.server;
  faults.add({ match: { operation: 'UploadPart', count: 1_000 }, action: { kind: 'slow', bytesPerSecond: 2 * MiB } });
  const part = observer.waitFor({ operation: 'UploadPart' }, { event: 'finished', count: 1 });
  const transfer = { sourceAccountId, destinationAccountId, sourcePaths: ['source/tree/'], destinationPath: 'target/' };
  const id = await order(latter, transfer);
  await part;
  const rotation = rotate(second);
  await Promise.all([rotation, expectWorking(former, accounts), expectWorking(latter, accounts)]);
  expect((await rotation).stdout).toContain('credentials of accounts: 1 sealed anew');
  expect((await rotation).stdout).toContain('Everything is sealed under new.');
  await expectWorking(former, accounts);
  faults.clear();
  expect(await ended(latter, id)).toBe('COMPLETED');
  expect(await target.hashes('tree/')).toEqual(sent);

  await Promise.all([first.stop(), second.stop()]);
  const last = clientOf(await start(newKey), token);
  await expectWorking(last, accounts);
  const again = { ...transfer, destinationPath: 'target/again/' };
  expect(await ended(last, await order(last, again))).toBe('COMPLETED');
  expect(await target.hashes('again/tree/')).toEqual(sent);
}, 180_000);
