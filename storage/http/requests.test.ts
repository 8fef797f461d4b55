import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { ask, client, echo, MiB, put, serve, serveRaw, sha256, turn } from '../../test/support/http.ts';
import type { HttpRequest } from '../http.ts';

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

  it('fail at once with a body that is shorter or longer than was said, and are never whole', {
    timeout: 20_000,
  }, async () => {
    const complete: string[] = [];
    const { origin } = await serve(async (request, response) => {
      const body = await text(request).catch(() => undefined);
      if (body !== undefined) complete.push(body);
      response.end();
    });
    const http = client();
    for (const chunks of [['ab'], ['ab', 'cde'], []]) {
      const source = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
      await expect(http.send(put(origin, source, 4))).rejects.toBeInstanceOf(AppError);
    }
    expect(complete).toEqual([]);
  });

  it('may take longer to send than an answer may be waited for', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const bytes = randomBytes(24 * MiB);
    for (const body of [bytes, [bytes.subarray(0, 100), bytes.subarray(100)]]) {
      const begun = Promise.withResolvers<() => Promise<void>>();
      // More than sockets take on either side: it is read only when that is told to.
      const { origin } = await serve((request, response) =>
        begun.resolve(async () => void response.end(sha256(await buffer(request)))),
      );
      const sending = client().send(put(origin, body, bytes.length, { headersTimeoutMs: 250 }));
      const goOn = await begun.promise;
      vi.advanceTimersByTime(10_000);
      await Promise.all([goOn(), sending]);
      expect(await (await sending).body.text(100)).toBe(sha256(bytes));
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

  it('are not taken for kept by an answer that came before all of them was sent', async () => {
    const answered: Socket[] = [];
    const { origin } = await serveRaw((socket) => {
      if (answered.includes(socket)) return;
      answered.push(socket);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    const length = 64 * MiB;
    for (const body of [Buffer.alloc(length), new Readable({ read() {} })]) {
      await expect(client().send(put(origin, body, length))).rejects.toMatchObject({
        code: 'PROVIDER_UNAVAILABLE',
        message: expect.stringContaining('before it had the whole request'),
      });
    }
    // Nothing is missing of what holds nothing, though nobody has said yet that it has ended.
    const { status, body } = await client().send(put(origin, new Readable({ read() {} }), 0));
    expect(status).toBe(200);
    await body.text(0);
  });

  it('wait their turn beyond so many at a time, and one that is cancelled meanwhile is never sent', async () => {
    const open: ServerResponse[] = [];
    const full = Promise.withResolvers<void>();
    const paths: string[] = [];
    const server = await serve(({ url }, response) => {
      paths.push(url as string);
      if (paths.length > 3) response.end();
      else if (open.push(response) === 3) full.resolve();
    });
    const http = client(undefined, 3);
    const controller = new AbortController();
    const first = Array.from({ length: 3 }, () => http.send(ask(server.origin)));
    const waiting = http.send(ask(server.origin, { path: '/never', signal: controller.signal }));
    const last = http.send(ask(server.origin, { path: '/last' }));
    await full.promise;
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    for (const response of open) response.end();
    for (const { body } of await Promise.all(first)) await body.text(0);
    expect((await last).status).toBe(200);
    expect(server.connections).toBe(3);
    expect(paths.slice(3)).toEqual(['/last']);
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
