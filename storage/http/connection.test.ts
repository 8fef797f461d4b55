import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAddressPolicy } from '../address-policy.ts';
import { createHttpClient, type HttpClient, type HttpRequest } from '../http.ts';

const MiB = 1024 * 1024;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function listen<S extends Server>(server: S): Promise<S & { port: number; connections: number }> {
  const sockets = new Set<Socket>();
  const seen = Object.assign(server, { port: 0, connections: 0 });
  server.on('connection', (socket: Socket) => {
    seen.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  seen.port = (server.address() as AddressInfo).port;
  return seen;
}

const serve = async (answer: RequestListener) => {
  const server = await listen(createServer(answer));
  return Object.assign(server, { origin: `http://127.0.0.1:${server.port}` });
};

/** Answers what `answer` writes, whatever was asked. */
const serveRaw = async (answer: (socket: Socket, request: string) => void) => {
  const server = await listen(
    createTcpServer((socket) => {
      socket.on('data', (data) => answer(socket, data.toString('latin1')));
    }),
  );
  return Object.assign(server, { origin: `http://127.0.0.1:${server.port}` });
};

function client(): HttpClient {
  const http = createHttpClient(createAddressPolicy(['127.0.0.1']));
  closing.push(() => http.close());
  return http;
}

function ask(origin: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', origin, path: '/', headers: {}, signal: new AbortController().signal, ...more };
}

function put(origin: string, body: HttpRequest['body'], length: number, more: Partial<HttpRequest> = {}): HttpRequest {
  return ask(origin, {
    method: 'PUT',
    headers: { 'content-length': String(length) },
    ...(body ? { body } : {}),
    ...more,
  });
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, headers } = request;
  response.end(JSON.stringify({ method, url, headers, body: await text(request) }));
}

/** A connection is free again in the next turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('requests', () => {
  it.each<[string, () => HttpRequest['body'], string]>([
    ['no body', () => undefined, ''],
    ['bytes', () => Buffer.from('abc'), 'abc'],
    ['chunks', () => [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')], 'abc'],
    ['a stream', () => Readable.from([Buffer.from('a'), Buffer.from('bc')]), 'abc'],
    [
      'an iterable',
      () =>
        (async function* () {
          yield Buffer.from('ab');
          yield Buffer.from('c');
        })(),
      'abc',
    ],
  ])('carry %s', async (_what, make, expected) => {
    const { origin, port } = await serve(echo);
    const response = await client().send(put(origin, make(), expected.length));
    const seen = JSON.parse(await response.body.text(10_000));
    expect(seen).toMatchObject({ method: 'PUT', body: expected });
    expect(seen.headers).toMatchObject({ host: `127.0.0.1:${port}`, 'content-length': String(expected.length) });
  });

  it('say how long a body at hand is', async () => {
    const { origin } = await serve(echo);
    for (const [body, length] of [
      [Buffer.from('abc'), '3'],
      [undefined, '0'],
    ] as const) {
      const request = ask(origin, { method: 'POST', ...(body ? { body } : {}) });
      expect(JSON.parse(await (await client().send(request)).body.text(10_000)).headers['content-length']).toBe(length);
    }
  });

  it.each<Partial<HttpRequest>>([
    { path: '/a b' },
    { path: '/a\r\nx: y' },
    { path: '/é' },
    { path: 'a' },
    { headers: { 'x-a': 'b\r\nx-c: d' } },
    { headers: { 'x-a': 'b\0' } },
    { headers: { 'x-a': '€' } },
    { headers: { 'x a': 'b' } },
  ])('are not sent when they would not stay in their lines: %j', async (more) => {
    const server = await serve(echo);
    const http = client();
    await expect(http.send(ask(server.origin, more))).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect((await http.send(ask(server.origin))).status).toBe(200);
  });

  it.each([
    ['shorter', 5],
    ['longer', 3],
  ])('whose body is %s than it was said to be end unfinished', async (_how, length) => {
    const gone = Promise.withResolvers<void>();
    const { origin } = await serve((request) => request.on('close', () => gone.resolve()).resume());
    const sending = client().send(put(origin, Readable.from([Buffer.from('abcd')]), length));
    await expect(sending).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    await gone.promise;
  });

  it('fail with the error of their body, and end unfinished', async () => {
    const gone = Promise.withResolvers<void>();
    const { origin } = await serve((request) => request.on('close', () => gone.resolve()).resume());
    const body = Readable.from(
      (async function* () {
        yield Buffer.from('abcd');
        throw new TypeError('no more');
      })(),
    );
    const sending = client().send(put(origin, body, 10));
    await expect(sending).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', cause: new TypeError('no more') });
    await gone.promise;
  });

  it('are not complete before their body has ended, even if no byte is missing', async () => {
    const complete: string[] = [];
    const { origin } = await serve(async (request, response) => {
      const body = await text(request);
      if (request.method === 'PUT') complete.push(body);
      response.end(body);
    });
    const http = client();
    const body = new Readable({ read() {} });
    const sending = http.send(put(origin, body, 4));
    body.push(Buffer.from('ab'));
    body.push(Buffer.from('cd'));
    for (let trip = 0; trip < 3; trip += 1) await (await http.send(ask(origin))).body.text(0);
    expect(complete).toEqual([]);
    body.push(null);
    expect(await (await sending).body.text(4)).toBe('abcd');
  });

  it('may take longer to send than an answer may be waited for', async () => {
    const bytes = randomBytes(24 * MiB);
    const { origin } = await serve(async (request, response) => {
      const hash = createHash('sha256');
      for await (const chunk of request) {
        hash.update(chunk as Buffer);
        await delay(1);
      }
      response.end(hash.digest('hex'));
    });
    for (const body of [bytes, [bytes.subarray(0, 100), bytes.subarray(100)]]) {
      const started = performance.now();
      const { body: answer } = await client().send(put(origin, body, bytes.length, { headersTimeoutMs: 250 }));
      expect(await answer.text(100)).toBe(sha256(bytes));
      expect(performance.now() - started).toBeGreaterThan(250);
    }
  });

  it('that are over early are not heard of again, however their body ends', async () => {
    const { origin } = await serveRaw((socket) => socket.write('HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'));
    const over = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const body = (async function* () {
      try {
        yield Buffer.from('abcd');
        await over.promise;
        throw new Error('the source was closed');
      } finally {
        ended.resolve();
      }
    })();
    expect((await client().send(put(origin, body, 10))).status).toBe(403);
    // What nobody listens to would end the process.
    over.resolve();
    await ended.promise;
    await turn();
  });

  it('wait their turn beyond 256 at a time, and one that is cancelled meanwhile is never sent', async () => {
    const open: ServerResponse[] = [];
    const full = Promise.withResolvers<void>();
    const paths: string[] = [];
    const server = await serve(({ url }, response) => {
      paths.push(url as string);
      if (paths.length > 256) response.end();
      else if (open.push(response) === 256) full.resolve();
    });
    const http = client();
    const controller = new AbortController();
    const first = Array.from({ length: 256 }, () => http.send(ask(server.origin)));
    const waiting = http.send(ask(server.origin, { path: '/never', signal: controller.signal }));
    const last = http.send(ask(server.origin, { path: '/last' }));
    await full.promise;
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    for (const response of open) response.end();
    for (const { body } of await Promise.all(first)) await body.text(0);
    expect((await last).status).toBe(200);
    expect(server.connections).toBe(256);
    expect(paths.slice(256)).toEqual(['/last']);
  });
});

describe('TLS', () => {
  const trusted = getCACertificates('default');
  afterEach(() => setDefaultCACertificates(trusted));

  async function serveTls(host: string) {
    const { cert, private: key } = await generate([{ name: 'commonName', value: host }], {
      algorithm: 'sha256',
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: host }] }],
    });
    const bytes = randomBytes(3 * MiB);
    const resumed: boolean[] = [];
    const names: (string | false | null)[] = [];
    const server = await listen(
      createTlsServer({ cert, key }, async (request, response) => {
        const hash = sha256(await buffer(request));
        response.writeHead(200, { 'content-length': bytes.length, 'x-hash': hash }).end(bytes);
      }),
    );
    server.on('secureConnection', (socket: TLSSocket) => {
      resumed.push(socket.isSessionReused());
      names.push(socket.servername);
    });
    const http = createHttpClient(
      createAddressPolicy(['127.0.0.1'], (_host, _options, callback) =>
        callback(null, [{ address: '127.0.0.1', family: 4 }]),
      ),
    );
    closing.push(() => http.close());
    return { cert, bytes, resumed, names, http, port: server.port };
  }

  it('carries bodies both ways, many at once, and resumes its session', async () => {
    const { cert, bytes, resumed, names, http, port } = await serveTls('store.example');
    setDefaultCACertificates([cert]);
    const move = async () => {
      const request = put(
        `https://store.example:${port}`,
        Readable.from([bytes.subarray(0, MiB), bytes.subarray(MiB)]),
        bytes.length,
      );
      const { headers, body } = await http.send(request);
      expect(headers['x-hash']).toBe(sha256(bytes));
      expect(sha256(await buffer(body))).toBe(sha256(bytes));
    };
    await move();
    await Promise.all([move(), move(), move(), move()]);
    expect(new Set(names)).toEqual(new Set(['store.example']));
    expect(resumed.length).toBeGreaterThan(1);
    expect(resumed.slice(1).every(Boolean)).toBe(true);
  });

  it('trusts no certificate that no authority signed', async () => {
    const { http, port } = await serveTls('store.example');
    await expect(http.send(ask(`https://store.example:${port}`))).rejects.toMatchObject({
      code: 'ENDPOINT_INVALID',
      message: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    });
  });

  it('trusts no certificate for another name', async () => {
    const { cert, http, port } = await serveTls('other.example');
    setDefaultCACertificates([cert]);
    await expect(http.send(ask(`https://store.example:${port}`))).rejects.toMatchObject({
      code: 'ENDPOINT_INVALID',
      message: expect.stringContaining('another name'),
    });
  });

  it('is asked of a server that does not speak it in vain', async () => {
    const { port } = await serve(echo);
    await expect(client().send(ask(`https://127.0.0.1:${port}`))).rejects.toMatchObject({ code: 'ENDPOINT_INVALID' });
  });
});

describe('bodies', () => {
  it('are taken no faster than the other side takes them', async () => {
    const { origin } = await serveRaw((socket) => socket.pause());
    const controller = new AbortController();
    let taken = 0;
    const body = new Readable({
      read() {
        taken += 1;
        this.push(Buffer.alloc(MiB));
      },
    });
    const sending = client().send(put(origin, body, 10_000 * MiB, { signal: controller.signal }));
    // As much as sockets take on either side is taken when nothing more is for a while.
    const seen: number[] = [];
    await expect.poll(() => seen.push(taken) > 3 && seen.at(-1) === seen.at(-3), { interval: 100 }).toBe(true);
    expect(taken).toBeLessThan(32);
    controller.abort();
    await expect(sending).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('answers', () => {
  it('flow on into requests unchanged, however slowly those are taken', async () => {
    const sent = Array.from({ length: 8 }, () => randomBytes(3 * MiB + 17));
    const from = await serve(({ url }, response) => {
      const bytes = sent[Number((url as string).slice(1))] as Buffer;
      response.writeHead(200, { 'content-length': bytes.length });
      for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 70_001)
        response.write(bytes.subarray(at, at + size));
      response.end();
    });
    const to = await serve(async (request, response) => {
      const hash = createHash('sha256');
      for await (const chunk of request) {
        hash.update(chunk as Buffer);
        await new Promise(setImmediate);
      }
      response.end(hash.digest('hex'));
    });
    const http = client();
    const arrived = await Promise.all(
      sent.map(async ({ length }, index) => {
        const { body } = await http.send(ask(from.origin, { path: `/${index}` }));
        return (await http.send(put(to.origin, body, length))).body.text(100);
      }),
    );
    expect(arrived).toEqual(sent.map(sha256));
  });

  it('that come before the whole request end it, and its connection', async () => {
    const server = await serveRaw((socket, request) => {
      if (request.startsWith('PUT')) socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      else if (request.startsWith('GET')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    const http = client();
    const body = new Readable({ read() {} });
    body.push(Buffer.from('some'));
    const response = await http.send(put(server.origin, body, 1_000));
    expect([response.status, await response.body.text(10)]).toEqual([403, 'no']);
    expect([body.destroyed, body.isPaused(), body.listenerCount('data')]).toEqual([false, true, 0]);
    body.destroy();
    await turn();
    expect((await http.send(ask(server.origin))).status).toBe(200);
    expect(server.connections).toBe(2);
  });

  it('leave a connection for the next request unless they take leave', async () => {
    const answers = ['', 'Connection: close\r\n', 'Keep-Alive: timeout=1\r\n', 'Keep-Alive: timeout=30\r\n', ''];
    const server = await serveRaw((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\n${answers.shift()}Content-Length: 1\r\n\r\nx`),
    );
    const http = client();
    const connections: number[] = [];
    while (answers.length > 0) {
      await (await http.send(ask(server.origin))).body.text(1);
      await turn();
      connections.push(server.connections);
    }
    expect(connections).toEqual([1, 1, 2, 3, 3]);
  });

  it('that fill their reader in their last piece do not hold up the next', async () => {
    const bytes = randomBytes(100_000);
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`;
    const server = await serveRaw(async (socket) => {
      socket.write(head.slice(0, 20));
      await turn();
      // In one piece with what the reader is too slow for.
      socket.write(Buffer.concat([Buffer.from(head.slice(20)), bytes]));
    });
    const http = client();
    for (let trip = 0; trip < 5; trip += 1) {
      const { body } = await http.send(ask(server.origin));
      expect(await buffer(body)).toEqual(bytes);
      await turn();
    }
    expect(server.connections).toBe(1);
  });

  it('that nobody asked for end the connection, and are nobody’s', async () => {
    const server = await serveRaw((socket) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'),
    );
    const http = client();
    for (let turn = 1; turn <= 2; turn += 1) {
      expect(await (await http.send(ask(server.origin))).body.text(1)).toBe('x');
      expect(server.connections).toBe(turn);
    }
  });

  it('are not waited for longer than was said', async () => {
    const { origin } = await serve(() => {});
    const sending = client().send(ask(origin, { headersTimeoutMs: 50 }));
    await expect(sending).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      message: expect.stringContaining('in time'),
    });
  });

  it('that are read as text end in time, however steadily they trickle', async () => {
    const { origin } = await serve((_request, response) => {
      const trickling = setInterval(() => response.write('.'), 5);
      response.on('close', () => clearInterval(trickling));
    });
    const { body } = await client().send(ask(origin));
    await expect(body.text(1_000_000, 100)).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      message: expect.stringContaining('slowly'),
    });
  });

  it('that trickle are not waited for, unless they do not say how long they are', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const sockets: Socket[] = [];
      const server = await serveRaw((socket, request) => {
        sockets.push(socket);
        const length = request.startsWith('GET /long') ? 'Content-Length: 1000' : 'Transfer-Encoding: chunked';
        socket.write(`HTTP/1.1 200 OK\r\n${length}\r\n\r\n`);
      });
      const http = client();
      const [long, blank] = [
        (await http.send(ask(server.origin, { path: '/long' }))).body,
        (await http.send(ask(server.origin, { path: '/blank' }))).body,
      ];
      const piece = async (socket: Socket | undefined, body: Readable, text: string) => {
        const came = Promise.race([once(body, 'data'), once(body, 'close')]);
        socket?.write(text);
        await came;
      };
      await piece(sockets[0], long, 'x');
      await piece(sockets[1], blank, '1\r\n \r\n');
      vi.advanceTimersByTime(61_000);
      await piece(sockets[1], blank, '1\r\n \r\n');
      expect(blank.destroyed).toBe(false);
      await piece(sockets[0], long, 'x');
      expect(long.errored).toMatchObject({
        code: 'PROVIDER_UNAVAILABLE',
        message: expect.stringContaining('too slowly'),
      });
      blank.destroy();
    } finally {
      vi.useRealTimers();
    }
  });

  it('of something else than HTTP are none', async () => {
    const { origin } = await serveRaw((socket) => socket.write('220 mail.example ESMTP\r\n'));
    await expect(client().send(ask(origin))).rejects.toMatchObject({ code: 'ENDPOINT_INVALID' });
  });

  it('end at once when they are cancelled, or destroyed by their reader', async () => {
    const closed: Promise<unknown>[] = [];
    const server = await serve((request, response) => {
      closed.push(once(request.socket, 'close'));
      response.writeHead(200, { 'content-length': 10 });
      response.write('half');
    });
    const controller = new AbortController();
    const first = await client().send(ask(server.origin, { signal: controller.signal }));
    controller.abort();
    await expect(buffer(first.body)).rejects.toMatchObject({ code: 'CANCELLED' });
    (await client().send(ask(server.origin))).body.destroy();
    expect(closed).toHaveLength(2);
    await Promise.all(closed);
  });

  it('end with the client', async () => {
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('half');
    });
    const http = client();
    const { body } = await http.send(ask(origin));
    await http.close();
    await expect(buffer(body)).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(http.send(ask(origin))).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
