import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createAddressPolicy } from '../../storage/address-policy.ts';
import { createHttpClient } from '../../storage/http.ts';
import { exchangeCode } from './exchange.ts';

async function exchangeAt(status: number, headers: Record<string, string>, body: string): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status, headers).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http = createHttpClient(createAddressPolicy(['127.0.0.1']));
  onTestFinished(async () => {
    await http.close();
    server.close();
  });
  const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const app = {
    label: 'Cloud',
    authorizationUrl: `${root}/authorize`,
    parameters: {},
    tokenUrl: `${root}/token`,
    clientId: 'app',
    variables: 'APP',
    credentials: () => ({ provider: 'gcs', refreshToken: '' }) as const,
  };
  const exchange = { app, code: 'code', verifier: 'verifier', redirectUri: 'https://ferry.example.org' };
  return exchangeCode(http, exchange, new AbortController().signal);
}

test.each([
  [{ 'retry-after': '5' }, 5000],
  [{}, undefined],
])('a token endpoint in a hurry is heard on how long to wait: %j', async (headers, retryAfterMs) => {
  const error = await exchangeAt(429, headers, '').catch((reason) => reason);
  expect(error).toMatchObject({ code: 'THROTTLED', retry: 'backoff' });
  expect(error.retryAfterMs).toBe(retryAfterMs);
});

test('a refresh token is what is left of an answer', async () => {
  expect(await exchangeAt(200, {}, '{"access_token":"short","refresh_token":"lasting"}')).toBe('lasting');
});

test.each(['null', '"text"', '[]', '{"refresh_token":7}', '{"refresh_token":""}'])(
  'there is no grant in %s',
  async (body) => {
    const code = expect.stringMatching(/^(ENDPOINT_INVALID|CREDENTIALS_INVALID)$/);
    await expect(exchangeAt(200, {}, body)).rejects.toMatchObject({ code });
  },
);
