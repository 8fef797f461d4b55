import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { createAddressPolicy } from '../address-policy.ts';
import { createHttpClient } from '../http.ts';
import { expectRange } from './body.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** What a server answers that says nothing of its length and closes the connection, as HTTP/1.0 did. */
async function answer(text: string) {
  const server = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.end(text)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const http = createHttpClient(createAddressPolicy(['127.0.0.1']));
  closing.push(
    () => http.close(),
    () => server.close(),
  );
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return http.send({ method: 'GET', origin, path: '/', headers: {}, signal: new AbortController().signal });
}

describe('a range that is read', () => {
  it('is counted although the answer states no length', async () => {
    const head = 'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-5/10\r\nConnection: close\r\n\r\n';
    const whole = await answer(`${head}abcd`);
    expectRange(whole, { start: 2, end: 6 });
    expect((await buffer(whole.body)).toString()).toBe('abcd');
    for (const body of ['abc', 'abcde']) {
      const wrong = await answer(head + body);
      expectRange(wrong, { start: 2, end: 6 });
      await expect(buffer(wrong.body)).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    }
  });

  it('may be the whole object, answered as such', async () => {
    const response = await answer('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd');
    expectRange(response, { start: 0, end: 4 });
    expect((await buffer(response.body)).toString()).toBe('abcd');
  });

  it('is refused when another one comes', async () => {
    for (const range of ['bytes 2-4/10', 'bytes 1-5/10', 'bytes 2-5/*', 'nonsense']) {
      const response = await answer(
        `HTTP/1.1 206 Partial Content\r\nContent-Range: ${range}\r\nContent-Length: 4\r\n\r\nabcd`,
      );
      expect(() => expectRange(response, { start: 2, end: 6 })).toThrow(
        expect.objectContaining({ code: 'OBJECT_CHANGED' }),
      );
      expect(response.body.destroyed).toBe(true);
    }
    const ignored = await answer('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789');
    expect(() => expectRange(ignored, { start: 2, end: 6 })).toThrow();
  });
});

describe('a whole object', () => {
  it('is refused without a length', async () => {
    const response = await answer('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcd');
    expect(() => expectRange(response, undefined)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  });
});
