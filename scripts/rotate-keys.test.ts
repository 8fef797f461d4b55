import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createDb, type Db } from '../core/db.ts';
import { createKeyring, open, seal } from '../core/secrets.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/databases.ts';
import { temporaryDirectory } from '../test/support/servers.ts';
import { report, rotateKeys } from './rotate-keys.ts';

const keyText = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const [oldKey, newKey, lostKey] = [keyText('old'), keyText('new'), keyText('lost')];
const before = createKeyring(oldKey);
const rotated = createKeyring(newKey, [oldKey]);
const lost = createKeyring(lostKey);

let database: TestDatabase;
let db: Db;
let userId: string;
beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 4 });
  ({ id: userId } = await db.user.create({ data: { email: 'ada@example.org', name: 'Ada' } }));
});
afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});
beforeEach(async () => {
  await db.receiptKey.deleteMany();
  await db.oauthFlow.deleteMany();
  await db.cloudAccount.deleteMany();
});

const kept = (keyring: typeof before, id: string, value: unknown) => {
  const { keyId, bytes } = seal(keyring, id, value);
  return { keyId, bytes };
};
async function account(keyring: typeof before, value: unknown): Promise<string> {
  const { id } = await db.cloudAccount.create({ data: { userId, provider: 'S3', name: 'A', identity: 'a' } });
  const { keyId, bytes } = kept(keyring, id, value);
  await db.cloudAccount.update({ where: { id }, data: { keyId, sealedCredentials: bytes } });
  return id;
}
async function accessToken(accountId: string, keyring: typeof before): Promise<void> {
  const { keyId, bytes } = kept(keyring, accountId, 'token');
  await db.accessToken.create({ data: { accountId, keyId, sealedToken: bytes, expiresAt: new Date() } });
}
async function flow(keyring: typeof before): Promise<void> {
  const stateHash = new Uint8Array(createHash('sha256').update(randomBytes(8)).digest());
  const { keyId, bytes } = kept(keyring, Buffer.from(stateHash).toString('hex'), 'verifier');
  const data = { stateHash, userId, provider: 'GCS', keyId, sealedVerifier: bytes, expiresAt: new Date() } as const;
  await db.oauthFlow.create({ data });
}
async function receiptKey(id: string, keyring: typeof before): Promise<void> {
  const { keyId, bytes } = kept(keyring, id, `private half of ${id}`);
  await db.receiptKey.create({ data: { id, publicKey: new Uint8Array(32), sealedPrivateKey: bytes, keyId } });
}
async function credentials(id: string): Promise<unknown> {
  const row = await db.cloudAccount.findUniqueOrThrow({ where: { id } });
  const sealed = { keyId: row.keyId as string, bytes: row.sealedCredentials as Uint8Array };
  return open(createKeyring(newKey), id, sealed);
}
const counts = async () =>
  (await rotateKeys(db, rotated)).map(({ resealed, dropped, left }) => [resealed, dropped, left]);

test('everything under the old key is sealed under the new one, more than a batch, and only once', async () => {
  const ids: string[] = [];
  for (let index = 0; index < 450; index++) ids.push(await account(before, { index }));
  const fresh = await account(rotated, 'under the new key already');
  const disconnected = await db.cloudAccount.create({ data: { userId, provider: 'S3', name: 'D', identity: 'd' } });
  await accessToken(ids[0] as string, before);
  await flow(before);
  await receiptKey('a key', before);
  const unchanged = await db.cloudAccount.findMany({ orderBy: { id: 'asc' }, select: { id: true, updatedAt: true } });

  expect(await counts()).toEqual([
    [450, 0, {}],
    [1, 0, {}],
    [1, 0, {}],
    [1, 0, {}],
  ]);
  expect(await Promise.all(ids.map(credentials))).toEqual(ids.map((_, index) => ({ index })));
  expect(await credentials(fresh)).toBe('under the new key already');
  const token = await db.accessToken.findFirstOrThrow();
  expect(open(createKeyring(newKey), token.accountId, { keyId: token.keyId, bytes: token.sealedToken })).toBe('token');
  const verifier = await db.oauthFlow.findFirstOrThrow();
  const rowId = Buffer.from(verifier.stateHash).toString('hex');
  expect(open(createKeyring(newKey), rowId, { keyId: verifier.keyId, bytes: verifier.sealedVerifier })).toBe(
    'verifier',
  );
  const signing = await db.receiptKey.findFirstOrThrow();
  const sealed = { keyId: signing.keyId as string, bytes: signing.sealedPrivateKey as Uint8Array };
  expect(open(createKeyring(newKey), 'a key', sealed)).toBe('private half of a key');
  // Workers keep connections by it.
  expect(await db.cloudAccount.findMany({ orderBy: { id: 'asc' }, select: { id: true, updatedAt: true } })).toEqual(
    unchanged,
  );
  expect(await db.cloudAccount.findUniqueOrThrow({ where: { id: disconnected.id } })).toEqual(disconnected);
  expect(await counts()).toEqual([
    [0, 0, {}],
    [0, 0, {}],
    [0, 0, {}],
    [0, 0, {}],
  ]);
});

test('a change at the same time is not lost, whichever key it was sealed under', async () => {
  const [byOldProcess, byNewProcess] = [await account(before, 'former 1'), await account(before, 'former 2')];
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query('BEGIN');
    for (const [id, keyring, value] of [
      [byOldProcess, before, 'changed 1'],
      [byNewProcess, rotated, 'changed 2'],
    ] as const) {
      const { keyId, bytes } = kept(keyring, id, value);
      await client.query('UPDATE cloud_account SET sealed_credentials = $1, key_id = $2 WHERE id = $3', [
        bytes,
        keyId,
        id,
      ]);
    }
    const rotation = rotateKeys(db, rotated);
    // It has read the former values and waits for the rows.
    await expect
      .poll(async () => {
        // From outside: a transaction sees the activity of its beginning.
        const waiting = await db.$queryRaw<unknown[]>`
          SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        return waiting.length;
      })
      .toBe(1);
    await client.query('COMMIT');
    expect((await rotation)[0]).toMatchObject({ resealed: 1, left: {} });
  } finally {
    await client.end();
  }
  expect(await credentials(byOldProcess)).toBe('changed 1');
  expect(await credentials(byNewProcess)).toBe('changed 2');
});

test('under a key that is not configured nothing changes; if it is lost, accounts stay and are named, and what is made anew by itself goes', async () => {
  const good = await account(before, 'good');
  const unknown = await account(lost, 'under a key that is not configured');
  const damaged = await account(before, 'damaged');
  const other = await db.cloudAccount.findUniqueOrThrow({ where: { id: good } });
  // Of another row: it does not open for this one.
  await db.cloudAccount.update({ where: { id: damaged }, data: { sealedCredentials: other.sealedCredentials } });
  await accessToken(good, lost);
  await flow(before);
  await receiptKey('a lost key', lost);
  const everything = async () => [
    await db.cloudAccount.findMany({ orderBy: { id: 'asc' } }),
    await db.accessToken.findMany(),
    await db.oauthFlow.findMany(),
    await db.receiptKey.findMany(),
  ];
  const untouched = await everything();
  await expect(rotateKeys(db, rotated)).rejects.toThrow(
    /^Nothing was changed: [\s\S]*\n {2}lost \(credentials of accounts: 1, access tokens: 1, keys that sign receipts: 1\)\nAdd them to KEY_ENCRYPTION_KEYS_OLD/,
  );
  expect(await everything()).toEqual(untouched);
  const rotations = await rotateKeys(db, rotated, ['lost']);
  expect(rotations).toMatchObject([
    { resealed: 1, dropped: 0, left: { lost: 1, old: 1 } },
    { resealed: 0, dropped: 1, left: {} },
    { resealed: 1, dropped: 0, left: {} },
    { resealed: 0, dropped: 1, left: {} },
  ]);
  // Receipts that it signed can still be verified.
  expect(await db.receiptKey.findFirstOrThrow()).toMatchObject({
    id: 'a lost key',
    sealedPrivateKey: null,
    keyId: null,
  });
  expect(await credentials(good)).toBe('good');
  const { lines, done } = report(rotations, rotated);
  expect(done).toBe(false);
  expect(lines.join('\n')).toMatch(
    /1 left under key lost, which is not configured\. Give these accounts new credentials/,
  );
  expect(lines.at(-1)).toBe('KEY_ENCRYPTION_KEYS_OLD is still needed.');
  expect(await db.cloudAccount.findUniqueOrThrow({ where: { id: unknown } })).toMatchObject({ keyId: 'lost' });
});

/** Runs the command beside a data folder of its own. */
async function rotate(env: Record<string, string>, secrets: object = {}, args: string[] = []) {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory.remove());
  await writeFile(join(directory.path, 'secrets.json'), JSON.stringify(secrets));
  await writeFile(join(directory.path, 'ports.json'), JSON.stringify({ postgres: Number(new URL(database.url).port) }));
  return promisify(execFile)(process.execPath, ['scripts/rotate-keys.ts', ...args], {
    env: { PATH: process.env.PATH, DATA_DIRECTORY: directory.path, DATABASE_URL: database.url, ...env },
  });
}

test('the command says when the old key can go, and fails while it cannot', async () => {
  const id = await account(before, 'a secret of somebody');
  await accessToken(id, before);
  const current = { KEY_ENCRYPTION_KEY: newKey };
  await expect(rotate(current)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('old (credentials of accounts: 1, access tokens: 1)'),
  });
  const { stdout } = await rotate({ ...current, KEY_ENCRYPTION_KEYS_OLD: oldKey });
  expect(stdout).toContain('credentials of accounts: 1 sealed anew');
  expect(stdout).toContain('access tokens: 1 sealed anew\n');
  expect(stdout).toContain('Everything is sealed under new.');
  expect((await rotate(current)).stdout).toContain('credentials of accounts: 0 sealed anew');
  await expect(rotate({})).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('KEY_ENCRYPTION_KEY: is required'),
  });
  await expect(rotate({ ...current, DATABASE_URL: '' })).rejects.toMatchObject({
    stderr: expect.stringContaining('DATABASE_URL: is required'),
  });
});

test('the command rotates away from the key of npm start, which the data folder still has', async () => {
  const id = await account(before, 'of the demo');
  const { stdout } = await rotate({ KEY_ENCRYPTION_KEY: newKey }, { keyEncryptionKey: oldKey });
  expect(stdout).toContain('credentials of accounts: 1 sealed anew');
  expect(await credentials(id)).toBe('of the demo');
});

test('the command says which accounts are lost together with a key', async () => {
  await account(lost, 'gone');
  await expect(rotate({ KEY_ENCRYPTION_KEY: newKey }, {}, ['--lost', 'lost'])).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining(
      '1 left under key lost, which is not configured. Give these accounts new credentials.',
    ),
  });
});

test('a wrong password of the database, and one that does not answer, are told as such', async () => {
  const wrong = new URL(database.url);
  wrong.password = 'wrong';
  const away = new URL(database.url);
  away.port = '1';
  const run = (url: URL) => rotate({ KEY_ENCRYPTION_KEY: newKey, DATABASE_URL: url.href });
  await expect(run(wrong)).rejects.toMatchObject({
    stderr: expect.stringMatching(
      /^The database cannot be used \(.*password.*\)\. Correct its user and password in DATABASE_URL\.\n$/,
    ),
  });
  await expect(run(away)).rejects.toMatchObject({
    stderr: expect.stringMatching(
      /^The database cannot be used \(.*ECONNREFUSED.*\)\. Start Skyferry, or set DATABASE_URL/,
    ),
  });
});
