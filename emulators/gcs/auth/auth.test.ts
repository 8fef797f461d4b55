import { createSign } from 'node:crypto';
import { Storage } from '@google-cloud/storage';
import { describe, expect, it } from 'vitest';
import type { GcsServer } from '../server.ts';
import type { ServiceAccountKey } from '../service-account.ts';
import { APP, failure, raw, sdkClient, startTestServer } from '../testing/support.ts';

const scope = 'https://www.googleapis.com/auth/devstorage.read_write';

function assertion(key: ServiceAccountKey, claims: object = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: key.client_email, scope, aud: key.token_uri, iat: now, exp: now + 3600, ...claims };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'RS256', typ: 'JWT', kid: key.private_key_id })}.${part(all)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key.private_key, 'base64url')}`;
}

async function exchange(server: GcsServer, form: Record<string, string>) {
  const answer = await raw(server, 'POST', '/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
  return { status: answer.status, ...(JSON.parse(answer.text) as { error?: string; access_token?: string }) };
}

const bearer = (text: string) => ({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: text });
const list = (server: GcsServer, token: string) =>
  raw(server, 'GET', '/storage/v1/b/bucket/o', { headers: { authorization: `Bearer ${token}` } });

describe('Tokens (identity/protocols/oauth2/service-account)', () => {
  it('are given for an assertion that the key of the account signed, and for no other', async () => {
    const server = await startTestServer();
    const key = JSON.parse(server.serviceAccountKey()) as ServiceAccountKey;
    const { status, access_token = '' } = await exchange(server, bearer(assertion(key)));
    expect(status).toBe(200);
    expect((await list(server, access_token)).status).toBe(200);
    const stranger = JSON.parse(server.strangersKey()) as ServiceAccountKey;
    const now = Math.floor(Date.now() / 1000);
    for (const wrong of [
      assertion(stranger),
      assertion(key, { iss: 'nobody@example.com' }),
      assertion(key, { aud: 'https://elsewhere.example/token' }),
      assertion(key, { iat: now - 7200, exp: now - 3600 }),
      assertion(key, { iat: now + 3600, exp: now + 7200 }),
      assertion(key, { exp: now + 7200 }),
      'no assertion',
    ]) {
      expect(await exchange(server, bearer(wrong))).toMatchObject({ status: 400, error: 'invalid_grant' });
    }
  });

  it('are held to their scope, their buckets and their time', async () => {
    const server = await startTestServer({ buckets: ['bucket', 'mine'], serviceAccounts: { narrow: ['mine'] } });
    const owner = JSON.parse(server.serviceAccountKey()) as ServiceAccountKey;
    const reading = { scope: 'https://www.googleapis.com/auth/devstorage.read_only' };
    const { access_token: reader = '' } = await exchange(server, bearer(assertion(owner, reading)));
    const authorization = `Bearer ${reader}`;
    const write = await raw(server, 'PUT', '/bucket/x', { headers: { authorization }, body: 'x' });
    expect(write.status).toBe(403);
    const narrow = JSON.parse(server.serviceAccountKey('narrow')) as ServiceAccountKey;
    const { access_token = '' } = await exchange(server, bearer(assertion(narrow)));
    expect((await list(server, access_token)).status).toBe(403);
    server.tokens.expireAll();
    expect((await list(server, access_token)).status).toBe(401);
  });

  it('are given for the grant of a person until it is revoked (protocols/oauth2/web-server#offline)', async () => {
    const server = await startTestServer();
    const form = {
      grant_type: 'refresh_token',
      client_id: APP.clientId,
      client_secret: APP.clientSecret,
      refresh_token: '1//grant',
    };
    expect((await exchange(server, form)).status).toBe(200);
    expect(await exchange(server, { ...form, client_secret: 'x' })).toMatchObject({ error: 'invalid_client' });
    expect(await exchange(server, { ...form, refresh_token: 'x' })).toMatchObject({ error: 'invalid_grant' });
    server.tokens.revoke('1//grant');
    expect(await exchange(server, form)).toMatchObject({ status: 400, error: 'invalid_grant' });
  });

  it('are what the metadata server gives to who says that it is no browser', async () => {
    const server = await startTestServer();
    const path = '/computeMetadata/v1/instance/service-accounts/default/token';
    expect((await raw(server, 'GET', path)).status).toBe(403);
    const answer = await raw(server, 'GET', path, { headers: { 'metadata-flavor': 'Google' } });
    expect((await list(server, JSON.parse(answer.text).access_token)).status).toBe(200);
  });
});

describe('Signed URLs, V4 (storage/docs/authentication/canonical-requests)', () => {
  it('of the SDK open one object to who has no token, until they expire', async () => {
    const server = await startTestServer();
    await (await sdkClient(server)).bucket('bucket').file("a b/ü'(1).txt").save('signed', { resumable: false });
    const { client_email, private_key } = JSON.parse(server.serviceAccountKey()) as ServiceAccountKey;
    const signer = new Storage({ apiEndpoint: server.endpoint, credentials: { client_email, private_key } });
    const file = signer.bucket('bucket').file("a b/ü'(1).txt");
    const get = async (url: string) => {
      const { pathname, search } = new URL(url);
      return raw(server, 'GET', pathname + search, { headers: { authorization: '' } });
    };
    const sign = (accessibleAt: number, seconds: number) =>
      file.getSignedUrl({ version: 'v4', action: 'read', accessibleAt, expires: accessibleAt + seconds * 1000 });
    const [url] = await sign(Date.now(), 60);
    expect(await get(url)).toMatchObject({ status: 200, text: 'signed' });
    const tampered = await get(url.replace('.txt', '.bin'));
    expect(tampered).toMatchObject({
      status: 403,
      text: expect.stringContaining('<Code>SignatureDoesNotMatch</Code>'),
    });
    expect((await get(url.replace('X-Goog-Expires=60', 'X-Goog-Expires=61'))).status).toBe(403);
    // The SDK refuses to sign what has expired already: it is signed with a clock that is an hour behind.
    const late = url.replace(/X-Goog-Date=\w+/, 'X-Goog-Date=20200101T000000Z');
    expect((await get(late)).text).toContain('<Code>ExpiredToken</Code>');
  });
});

it('requests without a token are refused in the form of their API', async () => {
  const server = await startTestServer();
  const json = await raw(server, 'GET', '/storage/v1/b/bucket/o', { headers: { authorization: '' } });
  expect(json.status).toBe(401);
  expect(JSON.parse(json.text)).toMatchObject({ error: { code: 401, errors: [{ reason: 'authError' }] } });
  const xml = await raw(server, 'GET', '/bucket/x', { headers: { authorization: '' } });
  expect(xml).toMatchObject({ status: 401, text: expect.stringContaining('<Code>AuthenticationRequired</Code>') });
  expect(await failure((await sdkClient(server)).bucket('none-such').getFiles())).toMatchObject({ code: 404 });
});
