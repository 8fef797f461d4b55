import { createHash, createHmac } from 'node:crypto';
import { GetObjectCommand, ListBucketsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import {
  CREDENTIALS,
  failure,
  presignedPath,
  rawRequest,
  sdkClient,
  signedRequest,
  signer,
  startTestServer,
  startWithClient,
} from '../testing/support.ts';

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const MINUTE = 60_000;

describe('signatures in the Authorization header (API reference: sig-v4-header-based-auth)', () => {
  it('refuses an unknown key, a wrong secret and no signature at all (ErrorResponses)', async () => {
    const server = await startTestServer();
    const list = (credentials: typeof CREDENTIALS) =>
      failure(sdkClient(server, { credentials }).send(new ListBucketsCommand()));
    expect(await list({ ...CREDENTIALS, accessKeyId: 'UNKNOWN' })).toMatchObject({
      code: 'InvalidAccessKeyId',
      status: 403,
    });
    expect(await list({ ...CREDENTIALS, secretAccessKey: 'wrong' })).toMatchObject({
      code: 'SignatureDoesNotMatch',
      status: 403,
    });
    expect(await rawRequest(server, { path: '/' })).toMatchObject({ code: 'AccessDenied', status: 403 });
  });

  it('serves several keys', async () => {
    const other = { accessKeyId: 'OTHER', secretAccessKey: 'secret' };
    const server = await startTestServer({ credentials: [CREDENTIALS, other] });
    await sdkClient(server).send(new ListBucketsCommand());
    await sdkClient(server, { credentials: other }).send(new ListBucketsCommand());
    const mixed = { ...other, secretAccessKey: CREDENTIALS.secretAccessKey };
    expect(await failure(sdkClient(server, { credentials: mixed }).send(new ListBucketsCommand()))).toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
  });

  it('refuses another region and names its own', async () => {
    const server = await startTestServer({ region: 'eu-central-1' });
    const response = await signedRequest(server, { path: '/', region: 'us-east-1' });
    expect(response).toMatchObject({ status: 400, code: 'AuthorizationHeaderMalformed' });
    expect(response.text).toContain('<Region>eu-central-1</Region>');
    expect((await signedRequest(server, { path: '/', region: 'eu-central-1' })).status).toBe(200);
  });

  it('allows 15 minutes between the clocks and no more (ErrorResponses: RequestTimeTooSkewed)', async () => {
    const server = await startTestServer();
    const at = (offset: number) => signedRequest(server, { path: '/', signingDate: new Date(Date.now() + offset) });
    expect((await at(-14 * MINUTE)).status).toBe(200);
    expect((await at(14 * MINUTE)).status).toBe(200);
    expect(await at(-16 * MINUTE)).toMatchObject({ status: 403, code: 'RequestTimeTooSkewed' });
    expect(await at(16 * MINUTE)).toMatchObject({ status: 403, code: 'RequestTimeTooSkewed' });
  });

  it.each([
    ['the method', { method: 'DELETE' }],
    ['the path', { path: '/bucket/other?prefix=a' }],
    ['the query', { path: '/bucket/key?prefix=b' }],
    ['a signed header', { header: ['x-amz-meta-a', 'changed'] }],
  ] as const)('refuses a request in which %s was changed after signing', async (_, change) => {
    const server = await startTestServer();
    const host = `127.0.0.1:${server.port}`;
    const request = {
      method: 'PUT',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: '/bucket/key',
      query: { prefix: 'a' },
    };
    const signed = await signer().sign({
      ...request,
      headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'x-amz-meta-a': '1' },
    });
    const send = (altered: { method?: string; path?: string; header?: readonly [string, string] }) =>
      rawRequest(server, {
        method: altered.method ?? 'PUT',
        path: altered.path ?? '/bucket/key?prefix=a',
        headers: { ...signed.headers, ...(altered.header ? { [altered.header[0]]: altered.header[1] } : {}) },
      });
    expect(await send(change)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
    expect((await send({})).status).toBe(200);
  });

  it('refuses x-amz- headers that were added after signing', async () => {
    const server = await startTestServer();
    const host = `127.0.0.1:${server.port}`;
    const signed = await signer().sign({
      method: 'PUT',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: '/bucket/key',
      headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    });
    const response = await rawRequest(server, {
      method: 'PUT',
      path: '/bucket/key',
      headers: { ...signed.headers, 'x-amz-meta-a': '1' },
    });
    expect(response).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(response.text).toContain('<HeadersNotSigned>x-amz-meta-a</HeadersNotSigned>');
  });

  it('refuses the token of temporary credentials (ErrorResponses: InvalidToken)', async () => {
    const server = await startTestServer();
    const client = sdkClient(server, { credentials: { ...CREDENTIALS, sessionToken: 'token' } });
    expect(await failure(client.send(new ListBucketsCommand()))).toMatchObject({ code: 'InvalidToken', status: 400 });
  });

  it('refuses malformed and outdated mechanisms (ErrorResponses)', async () => {
    const server = await startTestServer();
    const authorization = (value: string) => rawRequest(server, { path: '/', headers: { authorization: value } });
    expect(await authorization('AWS AKID:signature')).toMatchObject({ status: 400, code: 'InvalidRequest' });
    expect(await authorization('AWS4-HMAC-SHA256 nonsense')).toMatchObject({
      status: 400,
      code: 'AuthorizationHeaderMalformed',
    });
  });

  it('verifies the hash of the body that was signed (ErrorResponses: XAmzContentSHA256Mismatch)', async () => {
    const { server, client } = await startWithClient();
    const put = (body: string, payloadHash: string) =>
      signedRequest(server, { method: 'PUT', path: '/bucket/k', body, payloadHash });
    expect((await put('content', sha256('content'))).status).toBe(200);
    expect(await put('changed', sha256('content'))).toMatchObject({ status: 400, code: 'XAmzContentSHA256Mismatch' });
    expect(await put('content', 'nonsense')).toMatchObject({ status: 400, code: 'InvalidArgument' });
    const got = await client.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'k' }));
    expect(await got.Body?.transformToString()).toBe('content');
    const bodyless = await signedRequest(server, { path: '/bucket/k', payloadHash: sha256('something') });
    expect(bodyless).toMatchObject({ status: 400, code: 'XAmzContentSHA256Mismatch' });
  });

  it('finds paths with any character, encoded more or less than the canonical form', async () => {
    const server = await startTestServer();
    const canonical = '/bucket/a//../b%20c%2B%25~%21%27%28%29%2A%C3%A9';
    for (const path of [
      canonical,
      canonical.replace('%21%27%28%29%2A', "!'()*"),
      canonical.replace('a', '%61'),
      canonical.replace('%20', '+'),
    ]) {
      const signed = await signer().sign({
        method: 'PUT',
        protocol: 'http:',
        hostname: '127.0.0.1',
        path: canonical,
        headers: { host: `127.0.0.1:${server.port}`, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      });
      expect((await rawRequest(server, { method: 'PUT', path, headers: { ...signed.headers } })).status).toBe(200);
    }
    const list = await signedRequest(server, { path: '/bucket?list-type=2' });
    expect(list.text.match(/<Key>.*?<.Key>/g)).toEqual(["<Key>a//../b c+%~!'()*é</Key>"]);
  });

  it('refuses bytes in a path that are not UTF-8 (userguide: object-keys)', async () => {
    const server = await startTestServer();
    expect(await rawRequest(server, { path: '/bucket/%FF' })).toMatchObject({ status: 400, code: 'InvalidURI' });
  });
});

describe('signed chunks (API reference: sigv4-streaming)', () => {
  /** A body in signed chunks, by the formulas of the reference and independent of the server's code. */
  async function putChunked(
    server: Awaited<ReturnType<typeof startTestServer>>,
    data: Buffer,
    options: { corrupt?: boolean; trailer?: string } = {},
  ) {
    const mode = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${options.trailer === undefined ? '' : '-TRAILER'}`;
    const host = `127.0.0.1:${server.port}`;
    const signed = await signer().sign({
      method: 'PUT',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: '/bucket/k',
      headers: {
        host,
        'content-encoding': 'aws-chunked,gzip',
        'x-amz-content-sha256': mode,
        'x-amz-decoded-content-length': String(data.length),
        ...(options.trailer === undefined ? {} : { 'x-amz-trailer': 'x-amz-checksum-crc32' }),
      },
    });
    const timestamp = signed.headers['x-amz-date'] as string;
    const scope = `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
    const key = scope
      .split('/')
      .reduce<Buffer>(
        (secret, part) => createHmac('sha256', secret).update(part).digest(),
        Buffer.from(`AWS4${CREDENTIALS.secretAccessKey}`),
      );
    const sign = (kind: string, previous: string, rest: string) =>
      createHmac('sha256', key).update([kind, timestamp, scope, previous, rest].join('\n')).digest('hex');
    let previous = /Signature=(\w+)/.exec(signed.headers.authorization as string)?.[1] as string;
    const pieces: Buffer[] = [];
    for (let at = 0; at <= data.length; at += 65_536) {
      const chunk = data.subarray(at, at + 65_536);
      previous = sign('AWS4-HMAC-SHA256-PAYLOAD', previous, `${sha256('')}\n${sha256(chunk)}`);
      pieces.push(
        Buffer.from(`${chunk.length.toString(16)};chunk-signature=${previous}\r\n`),
        Buffer.from(chunk),
        Buffer.from('\r\n'),
      );
    }
    if (data.length % 65_536 !== 0) {
      previous = sign('AWS4-HMAC-SHA256-PAYLOAD', previous, `${sha256('')}\n${sha256('')}`);
      pieces.push(Buffer.from(`0;chunk-signature=${previous}\r\n\r\n`));
    }
    if (options.trailer !== undefined) {
      pieces.pop();
      const trailer = `x-amz-checksum-crc32:${options.trailer}`;
      const signature = sign('AWS4-HMAC-SHA256-TRAILER', previous, sha256(`${trailer}\n`));
      pieces.push(
        Buffer.from(`0;chunk-signature=${previous}\r\n${trailer}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`),
      );
    }
    if (options.corrupt) {
      (pieces[1] as Buffer)[0] = ((pieces[1] as Buffer)[0] as number) ^ 1;
    }
    const body = Buffer.concat(pieces);
    return rawRequest(server, {
      method: 'PUT',
      path: '/bucket/k',
      headers: { ...signed.headers, 'content-length': String(body.length) },
      body,
    });
  }

  const data = Buffer.alloc(100_000, 'abc');

  it('stores what the chunks hold, and not their envelope', async () => {
    const { server, client } = await startWithClient();
    expect((await putChunked(server, data)).status).toBe(200);
    const got = await client.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'k' }));
    expect(got.ContentEncoding).toBe('gzip');
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(data)).toBe(true);
  });

  it('refuses a changed chunk and stores nothing', async () => {
    const { server, client } = await startWithClient();
    expect(await putChunked(server, data, { corrupt: true })).toMatchObject({
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
    expect(await failure(client.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'k' })))).toMatchObject({
      code: 'NoSuchKey',
    });
  });

  it('verifies signed trailers and the checksum in them (API reference: sigv4-streaming-trailers)', async () => {
    const server = await startTestServer();
    expect(await putChunked(server, data, { trailer: 'AAAAAA==' })).toMatchObject({ status: 400, code: 'BadDigest' });
    const crc32 = await import('node:zlib').then(({ crc32: compute }) => compute(data));
    const raw = Buffer.alloc(4);
    raw.writeUInt32BE(crc32);
    const stored = await putChunked(server, data, { trailer: raw.toString('base64') });
    expect(stored).toMatchObject({ status: 200, headers: { 'x-amz-checksum-crc32': raw.toString('base64') } });
  });
});

describe('presigned URLs (API reference: sigv4-query-string-auth)', () => {
  it('put and get objects without any header', async () => {
    const server = await startTestServer();
    const path = '/bucket/a%20b%2B%C3%A9';
    const put = await rawRequest(server, {
      method: 'PUT',
      path: await presignedPath(server, { method: 'PUT', path }),
      body: 'content',
    });
    expect(put.status).toBe(200);
    const get = await rawRequest(server, { path: await presignedPath(server, { path }) });
    expect(get).toMatchObject({ status: 200, text: 'content' });
  });

  it('expire (X-Amz-Expires)', async () => {
    const { server, client } = await startWithClient();
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'k', Body: 'x' }));
    const at = async (offset: number, expiresIn: number) =>
      rawRequest(server, {
        path: await presignedPath(server, { path: '/bucket/k', expiresIn, signingDate: new Date(Date.now() + offset) }),
      });
    expect((await at(-59 * MINUTE, 3600)).status).toBe(200);
    const expired = await at(-61 * MINUTE, 3600);
    expect(expired).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(expired.text).toContain('<Message>Request has expired</Message>');
    expect(await at(16 * MINUTE, 3600)).toMatchObject({ status: 403, code: 'RequestTimeTooSkewed' });
    const path = await presignedPath(server, { path: '/bucket/k' });
    const forever = await rawRequest(server, { path: path.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=604801') });
    expect(forever).toMatchObject({ status: 400, code: 'AuthorizationQueryParametersError' });
  });

  it('serve one method, one object and one query', async () => {
    const { server, client } = await startWithClient();
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'k', Body: 'x' }));
    const path = await presignedPath(server, { path: '/bucket/k' });
    for (const altered of [
      { method: 'DELETE', path },
      { path: path.replace('/k?', '/other?') },
      { path: `${path}&response-content-type=text%2Fhtml` },
      { path: path.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=600000') },
      { path: path.replace(/(X-Amz-Signature=)\w/, '$1z') },
    ]) {
      expect(await rawRequest(server, altered)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
    }
    expect(await rawRequest(server, { path, headers: { 'x-amz-meta-a': '1' } })).toMatchObject({
      status: 403,
      code: 'AccessDenied',
    });
    expect((await rawRequest(server, { path })).status).toBe(200);
  });

  it('may name headers of the answer (API_GetObject: response-)', async () => {
    const { server, client } = await startWithClient();
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'k', Body: 'x', ContentType: 'text/a' }));
    const query = {
      'response-content-type': 'text/b',
      'response-content-disposition': 'attachment; filename="f"',
      'response-cache-control': 'no-store',
    };
    const get = await rawRequest(server, { path: await presignedPath(server, { path: '/bucket/k', query }) });
    expect(get.headers).toMatchObject({
      'content-type': 'text/b',
      'content-disposition': 'attachment; filename="f"',
      'cache-control': 'no-store',
    });
  });

  it('carry x-amz- headers in the query', async () => {
    const { server, client } = await startWithClient();
    const query = { 'x-amz-meta-a': '1', 'x-amz-storage-class': 'STANDARD_IA' };
    await rawRequest(server, {
      method: 'PUT',
      path: await presignedPath(server, { method: 'PUT', path: '/bucket/k', query }),
      body: 'x',
    });
    expect(await client.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'k' }))).toMatchObject({
      Metadata: { a: '1' },
      StorageClass: 'STANDARD_IA',
    });
  });
});
