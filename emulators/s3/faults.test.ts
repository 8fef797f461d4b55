import { connect } from 'node:net';
import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import type { Operation } from './router.ts';
import {
  CREDENTIALS,
  failure,
  presignedPath,
  rawRequest,
  sdkClient,
  startTestServer,
  startWithClient,
  testBytes,
} from './testing/support.ts';

const Bucket = 'bucket';
const Key = 'k';

async function read(client: S3Client): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

/** What of a body arrived, and how its connection ended. */
async function readRaw(
  server: Awaited<ReturnType<typeof startTestServer>>,
): Promise<{ bytes: number; end: 'complete' | 'FIN' | 'reset' }> {
  const path = await presignedPath(server, { path: '/bucket/k' });
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`),
    );
    let received = Buffer.alloc(0);
    const body = () => received.length - (received.indexOf('\r\n\r\n') + 4);
    socket.on('data', (piece) => {
      received = Buffer.concat([received, piece]);
    });
    socket.on('end', () => resolve({ bytes: body(), end: 'FIN' }));
    socket.on('error', () => resolve({ bytes: body(), end: 'reset' }));
  });
}

describe('faults', () => {
  it.each([
    [429, 'TooManyRequests'],
    [500, 'InternalError'],
    [503, 'ServiceUnavailable'],
  ] as const)('answer status %i a number of times, without performing the operation', async (status, code) => {
    const { server, client } = await startWithClient();
    const fault = server.faults.add({
      match: { operation: 'PutObject', count: 2 },
      action: { kind: 'status', status, retryAfterSeconds: 7 },
    });
    const put = () => client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const first = await failure(put());
    expect(first).toMatchObject({ code, status });
    expect(first.error.$response?.headers['retry-after']).toBe('7');
    expect(await failure(client.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 });
    expect(fault.remaining).toBe(1);
    expect(await failure(put())).toMatchObject({ status });
    await put();
    expect(fault.remaining).toBe(0);
  });

  it('answer SlowDown, which the SDK gets over by itself', async () => {
    const server = await startTestServer();
    server.faults.add({ match: { key: Key }, action: { kind: 'slowDown' } });
    const client = sdkClient(server, { maxAttempts: 3 });
    const put = await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    expect(put.$metadata.attempts).toBe(2);
    expect(server.observer.counters('PutObject')).toMatchObject({ requests: 2, failures: 1 });
  });

  it('apply only to the requests that match', async () => {
    const { server, client } = await startWithClient();
    server.faults.add({
      match: { key: /^bad/, method: 'PUT', bucket: 'bucket', count: 100 },
      action: { kind: 'slowDown' },
    });
    await client.send(new PutObjectCommand({ Bucket, Key: 'good', Body: 'x' }));
    expect(await failure(client.send(new PutObjectCommand({ Bucket, Key: 'bad1', Body: 'x' })))).toMatchObject({
      code: 'SlowDown',
      status: 503,
    });
    expect(await failure(client.send(new HeadObjectCommand({ Bucket, Key: 'bad1' })))).toMatchObject({ status: 404 });
    server.faults.clear();
    await client.send(new PutObjectCommand({ Bucket, Key: 'bad1', Body: 'x' }));
  });

  it('can be removed', async () => {
    const { server, client } = await startWithClient();
    const fault = server.faults.add({ match: {}, action: { kind: 'slowDown' } });
    fault.remove();
    await client.send(new ListObjectsV2Command({ Bucket }));
  });

  it('reset a connection at once, or in the middle of a download', async () => {
    const { server, client } = await startWithClient();
    await client.send(new PutObjectCommand({ Bucket, Key, Body: testBytes(500_000) }));
    server.faults.add({ match: { operation: 'GetObject' }, action: { kind: 'reset' } });
    expect((await failure(read(client))).error).toMatchObject({ code: 'ECONNRESET' });
    server.faults.add({ match: { operation: 'GetObject' }, action: { kind: 'reset', afterBytes: 100_000 } });
    expect(await readRaw(server)).toEqual({ bytes: 100_000, end: 'reset' });
    expect((await read(client)).equals(testBytes(500_000))).toBe(true);
  });

  it('reset a connection in the middle of an upload, and keep nothing of it', async () => {
    const { server, client } = await startWithClient();
    server.faults.add({ match: { operation: 'PutObject' }, action: { kind: 'reset', afterBytes: 1_000_000 } });
    const finished = server.observer.waitFor({ operation: 'PutObject' }, { event: 'finished' });
    await failure(client.send(new PutObjectCommand({ Bucket, Key, Body: testBytes(8_000_000) })));
    const { status, bytesReceived } = await finished;
    expect(status).toBeUndefined();
    expect(bytesReceived).toBeGreaterThanOrEqual(1_000_000);
    expect(await failure(client.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 });
  });

  it('truncate a body short of its Content-Length', async () => {
    const { server, client } = await startWithClient();
    await client.send(new PutObjectCommand({ Bucket, Key, Body: testBytes(500_000) }));
    server.faults.add({ match: { operation: 'GetObject' }, action: { kind: 'truncate', afterBytes: 300_001 } });
    expect(await readRaw(server)).toEqual({ bytes: 300_001, end: 'FIN' });
  });

  it('stall after some bytes until the client gives up', async () => {
    const { server, client } = await startWithClient();
    await client.send(new PutObjectCommand({ Bucket, Key, Body: testBytes(500_000) }));
    const fault = server.faults.add({
      match: { operation: 'GetObject' },
      action: { kind: 'stall', afterBytes: 200_000 },
    });
    const path = await presignedPath(server, { path: '/bucket/k' });
    const finished = server.observer.waitFor({ operation: 'GetObject' }, { event: 'finished' });
    await new Promise<void>((resolve) => {
      let received = 0;
      const socket = connect(server.port, '127.0.0.1', () =>
        socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`),
      );
      socket.on('data', (piece) => {
        received += piece.length;
        if (received > 200_000) {
          socket.destroy();
          resolve();
        }
      });
    });
    await fault.hit;
    expect(await finished).toMatchObject({ status: undefined, bytesSent: 200_000 });
  });

  it('stall an upload, which frees the connection when the client gives up', async () => {
    const { server, client } = await startWithClient();
    const fault = server.faults.add({ match: { operation: 'PutObject' }, action: { kind: 'stall' } });
    const abort = new AbortController();
    const call = client.send(new PutObjectCommand({ Bucket, Key, Body: testBytes(100_000) }), {
      abortSignal: abort.signal,
    });
    const outcome = failure(call);
    const finished = server.observer.waitFor({ operation: 'PutObject' }, { event: 'finished' });
    await fault.hit;
    abort.abort();
    expect((await outcome).code).toBe('AbortError');
    expect((await finished).status).toBeUndefined();
  });

  it('corrupt a download, which the SDK notices by its checksum', async () => {
    const { server, client } = await startWithClient();
    await client.send(new PutObjectCommand({ Bucket, Key, Body: testBytes(500_000) }));
    server.faults.add({ match: { operation: 'GetObject', count: 2 }, action: { kind: 'corrupt', atByte: 123_456 } });
    expect((await failure(read(client))).error.message).toMatch(/checksum/i);
    const path = await presignedPath(server, { path: '/bucket/k' });
    const { body } = await rawRequest(server, { path });
    const differing = [...testBytes(500_000).entries()].filter(([at, byte]) => body[at] !== byte);
    expect(differing.map(([at]) => at)).toEqual([123_456]);
    expect((await read(client)).equals(testBytes(500_000))).toBe(true);
  });

  it('state a wrong hash, which the SDK notices, and in every answer that states one', async () => {
    const { server, client } = await startWithClient();
    const wrong = (operation: Operation) => server.faults.add({ match: { operation }, action: { kind: 'wrongHash' } });
    const put = () =>
      client.send(new PutObjectCommand({ Bucket, Key, Body: testBytes(1000), ChecksumAlgorithm: 'CRC32C' }));
    const truth = await put();
    wrong('PutObject');
    const lie = await put();
    expect(lie.ETag).toMatch(/^"[0-9a-f]{32}"$/);
    expect([lie.ETag, lie.ChecksumCRC32C]).not.toContain(truth.ETag);
    expect([lie.ETag, lie.ChecksumCRC32C]).not.toContain(truth.ChecksumCRC32C);
    wrong('GetObject');
    expect((await failure(read(client))).error.message).toMatch(/checksum/i);
    const copy = () => client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/${Key}` }));
    wrong('CopyObject');
    const copied = (await copy()).CopyObjectResult;
    expect([copied?.ETag, copied?.ChecksumCRC32C]).toEqual([lie.ETag, lie.ChecksumCRC32C]);
    // What is kept is the truth.
    expect((await read(client)).equals(testBytes(1000))).toBe(true);
    expect((await copy()).CopyObjectResult?.ETag).toBe(truth.ETag);
  });

  it('expire a session token before its time', async () => {
    const credentials = { ...CREDENTIALS, sessionToken: 'token' };
    const server = await startTestServer({ credentials: [credentials] });
    const client = sdkClient(server, { credentials });
    server.faults.add({ match: { operation: 'PutObject' }, action: { kind: 'expiredToken' } });
    const put = () => client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    expect(await failure(put())).toMatchObject({ code: 'ExpiredToken', status: 400 });
    expect(await failure(client.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 });
    await put();
  });

  it('lose the answer of an operation that was performed', async () => {
    const { server, client } = await startWithClient();
    server.faults.add({ match: { operation: 'PutObject' }, action: { kind: 'loseAnswer' } });
    const lost = await failure(client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' })));
    expect(lost.error).toMatchObject({ code: 'ECONNRESET' });
    expect((await read(client)).toString()).toBe('x');
  });

  it('hold an operation until the test lets it go on', async () => {
    const { server, client } = await startWithClient();
    const gate = Promise.withResolvers<void>();
    const fault = server.faults.add({
      match: { operation: 'PutObject' },
      action: { kind: 'hold', until: gate.promise },
    });
    const put = client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    expect(await fault.hit).toMatchObject({ operation: 'PutObject', bucket: Bucket, key: Key });
    expect(await failure(client.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 });
    gate.resolve();
    await put;
    await client.send(new HeadObjectCommand({ Bucket, Key }));
  });

  it('slow bodies down without changing them', async () => {
    const { server, client } = await startWithClient();
    server.faults.add({ match: { count: 2 }, action: { kind: 'slow', bytesPerSecond: 2_000_000 } });
    await client.send(new PutObjectCommand({ Bucket, Key, Body: testBytes(200_000) }));
    expect((await read(client)).equals(testBytes(200_000))).toBe(true);
  });
});

describe('the observer', () => {
  it('tells of requests as they arrive and as they end', async () => {
    const { server, client } = await startWithClient();
    const arrived = server.observer.waitFor({ operation: 'PutObject', key: 'second' });
    const third = server.observer.waitFor({ operation: 'PutObject' }, { count: 3 });
    const finished = server.observer.waitFor({ operation: 'GetObject' }, { event: 'finished' });
    for (const key of ['first', 'second', 'third']) {
      await client.send(new PutObjectCommand({ Bucket, Key: key, Body: 'abc' }));
    }
    await (await client.send(new GetObjectCommand({ Bucket, Key: 'first' }))).Body?.transformToString();
    expect(await arrived).toMatchObject({ method: 'PUT', bucket: Bucket, key: 'second' });
    expect(await third).toMatchObject({ key: 'third' });
    expect(await finished).toMatchObject({ key: 'first', status: 200, bytesSent: 3 });
    expect(server.observer.counters('PutObject')).toEqual({ requests: 3, failures: 0, bytesReceived: 9, bytesSent: 0 });
    server.observer.resetCounters();
    expect(server.observer.counters('PutObject').requests).toBe(0);
  });

  it('ends a wait when its signal says so', async () => {
    const server = await startTestServer();
    const abort = new AbortController();
    const wait = server.observer.waitFor({}, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(wait).rejects.toThrow('enough');
    expect(server.observer.listenerCount('arrived')).toBe(0);
  });
});
