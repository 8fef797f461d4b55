import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { encodeGlobalId } from './global-id.ts';

const errors = 'userErrors { field code message }';
const start = `mutation ($input: StartOAuthInput!) { startOAuth(input: $input) { authorizationUrl ${errors} } }`;
const complete = `mutation ($input: CompleteOAuthInput!) { completeOAuth(input: $input) { account { id } ${errors} } }`;

/** A token endpoint that answers as it is told; what it was asked, in order. */
interface Tokens {
  server: Server;
  url: string;
  asked: URLSearchParams[];
  answer: { status: number; body: unknown; headers?: Record<string, string> };
  /** Called with each exchange, whose answer waits for it. */
  beforeAnswer: () => Promise<void>;
}

async function startTokens(): Promise<Tokens> {
  const server = createServer(async (request, response) => {
    const path = request.url ?? '';
    if (request.method !== 'POST' || !['/oauth2/token', '/token'].includes(path)) {
      response.writeHead(404).end();
      return;
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    // What a provider's check asks is not what the flow asks.
    if (form.get('grant_type') !== 'authorization_code') {
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
      return;
    }
    tokens.asked.push(form);
    await tokens.beforeAnswer();
    const { status, body: answer, headers } = tokens.answer;
    response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { server, url, asked: [], answer: granted, beforeAnswer: async () => {} };
}

const granted = {
  status: 200,
  body: { access_token: 'short', refresh_token: 'the-lasting-grant', expires_in: 14_400 },
};
const unknownState = [
  { field: ['input', 'state'], code: 'NOT_FOUND', message: expect.stringContaining('Begin again') },
];

let tokens: Tokens;
let api: TestApi;
let token: string;
let userId: string;
beforeAll(async () => {
  tokens = await startTokens();
  api = await startTestApi({
    PUBLIC_URL: 'https://ferry.example.org/',
    DROPBOX_APP_KEY: 'the-app',
    DROPBOX_ENDPOINT: `${tokens.url}/`,
    GOOGLE_ENDPOINT: tokens.url,
    GOOGLE_OAUTH_CLIENT_ID: 'the-client',
    GOOGLE_OAUTH_CLIENT_SECRET: 'the-client-secret',
  });
});
afterAll(async () => {
  await api.close();
  tokens.server.close();
});
beforeEach(async () => {
  tokens.asked = [];
  tokens.answer = granted;
  tokens.beforeAnswer = async () => {};
  ({ token, userId } = await api.signUp());
});
afterEach(() => {
  const logged = JSON.stringify(api.logLines());
  expect(['the-lasting-grant', 'the-code', 'the-client-secret'].filter((secret) => logged.includes(secret))).toEqual(
    [],
  );
});

const begin = async (input: object = { provider: 'DROPBOX' }): Promise<URL> => {
  const { data } = await api.query(start, { input }, { token });
  expect(data.startOAuth.userErrors).toEqual([]);
  return new URL(data.startOAuth.authorizationUrl);
};
const stateOf = (url: URL) => url.searchParams.get('state') ?? '';
const end = async (input: object, as = token) => {
  const { data } = await api.query(complete, { input: { code: 'the-code', name: 'Box', ...input } }, { token: as });
  return data.completeOAuth;
};
/** Lets exchanges wait for `release`; `asked` resolves when the first one does. */
const holdTokens = () => {
  const [began, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  tokens.beforeAnswer = () => {
    began.resolve();
    return released.promise;
  };
  return { asked: began.promise, release: released.resolve };
};
const asked = () => tokens.asked.map((form) => Object.fromEntries(form));
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url');

describe('the way to the cloud', () => {
  test('asks for a lasting grant of the least rights, with PKCE, and leads back to the app', async () => {
    const url = await begin();
    expect(url.origin + url.pathname).toBe(`${tokens.url}/oauth2/authorize`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: 'the-app',
      redirect_uri: 'https://ferry.example.org/accounts/connected/dropbox',
      state: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      token_access_type: 'offline',
      scope: 'account_info.read files.metadata.read files.content.read files.content.write',
    });
    const google = await begin({ provider: 'GCS' });
    expect(Object.fromEntries(google.searchParams)).toMatchObject({
      client_id: 'the-client',
      redirect_uri: 'https://ferry.example.org/accounts/connected/gcs',
      access_type: 'offline',
      prompt: 'consent',
      scope: expect.stringContaining('devstorage.read_write'),
    });
    expect(google.href).not.toContain('the-client-secret');
  });

  test('neither state nor verifier can be read in the database', async () => {
    const url = await begin();
    await end({ state: stateOf(url) });
    const verifier = asked()[0]?.code_verifier ?? '';
    await begin();
    const rows = await api.db.oauthFlow.findMany({ where: { userId } });
    expect(rows).toHaveLength(1);
    expect(sha256(verifier)).toBe(url.searchParams.get('code_challenge'));
    const kept = rows.map(({ sealedVerifier, stateHash }) =>
      Buffer.concat([sealedVerifier, stateHash]).toString('latin1'),
    );
    expect(kept.join()).not.toContain(stateOf(url));
  });

  test('where the operator registered no app, it says what the operator has to do', async () => {
    const bare = await startTestApi();
    try {
      const user = await bare.signUp();
      const { data } = await bare.query('{ instance { oauthProviders machineIdentityAllowed } }');
      expect(data.instance).toEqual({ oauthProviders: [], machineIdentityAllowed: false });
      for (const [provider, variable] of [
        ['DROPBOX', 'DROPBOX_APP_KEY'],
        ['GCS', 'GOOGLE_OAUTH_CLIENT_ID'],
      ]) {
        const refused = await bare.query(start, { input: { provider } }, { token: user.token });
        expect(refused.data.startOAuth).toEqual({
          authorizationUrl: null,
          userErrors: [
            {
              field: ['input', 'provider'],
              code: 'NOT_SUPPORTED',
              message: expect.stringContaining(variable as string),
            },
          ],
        });
      }
    } finally {
      await bare.close();
    }
    const { data } = await api.query('{ instance { oauthProviders } }');
    expect(data.instance.oauthProviders).toEqual(['DROPBOX', 'GCS']);
  });

  test('an account of another kind of cloud, a foreign and an unknown one are refused', async () => {
    const stranger = await api.signUp();
    const account = async (owner: string, provider: 'DROPBOX' | 'S3') => {
      const data = { userId: owner, provider, name: 'A', identity: 'a', keyId: 'test' };
      const { id } = await api.db.cloudAccount.create({ data: { ...data, sealedCredentials: new Uint8Array(1) } });
      return encodeGlobalId('CloudAccount', id);
    };
    const refusal = async (accountId: string) => {
      const { data } = await api.query(start, { input: { provider: 'DROPBOX', accountId } }, { token });
      return data.startOAuth.userErrors;
    };
    expect(await refusal(await account(userId, 'S3'))).toMatchObject([{ code: 'CONFLICT' }]);
    const foreign = await refusal(await account(stranger.userId, 'DROPBOX'));
    expect(foreign).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'accountId'] }]);
    expect(await refusal(encodeGlobalId('CloudAccount', '01900000-0000-7000-8000-000000000000'))).toEqual(foreign);
    expect(await api.db.oauthFlow.count({ where: { userId } })).toBe(0);
    const own = await begin({ provider: 'DROPBOX', accountId: await account(userId, 'DROPBOX') });
    expect(stateOf(own)).not.toBe('');
  });
});

describe('the way back', () => {
  test('exchanges the code with the verifier of the flow; Google’s with the secret of the app too', async () => {
    const url = await begin({ provider: 'GCS' });
    await end({ state: stateOf(url), projectId: 'harbour-1' });
    expect(asked()).toEqual([
      {
        grant_type: 'authorization_code',
        code: 'the-code',
        redirect_uri: 'https://ferry.example.org/accounts/connected/gcs',
        client_id: 'the-client',
        client_secret: 'the-client-secret',
        code_verifier: expect.stringMatching(/^[\w-]{43}$/),
      },
    ]);
    expect(sha256(asked()[0]?.code_verifier ?? '')).toBe(url.searchParams.get('code_challenge'));
  });

  test('a grant that its cloud does not take afterwards is not kept', async () => {
    const { account, userErrors } = await end({ state: stateOf(await begin()) });
    expect(account).toBeNull();
    expect(userErrors).toHaveLength(1);
    expect(asked()).toHaveLength(1);
    expect(await api.db.cloudAccount.count({ where: { userId } })).toBe(0);
  });

  test('a state works once, whoever comes at the same time', async () => {
    const state = stateOf(await begin());
    const client = new pg.Client({ connectionString: api.config.DATABASE_URL });
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM oauth_flow WHERE user_id = $1 FOR UPDATE', [userId]);
    const ends = Array.from({ length: 4 }, () => end({ state }));
    // All have seen the flow, and wait to take it.
    await expect
      .poll(async () => {
        // From outside: a transaction sees the activity of its beginning.
        const waiting = await api.db.$queryRaw<unknown[]>`
          SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        return waiting.length;
      })
      .toBe(4);
    await client.query('COMMIT');
    await client.end();
    const answers = await Promise.all(ends);
    expect(tokens.asked).toHaveLength(1);
    const refused = answers.filter(({ userErrors }) => userErrors[0].code === 'NOT_FOUND');
    expect(refused).toHaveLength(3);
    expect(await end({ state })).toEqual({ account: null, userErrors: unknownState });
    expect(tokens.asked).toHaveLength(1);
  });

  test('a repetition by key waits for the first to end, whose failure it tells as a state that was used', async () => {
    const state = stateOf(await begin());
    const held = holdTokens();
    const first = end({ state, idempotencyKey: state });
    await held.asked;
    let answered = false;
    const second = end({ state, idempotencyKey: state }).finally(() => {
      answered = true;
    });
    // Whoever names no key, and whoever else comes, does not wait.
    expect(await end({ state })).toEqual({ account: null, userErrors: unknownState });
    const stranger = await api.signUp();
    expect((await end({ state, idempotencyKey: state }, stranger.token)).userErrors).toEqual(unknownState);
    expect(answered).toBe(false);
    held.release();
    expect((await first).userErrors).not.toMatchObject([{ code: 'NOT_FOUND' }]);
    expect(await second).toEqual({ account: null, userErrors: unknownState });
    expect(tokens.asked).toHaveLength(1);
    expect(await api.db.oauthFlow.count({ where: { userId } })).toBe(0);
  });

  test('a flow whose completion died is not waited for longer than that may take', async () => {
    const state = stateOf(await begin());
    await api.db.oauthFlow.updateMany({
      where: { userId },
      data: { takenAt: new Date(Date.now() - 70_001), expiresAt: new Date(Date.now() - 1) },
    });
    expect(await end({ state, idempotencyKey: state })).toEqual({ account: null, userErrors: unknownState });
    expect(tokens.asked).toEqual([]);
  });

  test('a state of somebody else is as good as none, and stays theirs', async () => {
    const state = stateOf(await begin());
    const stranger = await api.signUp();
    const foreign = await end({ state }, stranger.token);
    expect(foreign).toEqual({ account: null, userErrors: unknownState });
    expect(await end({ state: 'never given out' })).toEqual(foreign);
    expect(tokens.asked).toEqual([]);
    await end({ state });
    expect(tokens.asked).toHaveLength(1);
  });

  test('a state older than ten minutes is as good as none', async () => {
    const state = stateOf(await begin());
    const { expiresAt } = await api.db.oauthFlow.findFirstOrThrow({ where: { userId } });
    expect(Math.abs(expiresAt.getTime() - Date.now() - 600_000)).toBeLessThan(30_000);
    await api.db.oauthFlow.updateMany({ where: { userId }, data: { expiresAt: new Date(Date.now() - 1) } });
    expect(await end({ state })).toEqual({ account: null, userErrors: unknownState });
    expect(tokens.asked).toEqual([]);
  });

  test('a wrong name or project is refused before the state is used up', async () => {
    const state = stateOf(await begin({ provider: 'GCS' }));
    expect((await end({ state, name: ' ' })).userErrors).toMatchObject([{ field: ['input', 'name'] }]);
    expect((await end({ state, projectId: 'two words' })).userErrors).toMatchObject([
      { field: ['input', 'projectId'] },
    ]);
    expect(tokens.asked).toEqual([]);
    await end({ state });
    expect(tokens.asked).toHaveLength(1);
  });

  test.each([
    ['a code that is refused', { status: 400, body: { error: 'invalid_grant' } }, 'CREDENTIALS_INVALID', /Begin again/],
    ['another refusal', { status: 400, body: { error: 'odd' } }, 'CREDENTIALS_INVALID', /Begin again/],
    ['no lasting grant', { status: 200, body: { access_token: 'a' } }, 'CREDENTIALS_INVALID', /no lasting grant/],
    ['an app that is refused', { status: 401, body: { error: 'invalid_client' } }, 'NOT_SUPPORTED', /DROPBOX_APP_KEY/],
    ['a cloud in a hurry', { status: 429, body: '', headers: { 'retry-after': '5' } }, 'THROTTLED', /fewer/],
    ['a cloud in trouble', { status: 503, body: 'the-lasting-grant' }, 'PROVIDER_UNAVAILABLE', /trouble/],
    ['a web page', { status: 200, body: '<html>the-lasting-grant' }, 'ENDPOINT_INVALID', /does not answer as/],
    ['a redirect', { status: 302, body: '', headers: { location: '/token' } }, 'ENDPOINT_INVALID', /does not answer/],
    ['more than an answer', { status: 200, body: 'x'.repeat(100_000) }, 'ENDPOINT_INVALID', /more than/],
  ])('%s is named, with what to do', async (_name, answer, code, message) => {
    tokens.answer = answer;
    const { account, userErrors } = await end({ state: stateOf(await begin()) });
    expect(account).toBeNull();
    expect(userErrors).toEqual([expect.objectContaining({ code, message: expect.stringMatching(message) })]);
    expect(JSON.stringify(userErrors)).not.toContain('the-lasting-grant');
    expect(await api.db.oauthFlow.count({ where: { userId } })).toBe(0);
  });

  test('a stand-in at an address that the operator did not list is not connected to', async () => {
    const strict = await startTestApi({
      DROPBOX_APP_KEY: 'the-app',
      DROPBOX_ENDPOINT: tokens.url,
      ALLOWED_PRIVATE_ADDRESSES: '',
    });
    try {
      const user = await strict.signUp();
      const begun = await strict.query(start, { input: { provider: 'DROPBOX' } }, { token: user.token });
      const state = stateOf(new URL(begun.data.startOAuth.authorizationUrl));
      const { data } = await strict.query(complete, { input: { state, code: 'the-code' } }, { token: user.token });
      expect(data.completeOAuth.userErrors).toMatchObject([{ code: 'ADDRESS_NOT_ALLOWED' }]);
      expect(tokens.asked).toEqual([]);
    } finally {
      await strict.close();
    }
  });
});

test('sign-ins can be begun 60 times in 10 minutes', async () => {
  for (let tries = 0; tries < 60; tries++) await begin();
  const { data } = await api.query(start, { input: { provider: 'DROPBOX' } }, { token });
  expect(data.startOAuth.userErrors).toMatchObject([{ code: 'RATE_LIMITED' }]);
});
