import { describe, expect, it } from 'vitest';
import type { GcsServer } from '../server.ts';
import { APP, raw, sdkClient, startTestServer } from '../testing/support.ts';

const redirectUri = 'https://app.example.com/back';
const app = { ...APP, redirectUris: [redirectUri] };
const scope = 'https://www.googleapis.com/auth/devstorage.read_write';

/** What of the vendor's own client signs people in. */
interface SignInClient {
  redirectUri: string;
  endpoints: { oauth2AuthBaseUrl: string };
  generateCodeVerifierAsync(): Promise<{ codeVerifier: string; codeChallenge: string }>;
  generateAuthUrl(options: Record<string, string>): string;
  getToken(options: { code: string; codeVerifier?: string; redirect_uri?: string }): Promise<{
    tokens: { access_token: string; refresh_token?: string; scope?: string };
  }>;
}

async function start() {
  const server = await startTestServer({ apps: [app] });
  const client = (await (await sdkClient(server)).authClient.getClient()) as unknown as SignInClient;
  client.redirectUri = redirectUri;
  client.endpoints.oauth2AuthBaseUrl = `${server.endpoint}/o/oauth2/v2/auth`;
  const { codeVerifier, codeChallenge } = await client.generateCodeVerifierAsync();
  const signIn = async (more: Record<string, string> = {}) => {
    const pkce = { code_challenge: codeChallenge, code_challenge_method: 'S256' };
    const url = client.generateAuthUrl({ access_type: 'offline', scope, state: 'once', ...pkce, ...more });
    const page = await fetch(url, { redirect: 'manual' });
    return new URL(page.headers.get('location') ?? '');
  };
  const codeOf = async (more?: Record<string, string>) => (await signIn(more)).searchParams.get('code') ?? '';
  return { server, client, codeVerifier, signIn, codeOf };
}

const list = (server: GcsServer, token: string) =>
  raw(server, 'GET', '/storage/v1/b/bucket/o', { headers: { authorization: `Bearer ${token}` } });

const refused = (error: string) => ({ response: { status: 400, data: { error } } });

describe('Signing in (protocols/oauth2/web-server)', () => {
  it('hands out a code that the vendor’s client redeems once, with the verifier of its challenge', async () => {
    const { server, client, codeVerifier, signIn } = await start();
    const back = await signIn();
    expect(back.origin + back.pathname).toBe(redirectUri);
    expect(back.searchParams.get('state')).toBe('once');
    const code = back.searchParams.get('code') ?? '';
    const { tokens } = await client.getToken({ code, codeVerifier });
    expect(tokens).toMatchObject({ scope, refresh_token: expect.stringMatching(/^1\/\//) });
    expect((await list(server, tokens.access_token)).status).toBe(200);
    await expect(client.getToken({ code, codeVerifier })).rejects.toMatchObject(refused('invalid_grant'));
    const form = { grant_type: 'refresh_token', client_id: app.clientId, client_secret: app.clientSecret };
    const renewed = await raw(server, 'POST', '/token', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ ...form, refresh_token: tokens.refresh_token ?? '' }).toString(),
    });
    expect(renewed.status).toBe(200);
  });

  it('takes a code from nobody without its verifier, and for no other redirect URI', async () => {
    const { client, codeVerifier, codeOf } = await start();
    for (const [given, error] of [
      [{}, 'invalid_grant'],
      [{ codeVerifier: 'x'.repeat(43) }, 'invalid_grant'],
      [{ codeVerifier, redirect_uri: `${redirectUri}/` }, 'redirect_uri_mismatch'],
    ] as const) {
      await expect(client.getToken({ code: await codeOf(), ...given })).rejects.toMatchObject(refused(error));
    }
  });

  it('gives a refresh token offline alone, and again only when the consent is asked for again', async () => {
    const { client, codeVerifier, codeOf } = await start();
    const lasts = async (more: Record<string, string>) =>
      (await client.getToken({ code: await codeOf(more), codeVerifier })).tokens.refresh_token !== undefined;
    expect(await lasts({ access_type: 'online' })).toBe(false);
    expect(await lasts({})).toBe(false);
    expect(await lasts({ prompt: 'consent' })).toBe(true);
  });

  it('holds tokens to the scopes that were asked for', async () => {
    const { server, client, codeVerifier, codeOf } = await start();
    const reading = { scope: 'https://www.googleapis.com/auth/devstorage.read_only' };
    const { tokens } = await client.getToken({ code: await codeOf(reading), codeVerifier });
    const authorization = `Bearer ${tokens.access_token}`;
    expect((await raw(server, 'PUT', '/bucket/x', { headers: { authorization }, body: 'x' })).status).toBe(403);
    const email = { scope: 'https://www.googleapis.com/auth/userinfo.email' };
    const other = await client.getToken({ code: await codeOf(email), codeVerifier });
    expect((await list(server, other.tokens.access_token)).status).toBe(403);
  });

  it.each([
    [{ redirect_uri: `${redirectUri}/` }, 'redirect_uri_mismatch'],
    [{ client_id: 'another' }, 'invalid_client'],
    [{ response_type: 'token' }, 'invalid_request'],
    [{ scope: '' }, 'invalid_request'],
    [{ code_challenge: 'x', code_challenge_method: 'plain' }, 'invalid_request'],
  ])('shows a page instead of going back for %j', async (wrong, code) => {
    const { server } = await start();
    const right = { client_id: app.clientId, redirect_uri: redirectUri, response_type: 'code', scope };
    const answer = await raw(server, 'GET', `/o/oauth2/v2/auth?${new URLSearchParams({ ...right, ...wrong })}`);
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining(`Error 400: ${code}`) });
  });
});
