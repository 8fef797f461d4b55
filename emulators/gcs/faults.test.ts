import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { failure, raw, startTestServer, startWithClient, testBytes } from './testing/support.ts';

describe('Faults', () => {
  it.each([
    [429, 'rateLimitExceeded'],
    [500, 'internalError'],
    [503, 'backendError'],
  ] as const)('answer status %i to the requests that match, and only to those', async (status, reason) => {
    const { server, bucket } = await startWithClient();
    const match = { operation: 'objects.insert', count: 2 } as const;
    const fault = server.faults.add({ match, action: { kind: 'status', status, retryAfterSeconds: 7 } });
    const save = () => bucket.file('n').save('x', { resumable: false });
    expect(await failure(save())).toMatchObject({ code: status, reason });
    await fault.hit;
    const path = '/upload/storage/v1/b/bucket/o?uploadType=media&name=n';
    expect((await raw(server, 'POST', path, { body: 'x' })).headers['retry-after']).toBe('7');
    await save();
  });

  it('expire a token before its time', async () => {
    const { server, bucket } = await startWithClient();
    const fault = server.faults.add({ match: {}, action: { kind: 'expiredToken' } });
    fault.remove();
    await bucket.file('n').save('x', { resumable: false });
    server.faults.add({ match: { name: /^n$/ }, action: { kind: 'expiredToken' } });
    const answer = await raw(server, 'GET', '/storage/v1/b/bucket/o/n');
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text).error.errors[0].reason).toBe('authError');
  });

  it('state a wrong hash, which the SDK notices', async () => {
    const { server, bucket } = await startWithClient();
    await bucket.file('n').save('x', { resumable: false });
    server.faults.add({ match: { operation: 'objects.download' }, action: { kind: 'wrongHash' } });
    const download = await failure(bucket.file('n').download({ validation: 'crc32c' }));
    expect(download.code).toBe('CONTENT_DOWNLOAD_MISMATCH');
  });

  it('corrupt one bit of an answer, and tell the truth in its headers', async () => {
    const { server, bucket } = await startWithClient();
    await bucket.file('n').save(testBytes(1000), { resumable: false });
    server.faults.add({ match: { operation: 'objects.download' }, action: { kind: 'corrupt', atByte: 700 } });
    expect((await failure(bucket.file('n').download({ validation: 'crc32c' }))).code).toBe('CONTENT_DOWNLOAD_MISMATCH');
    expect((await bucket.file('n').download())[0].equals(testBytes(1000))).toBe(true);
  });

  it.each([
    ['reset', { kind: 'reset', afterBytes: 300_000 }],
    ['truncate', { kind: 'truncate', afterBytes: 300_000 }],
  ] as const)('%s a download in the middle of its body', async (_name, action) => {
    const { server, bucket } = await startWithClient();
    await bucket.file('n').save(testBytes(500_000), { resumable: false });
    server.faults.add({ match: { operation: 'xml.get' }, action });
    await expect(raw(server, 'GET', '/bucket/n')).rejects.toThrow(/ECONNRESET|aborted/);
  });

  it('reset an upload in the middle of its body, and keep nothing of it', async () => {
    const { server, bucket } = await startWithClient();
    server.faults.add({ match: { operation: 'xml.put' }, action: { kind: 'reset', afterBytes: 1_000_000 } });
    await expect(raw(server, 'PUT', '/bucket/n', { body: testBytes(8_000_000) })).rejects.toThrow();
    expect((await bucket.file('n').exists())[0]).toBe(false);
  });

  it('perform an operation and lose its answer, hold it, and slow it down', async () => {
    const { server, bucket } = await startWithClient();
    server.faults.add({ match: { operation: 'xml.put' }, action: { kind: 'loseAnswer' } });
    await expect(raw(server, 'PUT', '/bucket/n', { body: 'x' })).rejects.toThrow(/ECONNRESET|hang up/);
    expect((await bucket.file('n').download())[0].toString()).toBe('x');
    const gate = Promise.withResolvers<void>();
    const held = server.faults.add({ match: { operation: 'xml.put' }, action: { kind: 'hold', until: gate.promise } });
    const writing = raw(server, 'PUT', '/bucket/n', { body: 'y' });
    await held.hit;
    expect((await bucket.file('n').download())[0].toString()).toBe('x');
    gate.resolve();
    await writing;
    server.faults.add({ match: { operation: 'xml.get' }, action: { kind: 'slow', bytesPerSecond: 100 } });
    expect((await raw(server, 'GET', '/bucket/n')).text).toBe('y');
  });

  it('stall until the client gives up', async () => {
    const server = await startTestServer();
    const stalled = server.faults.add({ match: { operation: 'xml.get' }, action: { kind: 'stall' } });
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write(`GET /bucket/n HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
    });
    const request = { operation: 'xml.get', method: 'GET', bucket: 'bucket', name: 'n' };
    expect(await stalled.hit).toMatchObject({ ...request, clientPort: socket.localPort });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy();
    await closed;
  });
});

it('the observer tells what the server is asked', async () => {
  const { server, bucket } = await startWithClient();
  const arrived = server.observer.waitFor({ operation: 'objects.insert' });
  await bucket.file('n').save('x', { resumable: false });
  expect(await arrived).toMatchObject({ operation: 'objects.insert', method: 'POST', bucket: 'bucket' });
  expect(server.observer.count('objects.insert')).toBe(1);
});

it('objects take no more memory than the server may have', async () => {
  const { server } = await startWithClient({ maxBytes: 1_000_000 });
  const put = (name: string) => raw(server, 'PUT', `/bucket/${name}`, { body: testBytes(600_000) });
  expect((await put('n')).status).toBe(200);
  expect((await put('m')).status).toBe(503);
  expect((await put('n')).status).toBe(200);
});
