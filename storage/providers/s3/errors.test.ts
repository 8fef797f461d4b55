import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { openS3 } from '../s3.ts';
import { parseFault, s3Error } from './errors.ts';

const now = () => new Date().toUTCString();

/** An account of a store that this server plays. */
async function openAt(server: Server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
  return openS3(
    { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint, ...keys },
    { addressPolicy: createAddressPolicy(['127.0.0.1']) },
  );
}

describe('what a store says', () => {
  it.each([
    [403, 'AccessDenied', 'PERMISSION_DENIED', 'never'],
    [403, 'SignatureDoesNotMatch', 'CREDENTIALS_INVALID', 'never'],
    [400, 'ExpiredToken', 'CREDENTIALS_INVALID', 'never'],
    [403, 'RequestTimeTooSkewed', 'CLOCK_SKEWED', 'backoff'],
    [404, 'NoSuchBucket', 'CONTAINER_NOT_FOUND', 'never'],
    [404, 'NoSuchUpload', 'UPLOAD_EXPIRED', 'restart'],
    [403, 'InvalidObjectState', 'OBJECT_ARCHIVED', 'never'],
    [412, 'PreconditionFailed', 'PRECONDITION_FAILED', 'never'],
    [409, 'ConditionalRequestConflict', 'PRECONDITION_FAILED', 'restart'],
    [400, 'BadDigest', 'CHECKSUM_MISMATCH', 'restart'],
    [400, 'InvalidStorageClass', 'REQUEST_REFUSED', 'never'],
    [400, 'KMS.DisabledException', 'REQUEST_REFUSED', 'never'],
    [503, 'SlowDown', 'THROTTLED', 'backoff'],
    [500, 'InternalError', 'PROVIDER_UNAVAILABLE', 'backoff'],
    [501, 'NotImplemented', 'NOT_SUPPORTED', 'never'],
    [507, 'SomethingNew', 'PROVIDER_UNAVAILABLE', 'backoff'],
    [429, undefined, 'THROTTLED', 'backoff'],
    [502, undefined, 'PROVIDER_UNAVAILABLE', 'backoff'],
    [408, undefined, 'PROVIDER_UNAVAILABLE', 'backoff'],
    [401, 'SomethingNew', 'CREDENTIALS_INVALID', 'never'],
    [400, 'SomethingNew', 'ENDPOINT_INVALID', 'never'],
    [400, undefined, 'ENDPOINT_INVALID', 'never'],
  ] as const)('%i %s is %s, to be tried: %s', (status, code, expected, retry) => {
    const error = s3Error({ status, code, headers: { date: now() } });
    expect(error).toMatchObject({ code: expected, retry });
    if (code) expect(error.message).toContain(code);
  });

  it('repeats no code and no region that is none: a stranger may put there what it was sent', () => {
    const sent = 'AWS4-HMAC-SHA256 Credential=AKIA/1, Signature=c2VjcmV0';
    expect(s3Error({ status: 403, code: sent, headers: { date: now() } }).message).toMatch(/do this\. \(status 403\)$/);
    const moved = s3Error({ status: 301, code: 'PermanentRedirect', headers: {}, region: sent });
    expect(moved.message).toMatch(/endpoint and region\. \(PermanentRedirect, status 301\)$/);
  });

  // "AuthorizationHeaderMalformed" and "PermanentRedirect" in the list of S3's error codes.
  it.each([
    [400, 'AuthorizationHeaderMalformed', {}, 'eu-west-1'],
    [301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-west-1' }, undefined],
    [301, undefined, { 'x-amz-bucket-region': 'eu-west-1' }, undefined],
  ])('%i %s names the right region', (status, code, headers, region) => {
    const error = s3Error({ status, code, headers, region });
    expect(error).toMatchObject({ code: 'ENDPOINT_INVALID', message: expect.stringContaining('eu-west-1') });
  });

  it('a refusal that is dated far from our own time is a wrong clock', () => {
    const date = new Date(Date.now() - 20 * 60_000).toUTCString();
    for (const code of ['SignatureDoesNotMatch', 'AccessDenied', undefined]) {
      expect(s3Error({ status: 403, code, headers: { date } })).toMatchObject({
        code: 'CLOCK_SKEWED',
        message: expect.stringContaining(`here, ${new Date(date).toISOString()} there. Set the one that is wrong`),
      });
    }
    expect(s3Error({ status: 404, code: 'NoSuchKey', headers: { date } }).code).toBe('OBJECT_NOT_FOUND');
  });

  it('a redirect is said to be one, with what to check', () => {
    for (const status of [301, 302, 307, 308]) {
      const error = s3Error({ status, code: undefined, headers: { 'content-type': 'text/html' } });
      expect(error).toMatchObject({ code: 'ENDPOINT_INVALID', message: expect.stringMatching(/redirects.*region/) });
      expect(error.message).not.toContain('web page');
    }
  });

  it('a web page is no store', () => {
    for (const status of [200, 403, 404, 500]) {
      expect(s3Error({ status, code: undefined, headers: { 'content-type': 'text/html; charset=utf-8' } }).code).toBe(
        'ENDPOINT_INVALID',
      );
    }
  });

  it('error documents give code and region', () => {
    const document = '<?xml version="1.0"?>\n<Error><Code>A</Code><Message>m</Message><Region>r-1</Region></Error>';
    expect(parseFault(document)).toEqual({ code: 'A', region: 'r-1' });
    expect(parseFault('<html>')).toEqual({ code: undefined, region: undefined });
  });
});

describe('a store whose dates are none', () => {
  it('is no such store, in words that people read', async () => {
    const body =
      '<ListAllMyBucketsResult><Owner><ID>o</ID></Owner><Buckets><Bucket><Name>b</Name>' +
      '<CreationDate>yesterday</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>';
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/xml' }).end(body);
    });
    const provider = await openAt(server);
    const error = await provider.listContainers({}, new AbortController().signal).catch((reason) => reason);
    await provider.close();
    server.close();
    expect(error).toMatchObject({ code: 'ENDPOINT_INVALID', message: expect.not.stringMatching(/Error|status/) });
  });
});

describe('an answer that is dated far from our own time', () => {
  it('leaves what is signed afterwards at our own: the clock may have been set while it was under way', async () => {
    const body =
      '<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>';
    const signedAt: (string | string[] | undefined)[] = [];
    const server = createServer((request, response) => {
      signedAt.push(request.headers['x-amz-date']);
      const date = new Date(Date.now() - 3 * 3_600_000).toUTCString();
      response.writeHead(200, { 'content-type': 'application/xml', date }).end(body);
    });
    const provider = await openAt(server);
    const hour = () => new Date().toISOString().slice(0, 13).replaceAll('-', '');
    const first = hour();
    for (const key of ['one', 'other']) {
      await provider.beginUpload(
        { container: 'bucket', key, sizeBytes: 9_000_000, metadata: { user: {} } },
        new AbortController().signal,
      );
    }
    await provider.close();
    server.close();
    expect(signedAt).toHaveLength(2);
    for (const date of signedAt) expect([first, hour()]).toContain(String(date).slice(0, 11));
  });
});

describe('an account with the wrong region', () => {
  it('is told the right one, by every kind of call', async () => {
    const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
    const server = await startS3Server({ credentials: [keys], buckets: ['bucket'], region: 'eu-west-3' });
    const provider = openS3(
      { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint: server.endpoint, ...keys },
      { addressPolicy: createAddressPolicy(['127.0.0.1']) },
    );
    const { signal } = new AbortController();
    const location = { container: 'bucket', key: 'key' };
    try {
      for (const call of [
        () => provider.check(signal),
        () => provider.list({ container: 'bucket', prefix: '' }, signal),
        () => provider.stat(location, signal),
        () => provider.read(location, signal),
      ]) {
        await expect(call()).rejects.toMatchObject({
          code: 'ENDPOINT_INVALID',
          message: expect.stringContaining('The right region is eu-west-3.'),
        });
      }
    } finally {
      await provider.close();
      await server.close();
    }
  });
});
