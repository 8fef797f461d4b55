import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createKeyring, seal } from '../core/secrets.ts';
import { type DropboxServer, startDropboxServer } from '../emulators/dropbox/server.ts';
import { type GcsServer, startGcsServer } from '../emulators/gcs/server.ts';
import { isConnected, openCredentials } from '../storage/open-account.ts';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { decodeGlobalId } from './global-id.ts';

const errors = 'userErrors { field code message }';
const start = `mutation ($input: StartOAuthInput!) { startOAuth(input: $input) { authorizationUrl ${errors} } }`;
const complete = `mutation ($input: CompleteOAuthInput!) { completeOAuth(input: $input) {
  account { id provider name identity status } ${errors} } }`;
const check = `mutation ($input: TestAccountInput!) { testAccount(input: $input) {
  account { status error { code } } ${errors} } }`;
const disconnect = `mutation ($input: DisconnectAccountInput!) { disconnectAccount(input: $input) {
  account { status } ${errors} } }`;
const browse = 'query ($id: ID!) { cloudAccount(id: $id) { entries { nodes { path } } } }';

let dropbox: DropboxServer;
let google: GcsServer;
/** Two processes of one installation. */
let apis: [TestApi, TestApi];
let token: string;
let userId: string;
beforeAll(async () => {
  const publicUrl = 'https://ferry.example.org';
  dropbox = await startDropboxServer({
    apps: [{ key: 'the-app', redirectUris: [`${publicUrl}/accounts/connected/dropbox`] }],
    accounts: [{ id: 'ann' }, { id: 'bob' }],
  });
  const app = { clientId: 'the-client', clientSecret: 'the-client-secret' };
  google = await startGcsServer({
    buckets: ['harbour'],
    apps: [{ ...app, redirectUris: [`${publicUrl}/accounts/connected/gcs`] }],
  });
  const settings = {
    PUBLIC_URL: publicUrl,
    DROPBOX_APP_KEY: 'the-app',
    DROPBOX_ENDPOINT: dropbox.endpoint,
    GOOGLE_ENDPOINT: google.endpoint,
    GOOGLE_OAUTH_CLIENT_ID: app.clientId,
    GOOGLE_OAUTH_CLIENT_SECRET: app.clientSecret,
  };
  const first = await startTestApi(settings);
  const { DATABASE_URL, REDIS_URL, KEY_ENCRYPTION_KEY, AUTH_SECRET } = first.config;
  apis = [first, await startTestApi({ ...settings, DATABASE_URL, REDIS_URL, KEY_ENCRYPTION_KEY, AUTH_SECRET })];
});
afterAll(async () => {
  await apis?.[1].close();
  await apis?.[0].close();
  await Promise.all([dropbox?.close(), google?.close()]);
});
beforeEach(async () => {
  ({ token, userId } = await apis[0].signUp());
});

/** Signs in at the cloud as a browser does, and comes back with what it sends along. */
async function signInAt(provider: 'DROPBOX' | 'GCS', accountId?: string) {
  const begun = await apis[0].query(start, { input: { provider, accountId } }, { token });
  const consent = await fetch(begun.data.startOAuth.authorizationUrl, { redirect: 'manual' });
  const back = new URL(consent.headers.get('location') ?? '');
  expect(back.origin + back.pathname).toBe(`https://ferry.example.org/accounts/connected/${provider.toLowerCase()}`);
  return { state: back.searchParams.get('state'), code: back.searchParams.get('code') };
}

async function connect(provider: 'DROPBOX' | 'GCS', more: { name: string; projectId?: string }) {
  const { state, code } = await signInAt(provider);
  // Whichever process the person comes back to.
  const { data } = await apis[1].query(complete, { input: { state, code, ...more } }, { token });
  expect(data.completeOAuth.userErrors).toEqual([]);
  return data.completeOAuth.account as Record<'id' | 'provider' | 'name' | 'status', string>;
}

const connectDropbox = () => connect('DROPBOX', { name: 'My Dropbox' });
const connectGoogle = () => connect('GCS', { name: 'My Google', projectId: google.projectId });

/** The refresh token of an account, out of its sealed credentials. */
async function grantOf(globalId: string): Promise<string> {
  const row = await apis[0].db.cloudAccount.findUniqueOrThrow({ where: { id: decodeGlobalId(globalId).id } });
  if (!isConnected(row)) throw new Error('The account has no credentials.');
  const credentials = openCredentials(createKeyring(apis[0].config.KEY_ENCRYPTION_KEY), row);
  return 'refreshToken' in credentials ? (credentials.refreshToken as string) : '';
}

/** Neither the database nor a log holds it in clear. */
async function expectHidden(secret: string): Promise<void> {
  const rows = await apis[0].db.cloudAccount.findMany({ where: { userId }, include: { accessToken: true } });
  const kept = rows.flatMap(({ sealedCredentials, accessToken }) => [sealedCredentials, accessToken?.sealedToken]);
  for (const bytes of kept) expect(Buffer.from(bytes as Uint8Array).includes(secret)).toBe(false);
  for (const api of apis) expect(JSON.stringify(api.logLines())).not.toContain(secret);
}

const list = async (api: TestApi, id: string) => {
  const answer = await api.query(browse, { id }, { token });
  return answer.errors?.[0]?.extensions.code ?? answer.data.cloudAccount.entries.nodes;
};

async function expectRevoked(id: string): Promise<void> {
  for (const api of apis) expect(await list(api, id)).toBe('CREDENTIALS_INVALID');
  const { data } = await apis[0].query(check, { input: { id } }, { token });
  expect(data.testAccount).toEqual({
    account: { status: 'FAILING', error: { code: 'CREDENTIALS_INVALID' } },
    userErrors: [],
  });
}

describe('a Dropbox', () => {
  const refreshes = () => dropbox.observer.count('oauth2/token');

  test('is connected by signing in there, and browsed; the grant lies sealed and is logged nowhere', async () => {
    const account = await connectDropbox();
    expect(account).toMatchObject({ provider: 'DROPBOX', name: 'My Dropbox', status: 'CONNECTED' });
    expect(await list(apis[0], account.id)).toEqual([{ path: 'dropbox/' }]);
    await expectHidden(await grantOf(account.id));
  });

  test('whose access token has expired gets one new one for two processes that ask together', async () => {
    const { id } = await connectDropbox();
    for (const api of apis) await list(api, id);
    const before = refreshes();
    for (let round = 1; round <= 3; round++) {
      dropbox.expireAccessTokens();
      const found = await Promise.all([...apis, ...apis, ...apis].map((api) => list(api, id)));
      for (const nodes of found) expect(nodes).toEqual([{ path: 'dropbox/' }]);
      expect(refreshes() - before).toBe(round);
    }
  });

  test('whose grant was taken back says so, and is failing once it is tested', async () => {
    const { id } = await connectDropbox();
    dropbox.revokeGrant(await grantOf(id));
    await expectRevoked(id);
  });
});

describe('a return', () => {
  test('that is reloaded brings the account of the first call, which goes on though its caller left', async () => {
    const { state, code } = await signInAt('DROPBOX');
    const input = { state, code, name: 'My Dropbox', idempotencyKey: state };
    const { promise: until, resolve: release } = Promise.withResolvers<void>();
    const { hit } = dropbox.faults.add({ match: { route: 'oauth2/token' }, action: { kind: 'hold', until } });
    const leaving = new AbortController();
    const left = fetch(`${apis[0].url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: complete, variables: { input } }),
      signal: leaving.signal,
    }).catch((error) => error.name);
    await hit;
    const again = apis.map((api) => api.query(complete, { input }, { token }));
    leaving.abort();
    expect(await left).toBe('AbortError');
    // Whoever names no key does not wait; by then the others have been heard.
    const { data } = await apis[0].query(complete, { input: { state, code } }, { token });
    expect(data.completeOAuth.userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
    release();
    const answers = (await Promise.all(again)).map((answer) => answer.data.completeOAuth);
    const accounts = await apis[0].db.cloudAccount.findMany({ where: { userId } });
    expect(accounts).toHaveLength(1);
    for (const { account, userErrors } of answers) {
      expect(userErrors).toEqual([]);
      expect(decodeGlobalId(account.id).id).toBe(accounts[0]?.id);
    }
    expect(await apis[0].db.oauthFlow.count({ where: { userId } })).toBe(0);
  });

  test('with a grant that is not kept gives it back', async () => {
    const { id } = await connectDropbox();
    const givenBack = dropbox.observer.waitFor({ route: 'auth/token/revoke' }, 'finished');
    dropbox.signIn('bob');
    try {
      const { state, code } = await signInAt('DROPBOX', id);
      const { data } = await apis[0].query(complete, { input: { state, code } }, { token });
      expect(data.completeOAuth.userErrors).toMatchObject([{ code: 'CONFLICT', field: ['input', 'code'] }]);
    } finally {
      dropbox.signIn('ann');
    }
    expect((await givenBack).status).toBe(200);
    // The grant of the account itself goes on.
    dropbox.expireAccessTokens();
    expect(await list(apis[0], id)).toEqual([{ path: 'dropbox/' }]);
  });

  test('tells why it failed also where the grant cannot be given back', async () => {
    const { id } = await connectDropbox();
    dropbox.signIn('bob');
    const { hit } = dropbox.faults.add({ match: { route: 'auth/token/revoke' }, action: { kind: 'reset' } });
    try {
      const { state, code } = await signInAt('DROPBOX', id);
      const { data } = await apis[0].query(complete, { input: { state, code } }, { token });
      expect(data.completeOAuth.userErrors).toMatchObject([{ code: 'CONFLICT', field: ['input', 'code'] }]);
      await hit;
    } finally {
      dropbox.signIn('ann');
    }
  });
});

describe('an account that is disconnected', () => {
  const end = async (id: string) => (await apis[0].query(disconnect, { input: { id } }, { token })).data;
  const gone = { disconnectAccount: { account: { status: 'DISCONNECTED' }, userErrors: [] } };
  const revocations = () => dropbox.observer.count('auth/token/revoke');

  /** Whether Dropbox takes a grant. */
  async function isGood(refresh_token: string): Promise<boolean> {
    const form = { grant_type: 'refresh_token', refresh_token, client_id: 'the-app' };
    const address = `${dropbox.endpoint}/oauth2/token`;
    return (await fetch(address, { method: 'POST', body: new URLSearchParams(form) })).ok;
  }

  test('gives its grant back to Dropbox, and no other one', async () => {
    const [first, second] = [await connectDropbox(), await connectDropbox()];
    const [ended, other] = [await grantOf(first.id), await grantOf(second.id)];
    expect(await end(first.id)).toEqual(gone);
    expect([await isGood(ended), await isGood(other)]).toEqual([false, true]);
    const before = revocations();
    expect(await end(first.id)).toEqual(gone);
    expect(revocations()).toBe(before);
  });

  test('keeps the grant that another account lives on', async () => {
    const [first, second] = [await connectDropbox(), await connectDropbox()];
    const { db, config } = apis[0];
    const keyring = createKeyring(config.KEY_ENCRYPTION_KEY);
    const row = await db.cloudAccount.findUniqueOrThrow({ where: { id: decodeGlobalId(first.id).id } });
    if (!isConnected(row)) throw new Error('The account has no credentials.');
    const where = { id: decodeGlobalId(second.id).id };
    const { keyId, bytes } = seal(keyring, where.id, openCredentials(keyring, row));
    await db.cloudAccount.update({ where, data: { keyId, sealedCredentials: bytes } });
    const grant = await grantOf(first.id);
    expect(await end(first.id)).toEqual(gone);
    expect(await isGood(grant)).toBe(true);
    expect(await end(second.id)).toEqual(gone);
    expect(await isGood(grant)).toBe(false);
  });

  test("does so without opening the accounts of other people's Dropbox", async () => {
    const [first, second] = [await connectDropbox(), await connectDropbox()];
    const other = { identity: 'somebody@else.example', sealedCredentials: Buffer.from('damaged') };
    await apis[0].db.cloudAccount.update({ where: { id: decodeGlobalId(second.id).id }, data: other });
    const grant = await grantOf(first.id);
    expect(await end(first.id)).toEqual(gone);
    expect(await isGood(grant)).toBe(false);
  });

  test.each(['oauth2/token', 'auth/token/revoke'])('is so also when Dropbox fails at %s', async (route) => {
    const { id } = await connectDropbox();
    const { hit } = dropbox.faults.add({ match: { route }, action: { kind: 'reset' } });
    expect(await end(id)).toEqual(gone);
    await hit;
  });

  // Its connections themselves would give up after a minute.
  test('is so also when Dropbox never answers', { timeout: 20_000 }, async () => {
    const { id } = await connectDropbox();
    const { promise: until, resolve: release } = Promise.withResolvers<void>();
    const { hit } = dropbox.faults.add({ match: { route: 'auth/token/revoke' }, action: { kind: 'hold', until } });
    expect(await end(id)).toEqual(gone);
    await hit;
    release();
  });

  test('is so also when its grant had ended, and when its credentials do not open', async () => {
    const [first, second] = [await connectDropbox(), await connectDropbox()];
    dropbox.revokeGrant(await grantOf(first.id));
    expect(await end(first.id)).toEqual(gone);
    const where = { id: decodeGlobalId(second.id).id };
    await apis[0].db.cloudAccount.update({ where, data: { sealedCredentials: Buffer.from('damaged') } });
    expect(await end(second.id)).toEqual(gone);
  });
});

describe('a Google account', () => {
  const refreshes = () => google.observer.count('token');

  test('is connected by signing in there, and browsed; the grant lies sealed and is logged nowhere', async () => {
    const account = await connectGoogle();
    expect(account).toMatchObject({
      provider: 'GCS',
      name: 'My Google',
      identity: 'person@example.com',
      status: 'CONNECTED',
    });
    expect(await list(apis[0], account.id)).toEqual([{ path: 'harbour/' }]);
    const grant = await grantOf(account.id);
    expect(grant).toMatch(/^1\/\//);
    await expectHidden(grant);
  });

  test('gets one access token for two processes, and says that its grant was taken back', async () => {
    const { id } = await connectGoogle();
    for (const api of apis) await list(api, id);
    const before = refreshes();
    for (let round = 1; round <= 3; round++) {
      google.tokens.expireAll();
      const found = await Promise.all([...apis, ...apis].map((api) => list(api, id)));
      for (const nodes of found) expect(nodes).toEqual([{ path: 'harbour/' }]);
      expect(refreshes() - before).toBe(round);
    }
    google.tokens.revoke(await grantOf(id));
    google.tokens.expireAll();
    await expectRevoked(id);
  });
});
