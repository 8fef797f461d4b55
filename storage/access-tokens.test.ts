import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDb, type Db } from '../core/db.ts';
import { createKeyring } from '../core/secrets.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/databases.ts';
import { createUser, type TestUser } from '../test/support/transfers.ts';
import { type AccessToken, storedAccessTokens } from './access-tokens.ts';

const keyring = createKeyring(`test:${randomBytes(32).toString('base64')}`);
const signal = new AbortController().signal;
let database: TestDatabase;
let db: Db;
let user: TestUser;
let accountId: string;
let refreshed: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 8 });
  user = await createUser(db);
});
afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});
beforeEach(async () => {
  const data = { userId: user.userId, provider: 'DROPBOX', name: 'A', identity: 'a', keyId: 'test' } as const;
  ({ id: accountId } = await db.cloudAccount.create({ data: { ...data, sealedCredentials: new Uint8Array(1) } }));
  refreshed = [];
});

/** As one process has it. */
const tokens = (grant = 'grant') => storedAccessTokens({ db, keyring, accountId, grant });
const refresh =
  (token: string, lifeMs = 3_600_000) =>
  async (): Promise<AccessToken> => {
    refreshed.push(token);
    return { token, expiresAt: new Date(Date.now() + lifeMs) };
  };

test('processes that ask at the same time share one refresh, whose token is kept sealed', async () => {
  const waiting = () => db.$queryRaw<unknown[]>`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
  /** Answers once all others wait for it, or have not waited. */
  const slowly = async () => {
    const token = await refresh('first')();
    await expect.poll(async () => refreshed.length > 1 || (await waiting()).length >= 4).toBe(true);
    return token;
  };
  const found = await Promise.all(Array.from({ length: 5 }, () => tokens().get(slowly, signal)));
  expect(found).toEqual(Array.from({ length: 5 }, () => 'first'));
  expect(refreshed).toEqual(['first']);
  const row = await db.accessToken.findUniqueOrThrow({ where: { accountId } });
  expect(Buffer.from(row.sealedToken).includes('first')).toBe(false);
});

test('a token that is refused or about to expire is replaced once', async () => {
  const [one, other] = [tokens(), tokens()];
  await one.get(refresh('short', 30_000), signal);
  expect(await one.get(refresh('first'), signal)).toBe('first');
  expect(await other.get(refresh('unused'), signal)).toBe('first');
  one.refused('first');
  other.refused('first');
  expect(await one.get(refresh('second'), signal)).toBe('second');
  expect(await other.get(refresh('unused'), signal)).toBe('second');
  expect(refreshed).toEqual(['short', 'first', 'second']);
});

test('a token of former credentials is used by those who still have these alone', async () => {
  const former = tokens('former');
  expect(await former.get(refresh('of the former'), signal)).toBe('of the former');
  const replaced = tokens('replaced');
  expect(await replaced.get(refresh('of the new'), signal)).toBe('of the new');
  expect(await tokens('replaced').get(refresh('unused'), signal)).toBe('of the new');
  expect(await tokens('former').get(refresh('again of the former'), signal)).toBe('again of the former');
});

test('a disconnected account gets its token kept by nobody', async () => {
  await db.cloudAccount.update({ where: { id: accountId }, data: { keyId: null, sealedCredentials: null } });
  expect(await tokens().get(refresh('late'), signal)).toBe('late');
  expect(await db.accessToken.count({ where: { accountId } })).toBe(0);
});

test('who gives up waiting is let go at once, and the others get the token all the same', async () => {
  const one = tokens();
  const { promise, resolve } = Promise.withResolvers<AccessToken>();
  const controller = new AbortController();
  const given = Promise.withResolvers<void>();
  const slow = () => {
    refreshed.push('slow');
    given.resolve();
    return promise;
  };
  const [leaving, staying] = [one.get(slow, controller.signal), one.get(slow, signal)];
  await given.promise;
  controller.abort();
  await expect(leaving).rejects.toMatchObject({ code: 'CANCELLED' });
  resolve({ token: 'slow', expiresAt: new Date(Date.now() + 3_600_000) });
  expect(await staying).toBe('slow');
  expect(refreshed).toEqual(['slow']);
});
