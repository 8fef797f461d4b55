import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, it } from 'vitest';
import { ask, client, echo, listen, MiB, put, serve, sha256 } from '../../test/support/http.ts';
import { createAddressPolicy } from '../address-policy.ts';

describe('TLS', () => {
  const trusted = getCACertificates('default');
  afterEach(() => setDefaultCACertificates(trusted));

  async function serveTls(host: string, authority?: { key: string; cert: string }) {
    const { cert, private: key } = await generate([{ name: 'commonName', value: host }], {
      algorithm: 'sha256',
      ...(authority && { ca: authority }),
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: host }] }],
    });
    const bytes = randomBytes(3 * MiB);
    const resumed: boolean[] = [];
    const names: (string | false | null)[] = [];
    const server = await listen(
      createTlsServer({ cert, key }, async (request, response) => {
        const hash = sha256(await buffer(request));
        const asked = new URL(request.url ?? '', `https://${host}`).searchParams.get('bytes');
        const body = bytes.subarray(0, Number(asked ?? bytes.length));
        response.writeHead(200, { 'content-length': body.length, 'x-hash': hash }).end(body);
      }),
    );
    server.on('secureConnection', (socket: TLSSocket) => {
      resumed.push(socket.isSessionReused());
      names.push(socket.servername);
    });
    const http = client(
      createAddressPolicy(['127.0.0.1'], (_host, _options, callback) =>
        callback(null, [{ address: '127.0.0.1', family: 4 }]),
      ),
    );
    return { cert, bytes, resumed, names, http, server, port: server.port };
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

  it.each([512, 1_400, 16_384])('hands on as one what came together in records of %i bytes', async (recordBytes) => {
    const { cert, http, port, server } = await serveTls('store.example');
    server.on('secureConnection', (socket: TLSSocket) => socket.setMaxSendFragment(recordBytes));
    setDefaultCACertificates([cert]);
    const { body } = await http.send(ask(`https://store.example:${port}`));
    const sizes: number[] = [];
    body.on('data', (piece: Buffer) => sizes.push(piece.length));
    await finished(body);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3 * MiB);
    expect(Math.max(...sizes)).toBeGreaterThan(16 * 1024);
  });

  it('keeps a connection whose answer ended while its reader was behind', async () => {
    const { cert, names, http, port } = await serveTls('store.example');
    setDefaultCACertificates([cert]);
    // What is decrypted at a time is handed out record by record, the last one after the reader had enough.
    for (let kib = 128; kib <= 512; kib += 8) {
      const { body } = await http.send(ask(`https://store.example:${port}`, { path: `/?bytes=${kib * 1024}` }));
      let size = 0;
      for await (const piece of body) {
        size += piece.length;
        await new Promise(setImmediate);
      }
      expect(size).toBe(kib * 1024);
    }
    expect(names).toHaveLength(1);
  });

  it('leaves what it handed on as it is when its reader stops in the middle', async () => {
    const { cert, bytes, http, port } = await serveTls('store.example');
    setDefaultCACertificates([cert]);
    // What was decrypted by then is handed out to the end, wherever the reader stops.
    for (let most = 64; most <= 512; most += 8) {
      const { body } = await http.send(ask(`https://store.example:${port}`));
      const pieces: Buffer[] = [];
      let size = 0;
      body.on('data', (piece: Buffer) => {
        pieces.push(piece);
        size += piece.length;
        if (size >= most * 1024) body.destroy();
      });
      await once(body, 'close');
      await new Promise(setImmediate);
      expect(sha256(Buffer.concat(pieces))).toBe(sha256(bytes.subarray(0, size)));
    }
  });

  it('trusts no certificate that no authority signed', async () => {
    const { http, port } = await serveTls('store.example');
    await expect(http.send(ask(`https://store.example:${port}`))).rejects.toMatchObject({
      code: 'ENDPOINT_INVALID',
      message: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    });
  });

  it('trusts no certificate of an authority that is not known, and says how it becomes so', async () => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'An authority of its own' }], {
      algorithm: 'sha256',
      extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
    });
    const { http, port } = await serveTls('store.example', { key, cert });
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
