import { DropboxAuth } from 'dropbox';
import { expect, it } from 'vitest';
import {
  APP,
  failure,
  fetchFrom,
  REFRESH_TOKEN,
  sdkClient,
  startTestServer,
  startWithClient,
} from './testing/support.ts';

const redirectUri = APP.redirectUris[0] as string;

/** The whole flow as the SDK does it; returns what it got. */
async function signIn(server: Awaited<ReturnType<typeof startTestServer>>, state = 'once') {
  const auth = new DropboxAuth({ clientId: APP.key, fetch: fetchFrom(server) });
  const url = new URL(
    String(
      await auth.getAuthenticationUrl(redirectUri, state, 'code', 'offline', ['files.metadata.read'], 'none', true),
    ),
  );
  const consent = await fetch(server.endpoint + url.pathname + url.search, { redirect: 'manual' });
  const location = new URL(consent.headers.get('location') as string);
  return { auth, location, code: location.searchParams.get('code') as string };
}

it('OAuth guide, "PKCE": a code is redeemed once, by whoever holds the verifier', async () => {
  const server = await startTestServer();
  const { auth, location, code } = await signIn(server, 'state-1');
  expect(location.origin + location.pathname).toBe(redirectUri);
  expect(location.searchParams.get('state')).toBe('state-1');
  const stranger = new DropboxAuth({ clientId: APP.key, fetch: fetchFrom(server) });
  stranger.setCodeVerifier('x'.repeat(43));
  expect(await failure(stranger.getAccessTokenFromCode(redirectUri, code))).toMatchObject({
    status: 400,
    error: { error: 'invalid_grant' },
  });
  const again = await signIn(server);
  const { result } = await again.auth.getAccessTokenFromCode(redirectUri, again.code);
  expect(result).toMatchObject({ token_type: 'bearer', expires_in: 14_400, scope: 'files.metadata.read' });
  expect(await failure(again.auth.getAccessTokenFromCode(redirectUri, again.code))).toMatchObject({ status: 400 });
  expect(auth).not.toBe(again.auth);
  const client = sdkClient(server, { refreshToken: (result as { refresh_token: string }).refresh_token });
  await client.filesListFolder({ path: '' });
  // "missing_scope": the grant does not cover writing.
  expect(await failure(client.filesUpload({ path: '/a', contents: 'x' }))).toMatchObject({
    status: 401,
    error: { error: { '.tag': 'missing_scope', required_scope: 'files.content.write' } },
  });
});

it('OAuth guide, "Redirect URIs": only those that are registered, to the letter', async () => {
  const server = await startTestServer();
  const query = new URLSearchParams({ client_id: APP.key, response_type: 'code', code_challenge: 'x' });
  query.set('code_challenge_method', 'S256');
  query.set('redirect_uri', `${redirectUri}/`);
  const answer = await fetch(`${server.endpoint}/oauth2/authorize?${query}`, { redirect: 'manual' });
  expect(answer.status).toBe(400);
});

it('OAuth guide, "Refresh tokens": access tokens expire after four hours, grants when they are revoked', async () => {
  const { server, client } = await startWithClient();
  await client.filesListFolder({ path: '' });
  server.advance(4 * 60 * 60 * 1000);
  expect(await failure(client.filesListFolder({ path: '' }))).toMatchObject({
    status: 401,
    error: { error: { '.tag': 'expired_access_token' } },
  });
  const fresh = sdkClient(server);
  await fresh.filesListFolder({ path: '' });
  await fresh.authTokenRevoke();
  expect(await failure(fresh.filesListFolder({ path: '' }))).toMatchObject({
    status: 401,
    error: { error: { '.tag': 'invalid_access_token' } },
  });
  expect(await failure(sdkClient(server).filesListFolder({ path: '' }))).toMatchObject({
    status: 400,
    error: { error: 'invalid_grant' },
  });
});

it('users/get_current_account, get_space_usage and check/user', async () => {
  const { server, client } = await startWithClient();
  const { result } = await client.usersGetCurrentAccount();
  expect(result).toMatchObject({ email: 'ann@example.com', root_info: { '.tag': 'team', home_path: '/ann' } });
  expect(result.root_info.root_namespace_id).not.toBe(result.root_info.home_namespace_id);
  await client.filesUpload({ path: '/a', contents: 'xyz' });
  expect((await client.usersGetSpaceUsage()).result).toMatchObject({ used: 3, allocation: { '.tag': 'individual' } });
  expect((await client.checkUser({ query: 'foo' })).result).toEqual({ result: 'foo' });
  const ben = sdkClient(server, { refreshToken: 'refresh-ben' });
  const { root_info: root } = (await ben.usersGetCurrentAccount()).result;
  expect(root).toMatchObject({ '.tag': 'user', root_namespace_id: root.home_namespace_id });
  expect(REFRESH_TOKEN).not.toBe('refresh-ben');
});
