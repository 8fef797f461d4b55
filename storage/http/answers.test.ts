import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { ask, client, MiB, put, serve, serveRaw, sha256, turn } from '../../test/support/http.ts';

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
