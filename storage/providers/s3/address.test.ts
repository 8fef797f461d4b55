import type { LookupFunction } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody } from '../../digest.ts';
import { openS3 } from '../s3.ts';
import { type S3Credentials, s3Address, target } from './address.ts';

const keys = { provider: 's3', accessKeyId: 'AK', secretAccessKey: 'SK' } as const;
const aws = (region: string): S3Credentials => ({ ...keys, region, addressing: 'virtual' });
const at = (endpoint: string, addressing: 'path' | 'virtual' = 'virtual'): S3Credentials => ({
  ...keys,
  region: 'us-east-1',
  addressing,
  endpoint,
});

describe('addresses', () => {
  it.each([
    [aws('eu-central-1'), 'bucket', 'https://bucket.s3.eu-central-1.amazonaws.com', '/k'],
    [aws('cn-north-1'), 'bucket', 'https://bucket.s3.cn-north-1.amazonaws.com.cn', '/k'],
    [aws('us-east-1'), 'dotted.bucket', 'https://s3.us-east-1.amazonaws.com', '/dotted.bucket/k'],
    [at('http://store.example:9000'), 'dotted.bucket', 'http://dotted.bucket.store.example:9000', '/k'],
    [at('https://store.example/base/'), 'bucket', 'https://bucket.store.example', '/base/k'],
    [at('https://store.example/base', 'path'), 'bucket', 'https://store.example', '/base/bucket/k'],
    [at('https://store.example'), 'Upper_Case', 'https://store.example', '/Upper_Case/k'],
    [at('http://127.0.0.1:9000'), 'bucket', 'http://127.0.0.1:9000', '/bucket/k'],
    [at('http://0x7f.1:9000'), 'bucket', 'http://127.0.0.1:9000', '/bucket/k'],
    [at('http://[::1]:9000'), 'bucket', 'http://[::1]:9000', '/bucket/k'],
    [at('http://localhost:9000'), 'bucket', 'http://localhost:9000', '/bucket/k'],
  ])('lead %j to bucket %s at %s%s', (credentials, bucket, origin, path) => {
    const found = target(s3Address(credentials), bucket, 'k');
    expect(found).toMatchObject({ origin, path, host: new URL(origin).host });
  });

  it('know AWS from what only looks like it', () => {
    expect(s3Address(aws('eu-central-1')).isAws).toBe(true);
    expect(s3Address(at('https://s3.eu-west-1.amazonaws.com')).isAws).toBe(true);
    expect(s3Address(at('https://amazonaws.com.evil.example')).isAws).toBe(false);
    expect(s3Address(at('https://notamazonaws.com')).isAws).toBe(false);
  });

  it.each(['evil.example/', 'x@evil.example', 'eu-west-1.evil.example#', 'EU', ''])(
    'refuse the region %j',
    (region) => {
      expect(() => s3Address(aws(region))).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
    },
  );

  it.each(['evil.example/', 'x@evil.example', 'a b', 'a?b', 'a#b', 'a:b', 'a\\b', '..', 'a..b', 'x', '', 'a/../b'])(
    'refuse the bucket %j',
    (bucket) => {
      for (const credentials of [aws('us-east-1'), at('http://store.example', 'path')]) {
        expect(() => target(s3Address(credentials), bucket)).toThrow(
          expect.objectContaining({ code: 'CONTAINER_NOT_FOUND' }),
        );
      }
    },
  );

  it('refuse directory buckets', () => {
    expect(() => target(s3Address(aws('us-east-1')), 'a--usw2-az1--x-s3')).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED' }),
    );
  });
});

describe('a store with buckets in its host names', () => {
  it('is written, listed and read, also with keys that a URL would normalise', async () => {
    const credentials = { accessKeyId: keys.accessKeyId, secretAccessKey: keys.secretAccessKey };
    const server = await startS3Server({ credentials: [credentials], buckets: ['bucket'], domain: 's3.test' });
    const toServer: LookupFunction = (_host, _options, callback) =>
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    const provider = openS3(at(`http://s3.test:${server.port}`), {
      addressPolicy: createAddressPolicy(['127.0.0.1'], toServer),
    });
    const { signal } = new AbortController();
    try {
      for (const key of ['plain', '/lead', 'a/../b', 'dir/', '.']) {
        const location = { container: 'bucket', key };
        const body = () => bufferedBody([Buffer.from(key)], ['md5']);
        await provider.write({ ...location, body: body(), metadata: { user: {} } }, signal);
        const session = await provider.beginUpload(
          { ...location, sizeBytes: key.length, metadata: { user: {} } },
          signal,
        );
        const part = await provider.putPart({ session, partNumber: 1, offset: 0, body: body() }, signal);
        await provider.completeUpload({ session, parts: [part], digests: {} }, signal);
        const { stream } = await provider.read(location, signal);
        expect((await buffer(stream)).toString()).toBe(key);
      }
      const { items } = await provider.list({ container: 'bucket', prefix: '' }, signal);
      expect(items.map((entry) => entry.key)).toEqual(['.', '/lead', 'a/../b', 'dir/', 'plain']);
      expect((await provider.listContainers({}, signal)).items.map((item) => item.name)).toEqual(['bucket']);
    } finally {
      await provider.close();
      await server.close();
    }
  });
});
