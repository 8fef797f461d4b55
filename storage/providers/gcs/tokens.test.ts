import { inspect } from 'node:util';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { AppError } from '../../../core/errors.ts';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { startGcsServer } from '../../../emulators/gcs/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { createHttpClient } from '../../http.ts';
import { parseServiceAccount } from './credentials.ts';
import { emailOf, grantTokens, machineTokens, serviceAccountTokens } from './tokens.ts';

const signal = new AbortController().signal;
const app = { clientId: 'app', clientSecret: 'operator-secret' };

async function start() {
  const server = await startGcsServer({ apps: [{ ...app, grants: { 'user-grant': 'person@example.com' } }] });
  const proxy = await startFaultProxy(server.endpoint);
  const http = createHttpClient(createAddressPolicy(['127.0.0.1']));
  onTestFinished(async () => {
    await http.close();
    await proxy.close();
    await server.close();
  });
  const account = parseServiceAccount(server.serviceAccountKey());
  const proxied = { ...account, tokenEndpoint: { ...account.tokenEndpoint, origin: proxy.endpoint } };
  return { server, proxy, http, account, proxied };
}

const failure = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    () => {
      throw new Error('It was expected to fail.');
    },
    (error) => error,
  );

it('come for a service account, a grant and a machine, and last as long as they say', async () => {
  const { server, http, account } = await start();
  for (const refresh of [
    serviceAccountTokens(http, account),
    grantTokens(http, 'user-grant', app, server.endpoint),
    machineTokens(http, server.endpoint),
  ]) {
    const { token, expiresAt } = await refresh(signal);
    expect(server.tokens.identify(token)).toBeDefined();
    expect(Math.abs(expiresAt.getTime() - Date.now() - 3600_000)).toBeLessThan(60_000);
  }
});

it('tell whose grant they are from, where the grant shows it', async () => {
  const { server, http, account, proxy } = await start();
  const { token } = await grantTokens(http, 'user-grant', app, server.endpoint)(signal);
  expect(await emailOf(http, token, signal, server.endpoint)).toBe('person@example.com');
  const other = await serviceAccountTokens(http, account)(signal);
  expect(await emailOf(http, other.token, signal, server.endpoint)).toBeUndefined();
  const body = JSON.stringify({ email: 'a@b\n' });
  const response = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const spoiled = proxy.spoilNext({ kind: 'answer', response });
  expect(await emailOf(http, token, signal, proxy.endpoint)).toBeUndefined();
  await spoiled;
  await proxy.close();
  expect(await emailOf(http, token, signal, proxy.endpoint)).toBeUndefined();
  const asking = emailOf(http, token, AbortSignal.abort(), server.endpoint);
  await expect(asking).rejects.toMatchObject({ code: 'CANCELLED' });
});

it('end with a grant that is taken back, and tell nothing secret', async () => {
  const { server, http } = await start();
  server.tokens.revoke('user-grant');
  const error = await failure(grantTokens(http, 'user-grant', app, server.endpoint)(signal));
  expect(error).toMatchObject({ code: 'CREDENTIALS_INVALID', retry: 'never' });
  expect(inspect(error, { depth: 9 })).not.toMatch(/user-grant|operator-secret/);
});

it.each([
  ['a web page', '200 OK', 'Content-Type: text/html', '<html>hi</html>', 'ENDPOINT_INVALID'],
  ['a redirect', '302 Found', 'Location: http://127.0.0.1:1/', '', 'ENDPOINT_INVALID'],
  ['throttling', '429 Too Many Requests', 'Retry-After: 7', '', 'THROTTLED'],
  ['an outage', '503 Service Unavailable', 'Retry-After: 7', '', 'PROVIDER_UNAVAILABLE'],
  ['a refused scope', '400 Bad Request', 'X: y', '{"error":"invalid_scope"}', 'PERMISSION_DENIED'],
  ['a token that no header holds', '200 OK', 'X: y', '{"access_token":"a\\r\\nb"}', 'ENDPOINT_INVALID'],
])('do not come from %s', async (_what, status, header, body, code) => {
  const { http, proxy, proxied } = await start();
  const response = `HTTP/1.1 ${status}\r\n${header}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const spoiled = proxy.spoilNext({ kind: 'answer', response });
  const error = await failure(serviceAccountTokens(http, proxied)(signal));
  await spoiled;
  expect(error.code).toBe(code);
  if (header.startsWith('Retry')) expect(error.retryAfterMs).toBe(7000);
});

it('are refused for a clock that is wrong, which is told apart from a wrong key', async () => {
  const { http, proxy, proxied } = await start();
  const body = '{"error":"invalid_grant"}';
  const date = new Date(Date.now() - 3600_000).toUTCString();
  const response = `HTTP/1.1 400 Bad Request\r\nDate: ${date}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const spoiled = proxy.spoilNext({ kind: 'answer', response });
  expect((await failure(serviceAccountTokens(http, proxied)(signal))).code).toBe('CLOCK_SKEWED');
  await spoiled;
});

it('are refused for a clock that was wrong when it dated the assertion, and is right by the time of the answer', async () => {
  const { http, account } = await start();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 3600_000 });
  onTestFinished(() => void vi.useRealTimers());
  const asking = failure(serviceAccountTokens(http, account)(signal));
  vi.useRealTimers();
  expect((await asking).code).toBe('CLOCK_SKEWED');
});

it('are not there on a machine that is not of Google', async () => {
  const { http, proxy } = await start();
  const spoiled = proxy.spoilNext({ kind: 'answer', response: 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n' });
  expect((await failure(machineTokens(http, proxy.endpoint)(signal))).code).toBe('CREDENTIALS_INVALID');
  await spoiled;
  await proxy.close();
  expect((await failure(machineTokens(http, proxy.endpoint)(signal))).code).toBe('CREDENTIALS_INVALID');
});
