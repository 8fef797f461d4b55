import { describe, expect, it } from 'vitest';
import { raw, startWithClient, testBytes } from '../testing/support.ts';

const start = '/upload/storage/v1/b/bucket/o?uploadType=resumable&name=n';
const KIB256 = 256 * 1024;

async function begin(server: Parameters<typeof raw>[0], query = '', resource: object = {}): Promise<string> {
  const answer = await raw(server, 'POST', start + query, { body: JSON.stringify(resource) });
  expect(answer.status).toBe(200);
  const url = new URL(answer.headers.location as string);
  return url.pathname + url.search;
}

describe('Resumable uploads (storage/docs/performing-resumable-uploads)', () => {
  it('carry an object of the SDK in several chunks', async () => {
    const { server, bucket } = await startWithClient();
    const bytes = testBytes(5 * KIB256 + 7);
    // The SDK begins sessions of its own without a token where the endpoint is not Google's.
    const [uri] = await bucket.file('n').createResumableUpload();
    await bucket.file('n').save(bytes, { resumable: true, uri, chunkSize: 2 * KIB256, validation: 'crc32c' });
    // It asks how far the session is, and sends three chunks.
    expect(server.observer.count('objects.resume')).toBe(4);
    expect((await bucket.file('n').download())[0].equals(bytes)).toBe(true);
  });

  it('take chunks in multiples of 256 KiB, tell how far they are, and end with the last byte', async () => {
    const { server } = await startWithClient();
    const bytes = testBytes(KIB256 + 5);
    const path = await begin(server);
    const send = (from: number, to: number, total: number | '*') =>
      raw(server, 'PUT', path, {
        headers: { 'content-range': `bytes ${from}-${to - 1}/${total}`, authorization: '' },
        body: bytes.subarray(from, to),
      });
    const ask = () => raw(server, 'PUT', path, { headers: { 'content-range': 'bytes */*', 'content-length': '0' } });
    expect(await ask()).toMatchObject({ status: 308 });
    expect((await ask()).headers.range).toBeUndefined();
    expect((await send(0, 1000, '*')).status).toBe(400);
    expect((await send(0, KIB256, '*')).headers.range).toBe('bytes=0-262143');
    expect((await ask()).headers.range).toBe('bytes=0-262143');
    expect((await send(0, KIB256, '*')).status).toBe(400);
    const last = await send(KIB256, bytes.length, bytes.length);
    expect(last.status).toBe(200);
    expect(JSON.parse(last.text)).toMatchObject({ name: 'n', size: String(bytes.length) });
    expect((await ask()).status).toBe(404);
  });

  it('are cancelled with 499, and expire', async () => {
    const { server } = await startWithClient();
    const path = await begin(server);
    expect((await raw(server, 'DELETE', path)).status).toBe(499);
    expect((await raw(server, 'DELETE', path)).status).toBe(404);
    const { server: hasty } = await startWithClient({ sessionLifetimeMs: 0 });
    expect((await raw(hasty, 'PUT', await begin(hasty), { body: 'x' })).status).toBe(410);
  });

  it('check hashes and preconditions when the object is made', async () => {
    const { server, bucket } = await startWithClient();
    const wrong = await begin(server, '', { crc32c: 'AAAAAA==' });
    expect((await raw(server, 'PUT', wrong, { body: 'x' })).status).toBe(400);
    const conditional = await begin(server, '&ifGenerationMatch=0');
    await bucket.file('n').save('y', { resumable: false });
    expect((await raw(server, 'PUT', conditional, { body: 'x' })).status).toBe(412);
    expect((await bucket.file('n').download())[0].toString()).toBe('y');
  });
});
