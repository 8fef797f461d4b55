import { expect, it } from 'vitest';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import {
  container,
  failure,
  get,
  never,
  open,
  put,
  startServer,
  startWithProvider,
  streamOf,
} from '../../../test/support/dropbox.ts';

it('access tokens live four hours: one refresh serves all who ask at the same time', async () => {
  const { server, provider } = await startWithProvider();
  await put(provider, 'a', 'x');
  expect(server.observer.count('oauth2/token')).toBe(1);
  server.expireAccessTokens();
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(provider, 'a')));
  expect(answers.every((text) => text === 'x')).toBe(true);
  expect(server.observer.count('oauth2/token')).toBe(2);
});

it('a stream that met an expired token is not sent again; the next attempt gets a fresh token', async () => {
  const { server, provider } = await startWithProvider();
  await put(provider, 'a', 'x');
  server.expireAccessTokens();
  const bytes = Buffer.alloc(100_000, 1);
  const write = () => provider.write({ container, key: 'b', body: streamOf(bytes), metadata: { user: {} } }, never());
  expect(await failure(write(), 'PROVIDER_UNAVAILABLE')).toMatchObject({ retry: 'backoff' });
  await write();
});

it('a token that is refused twice is given up', async () => {
  const { server, provider } = await startWithProvider();
  server.faults.add({ match: { route: 'files/get_metadata', count: 3 }, action: { kind: 'expiredToken' } });
  await failure(provider.stat({ container, key: 'a' }, never()), 'CREDENTIALS_INVALID');
  expect(server.observer.count('files/get_metadata')).toBe(2);
});

it('a grant that was taken back, and an app that Dropbox does not know', async () => {
  const server = await startServer();
  const provider = open(server);
  await provider.check(never());
  server.revokeGrant('ann');
  await failure(provider.check(never()), 'CREDENTIALS_INVALID');
  const error = await failure(open(server, 'another').check(never()), 'CREDENTIALS_INVALID');
  expect(error.message).toContain('Connect the account again');
});

it('an app without a scope is found out by the check, which names it', async () => {
  const { provider } = await startWithProvider({ scopes: ['account_info.read'] });
  const error = await failure(provider.check(never()), 'PERMISSION_DENIED');
  expect(error.message).toContain('files.metadata.read');
});

it('an answer without a number of Dropbox is none, however well it reads', async () => {
  const { server } = await startWithProvider();
  const proxy = await startFaultProxy(server.endpoint);
  const provider = open({ ...server, endpoint: proxy.endpoint });
  await put(provider, 'a', 'x');
  const response = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
  void proxy.spoilNext({ kind: 'answer', response });
  await failure(provider.stat({ container, key: 'a' }, never()), 'ENDPOINT_INVALID');
  await proxy.close();
});
