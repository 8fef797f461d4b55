import { Agent, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createLogger } from '../core/log.ts';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore } from '../test/support/engine.ts';
import { subscribe } from '../test/support/live.ts';
import { startApi } from './server.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

describe('starting and stopping', () => {
  test('a port that is taken is named, with what to do', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = blocker.address() as { port: number };
    await expect(startApi({ ...api.config, PORT: port }, createLogger('api', 'silent'))).rejects.toThrow(
      `Port ${port} of 127.0.0.1 is taken. Set PORT`,
    );
    blocker.close();
  });

  test('production refuses to be reached over plain http, and an origin that is none is named', async () => {
    const log = createLogger('api', 'silent');
    const config = { ...api.config, PORT: 0 };
    await expect(
      startApi({ ...config, NODE_ENV: 'production', PUBLIC_URL: 'http://ferry.example' }, log),
    ).rejects.toThrow('PUBLIC_URL');
    await expect(startApi({ ...config, ALLOWED_ORIGINS: ['friend'] }, log)).rejects.toThrow(
      "ALLOWED_ORIGINS: 'friend'",
    );
  });

  test('a given folder without a built client is refused', async () => {
    const log = createLogger('api', 'silent');
    const config = { ...api.config, PORT: 0 };
    const missing = join(tmpdir(), 'skyferry-no-client');
    await expect(startApi({ ...config, CLIENT_DIRECTORY: missing }, log)).rejects.toThrow(
      `CLIENT_DIRECTORY: ${missing} holds no built client (no index.html). Set it to`,
    );
  });

  test('closing ends subscriptions in order and leaves nothing open', async () => {
    const own = await startTestApi();
    const { token } = await own.signUp();
    const [sse, websocket] = (['sse', 'websocket'] as const).map((transport) =>
      subscribe(own.url, 'subscription { transfers { transferId } }', {}, { token, transport }),
    );
    const store = await startStore('photos');
    const account = await own.connect(token, store);
    const input = {
      sourceAccountId: account,
      sourcePaths: ['photos/'],
      destinationAccountId: account,
      destinationPath: 'archive/',
    };
    await own.query(
      'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }',
      { input },
      { token },
    );
    await Promise.all([sse?.next(), websocket?.next()]);
    await own.close();
    expect(await sse?.next()).toBeNull();
    expect([1001, 4401]).toContain(await websocket?.ended);
    await expect(fetch(own.url)).rejects.toThrow();
    await store.close();
  });

  test('closing waits for no client to let go of a connection that has nothing more to carry', async () => {
    const own = await startTestApi();
    const { token } = await own.signUp();
    const agent = new Agent({ keepAlive: true });
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
    const subscription = request(
      `${own.url}/graphql`,
      { method: 'POST', agent, headers: { ...headers, authorization: `Bearer ${token}` } },
      (response) => {
        open();
        response.resume().once('end', end);
      },
    );
    subscription.end(JSON.stringify({ query: 'subscription { transfers { transferId } }' }));
    await opened;
    // Stops the clock of the timer that ends every connection in the end.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      await own.close();
    } finally {
      vi.useRealTimers();
    }
    await ended;
    agent.destroy();
  });

  test('closing ends a connection in use with the answers to what it has brought already', async () => {
    const own = await startTestApi();
    const { hostname, port } = new URL(own.url);
    const socket = connect(Number(port), hostname);
    let heard = '';
    socket.setEncoding('utf8').on('data', (text) => {
      heard += text;
    });
    const body = JSON.stringify({ query: '{ __typename }' });
    const first = [
      'POST /graphql HTTP/1.1',
      `host: ${hostname}:${port}`,
      'expect: 100-continue',
      'content-type: application/json',
      `content-length: ${body.length}`,
    ];
    socket.write(`${first.join('\r\n')}\r\n\r\n`);
    await expect.poll(() => heard).toContain('100 Continue');
    const closed = own.close();
    socket.write(`${body}GET /livez HTTP/1.1\r\nhost: ${hostname}:${port}\r\n\r\n`);
    await new Promise((resolve) => socket.once('end', resolve));
    await closed;
    expect(heard).toContain('{"data":{"__typename":"Query"}}');
    expect(heard.split('HTTP/1.1 200 OK')[2]).toMatch(/^connection: close\r$[\s\S]*"live":true/im);
  });
});
