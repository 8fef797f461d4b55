import { createSocket } from 'node:dgram';
import { promises as dns } from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, createServer, type LookupFunction } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createAddressPolicy } from './address-policy.ts';
import { createHttpClient } from './http.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A name server that answers each question with the next of these addresses, and lets nobody keep an answer. */
async function nameServer(...answers: string[][]) {
  const socket = createSocket('udp4');
  let asked = 0;
  socket.on('message', (query, { port, address }) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    socket.send(reply(query, addresses), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closing.push(() => socket.close());
  const resolver = new dns.Resolver();
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  const resolve: LookupFunction = (host, _options, callback) => {
    resolver.resolve4(host).then(
      (found) =>
        callback(
          null,
          found.map((address) => ({ address, family: 4 })),
        ),
      (error) => callback(error, []),
    );
  };
  return { resolve, asked: () => asked };
}

/** RFC 1035, section 4: the question again, and an A record of no life for each address. */
function reply(query: Buffer, addresses: readonly string[]): Buffer {
  // The question ends behind the name's empty label, with type and class; what comes after it (EDNS) is left out.
  const question = query.subarray(12, query.indexOf(0, 12) + 5);
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt32BE(0, 8);
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  );
  return Buffer.concat([header, question, ...records]);
}

/** Counts who connects, on every address of this machine. */
async function victim(answer = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngood') {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {}).once('data', () => socket.end(answer));
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  closing.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

function client(resolve: LookupFunction, allowed: string[]) {
  const http = createHttpClient(createAddressPolicy(allowed, resolve));
  closing.push(() => http.close());
  const signal = new AbortController().signal;
  return (origin: string) => http.send({ method: 'GET', origin, path: '/', headers: {}, signal });
}

describe('a name server of an attacker', () => {
  it('that rebinds a name between two connections reaches what is allowed only', async () => {
    const { resolve, asked } = await nameServer(['127.0.0.1'], ['127.0.0.2']);
    const { port, connections } = await victim();
    const send = client(resolve, ['127.0.0.1']);
    const origin = `http://rebound.example:${port}`;
    expect(await (await send(origin)).body.text(10)).toBe('good');
    await expect(send(origin)).rejects.toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' });
    expect(asked()).toBe(2);
    expect(connections()).toBe(1);
  });

  it('that would rebind it between the check and the connection is asked once', async () => {
    const { resolve, asked } = await nameServer(['127.0.0.1'], ['169.254.169.254']);
    const { port } = await victim();
    const send = client(resolve, ['127.0.0.1']);
    expect((await send(`http://rebound.example:${port}`)).status).toBe(200);
    expect(asked()).toBe(1);
  });

  it.each([
    '127.0.0.1',
    '127.0.0.2',
    '0.0.0.0',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.0.1',
    '100.100.100.200',
    '169.254.169.254',
    '168.63.129.16',
    '192.0.0.192',
  ])('that answers %s gets no connection', async (address) => {
    const { resolve, asked } = await nameServer([address]);
    const { port, connections } = await victim();
    const sending = client(resolve, [])(`http://store.example:${port}`);
    await expect(sending).rejects.toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' });
    expect(asked()).toBe(1);
    expect(connections()).toBe(0);
  });

  it('that hides a private address among others gets no connection to it', async () => {
    const { resolve } = await nameServer(['127.0.0.2', '127.0.0.1', '127.0.0.3']);
    const { port, connections } = await victim();
    const send = client(resolve, ['127.0.0.1']);
    expect((await send(`http://store.example:${port}`)).status).toBe(200);
    expect(connections()).toBe(1);
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])(
    'with status %i is handed back, and nobody goes where it leads',
    async (status) => {
      const inside = await victim();
      const location = `http://127.0.0.2:${inside.port}/latest/meta-data`;
      const head = `HTTP/1.1 ${status} Elsewhere\r\nLocation: ${location}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
      const outside = await victim(head);
      const { resolve } = await nameServer(['127.0.0.1']);
      const send = client(resolve, ['127.0.0.1']);
      const response = await send(`http://store.example:${outside.port}`);
      expect(response.status).toBe(status);
      expect(inside.connections()).toBe(0);
      // Whoever follows it by hand is held to the policy again.
      await expect(send(new URL(response.headers.location as string).origin)).rejects.toMatchObject({
        code: 'ADDRESS_NOT_ALLOWED',
      });
      expect(inside.connections()).toBe(0);
    },
  );
});
