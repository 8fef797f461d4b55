import { once } from 'node:events';
import { type AddressInfo, createServer, type LookupFunction, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { createAddressPolicy } from './address-policy.ts';
import { retryAfterMs } from './http/errors.ts';
import { createHttpClient, type HttpClient, type HttpRequest } from './http.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server that hands each request's text to `answer` and sends what it returns. */
async function serve(answer: (request: string, socket: Socket) => string | undefined, host = '127.0.0.1') {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const text = answer(data.toString(), socket);
      if (text !== undefined) socket.write(text);
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, origin: `http://${host}:${port}`, connections: () => connections };
}

function client(allowed = ['127.0.0.0/8'], resolve?: LookupFunction): HttpClient {
  const http = createHttpClient(createAddressPolicy(allowed, resolve));
  closing.push(() => http.close());
  return http;
}

const to =
  (...addresses: string[]): LookupFunction =>
  (_host, _options, callback) => {
    const [address = ''] = addresses.length > 1 ? [addresses.shift()] : addresses;
    callback(null, [{ address, family: 4 }]);
  };

function get(origin: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', origin, path: '/', headers: {}, signal: new AbortController().signal, ...more };
}

const ok = (body = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('addresses', () => {
  it('asks for the address anew at each connection, so that a name cannot be rebound', async () => {
    const good = await serve(() => `${ok('good').replace('\r\n', '\r\nConnection: close\r\n')}`);
    const http = client(['127.0.0.1/32'], to('127.0.0.1', '127.0.0.2'));
    const origin = `http://store.example:${good.port}`;
    expect(await (await http.send(get(origin))).body.text(10)).toBe('good');
    await expect(http.send(get(origin))).rejects.toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' });
    expect(good.connections()).toBe(1);
  });

  it.each([
    'http://127.0.0.1',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
    'http://10.0.0.1',
    'http://169.254.169.254',
  ])('judges %s, which no lookup resolves', async (host) => {
    const { port, connections } = await serve(() => ok());
    const sending = client([]).send(get(`${host}:${port}`));
    await expect(sending).rejects.toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' });
    expect(connections()).toBe(0);
  });

  it('gives up at once when it is cancelled while a name resolves', async () => {
    const controller = new AbortController();
    const asked = Promise.withResolvers<void>();
    const http = client([], () => asked.resolve());
    const sending = http.send(get('http://slow.example', { signal: controller.signal }));
    await asked.promise;
    controller.abort();
    await expect(sending).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('requests', () => {
  it('go out as they stand', async () => {
    const seen: string[] = [];
    const { origin } = await serve((request) => {
      seen.push(request);
      return ok();
    });
    const path = '/a/../b//./c%2e%2E/%7Ed?x=%2F&y';
    await (await client().send(get(origin, { path, headers: { 'x-test': 'a  b' } }))).body.text(0);
    expect(seen[0]).toContain(`GET ${path} HTTP/1.1\r\n`);
    expect(seen[0]).toMatch(/x-test: a {2}b\r\n/i);
  });

  it('share connections', async () => {
    const { origin, connections } = await serve(() => ok('x'));
    const http = client();
    for (let turn = 0; turn < 20; turn++) await (await http.send(get(origin))).body.text(1);
    // A connection rests for one turn of the event loop, in which the next request may open a second.
    expect(connections()).toBeLessThanOrEqual(2);
  });

  it('are sent once, whatever happens', async () => {
    const { origin, connections } = await serve((_request, socket) => {
      socket.destroy();
      return undefined;
    });
    await expect(client().send(get(origin))).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retry: 'backoff' });
    expect(connections()).toBe(1);
  });
});

describe('bodies', () => {
  it('that end with the connection are counted where their size is known', async () => {
    const { origin } = await serve((_request, socket) => {
      socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf');
      return undefined;
    });
    const { body } = await client().send(get(origin));
    body.expect(8);
    await expect(buffer(body)).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  });

  it('that are cut off within a chunk fail as interrupted', async () => {
    const { origin } = await serve((_request, socket) => {
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab');
      return undefined;
    });
    const { body } = await client().send(get(origin));
    await expect(buffer(body)).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  });

  it('are not read beyond what their reader takes', async () => {
    const { origin } = await serve(() => ok('x'.repeat(100)));
    const { body } = await client().send(get(origin));
    await expect(body.text(99)).rejects.toMatchObject({ code: 'ENDPOINT_INVALID' });
  });

  it('are held back while nobody reads them', async () => {
    let sent = 0;
    const { origin } = await serve((_request, socket) => {
      const piece = Buffer.alloc(1024 * 1024);
      const more = () => {
        while (sent < 512 && socket.write(piece, () => (sent += 1))) {}
      };
      socket.on('drain', more);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${512 * piece.length}\r\n\r\n`);
      more();
      return undefined;
    });
    const { body } = await client().send(get(origin));
    await once(body, 'readable');
    // As much as sockets take on either side has gone when nothing more goes for a while.
    const seen: number[] = [];
    await expect.poll(() => seen.push(sent) > 3 && seen.at(-1) === seen.at(-3), { interval: 100 }).toBe(true);
    expect(sent).toBeLessThan(64);
    expect(body.readableLength).toBeLessThan(1024 * 1024);
    body.destroy();
  });
});

// RFC 9110, section 10.2.3.
describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['120', 120_000],
    ['0', 0],
    ['1.5', 1500],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['999999999', 3_600_000],
    ['soon', undefined],
    [undefined, undefined],
  ])('of %s', (header, expected) => {
    expect(retryAfterMs(header, now)).toBe(expected);
  });
});
