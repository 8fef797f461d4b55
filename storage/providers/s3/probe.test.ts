import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ListMultipartUploadsCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { type S3Server, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { openS3 } from '../s3.ts';
import { awsAbilities, leastAbilities, s3Capabilities } from './capabilities.ts';

const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const { signal } = new AbortController();
let server: S3Server;

afterEach(() => server.close());

async function open(options: { flexibleChecksums?: boolean; buckets?: string[]; versioning?: boolean } = {}) {
  server = await startS3Server({ credentials: [keys], buckets: ['bucket'], ...options });
  return openS3(
    { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint: server.endpoint, ...keys },
    { addressPolicy: createAddressPolicy(['127.0.0.1']) },
  );
}

describe('the probe', () => {
  it('finds what the store can do, and leaves nothing behind', async () => {
    const provider = await open();
    const { identity, capabilities } = await provider.check(signal);
    expect(identity).toBe('AK');
    expect(capabilities).toEqual(s3Capabilities({ ...awsAbilities, versions: false }));
    expect((await provider.list({ container: 'bucket', prefix: '' }, signal)).items).toEqual([]);
    expect(server.observer.counters('CreateMultipartUpload').requests).toBe(
      server.observer.counters('AbortMultipartUpload').requests,
    );
    await provider.close();
  });

  it('finds what the store cannot do', async () => {
    const provider = await open({ flexibleChecksums: false });
    const { capabilities } = await provider.check(signal);
    expect(capabilities).toEqual(s3Capabilities({ ...awsAbilities, crc32c: false, versions: false }));
    expect((await provider.list({ container: 'bucket', prefix: '' }, signal)).items).toEqual([]);
    await provider.close();
  });

  it('finds that a store keeps versions, and leaves none behind', async () => {
    const provider = await open({ versioning: true });
    expect((await provider.check(signal)).capabilities).toEqual(s3Capabilities(awsAbilities));
    const config = { endpoint: server.endpoint, region: server.region, credentials: keys, forcePathStyle: true };
    const client = new S3Client({ maxAttempts: 1, ...config });
    const { Versions, DeleteMarkers } = await client.send(new ListObjectVersionsCommand({ Bucket: 'bucket' }));
    expect([Versions, DeleteMarkers]).toEqual([undefined, undefined]);
    client.destroy();
    await provider.close();
  });

  it('promises the least where there is no bucket to ask in', async () => {
    const provider = await open({ buckets: [] });
    expect((await provider.check(signal)).capabilities).toEqual(s3Capabilities(leastAbilities));
    await provider.close();
  });

  it('tells that the store is overloaded, rather than guess', async () => {
    const provider = await open();
    server.faults.add({ match: { operation: 'PutObject', count: 1 }, action: { kind: 'slowDown' } });
    await expect(provider.check(signal)).rejects.toMatchObject({ code: 'THROTTLED' });
    await provider.close();
  });

  it('leaves nothing behind when it fails half-way', async () => {
    const provider = await open();
    server.faults.add({ match: { operation: 'ListObjectsV2', count: 1 }, action: { kind: 'slowDown' } });
    await expect(provider.check(signal)).rejects.toMatchObject({ code: 'THROTTLED' });
    expect((await provider.list({ container: 'bucket', prefix: '' }, signal)).items).toEqual([]);
    await provider.close();
  });

  it('leaves nothing behind when the answer to a write gets lost', async () => {
    const provider = await open();
    server.faults.add({ match: { operation: 'PutObject', count: 1 }, action: { kind: 'loseAnswer' } });
    await expect(provider.check(signal)).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    expect((await provider.list({ container: 'bucket', prefix: '' }, signal)).items).toEqual([]);
    await provider.close();
  });

  it.each(['UploadPart', 'CopyObject', 'ListObjectsV2'] as const)(
    'leaves nothing behind when the caller leaves at %s',
    async (operation) => {
      const provider = await open();
      const leaving = new AbortController();
      const { hit } = server.faults.add({ match: { operation, count: 1 }, action: { kind: 'stall' } });
      const checking = provider.check(leaving.signal);
      await hit;
      leaving.abort();
      await expect(checking).rejects.toMatchObject({ code: 'CANCELLED' });
      expect((await provider.list({ container: 'bucket', prefix: '' }, signal)).items).toEqual([]);
      expect(server.observer.counters('CreateMultipartUpload').requests).toBe(
        server.observer.counters('AbortMultipartUpload').requests,
      );
      await provider.close();
    },
  );

  it('asks side by side what does not build on one another, with at most eight requests at a time', async () => {
    const provider = await open();
    const [underWay, most] = [new Set<unknown>(), { count: 0 }];
    server.observer.on('arrived', ({ requestId }) => {
      underWay.add(requestId);
      most.count = Math.max(most.count, underWay.size);
    });
    server.observer.on('finished', ({ requestId }) => underWay.delete(requestId));
    const others = ['UploadPart', 'UploadPartCopy', 'GetObjectTagging', 'ListObjectsV2'] as const;
    const until = Promise.all(others.map((operation) => server.observer.waitFor({ operation })));
    const { hit } = server.faults.add({
      match: { operation: 'PutObject', key: /\/md5$/ },
      action: { kind: 'hold', until },
    });
    const { capabilities } = await provider.check(signal);
    await hit;
    expect(capabilities).toEqual(s3Capabilities({ ...awsAbilities, versions: false }));
    expect(most.count).toBeLessThanOrEqual(8);
    await provider.close();
  });

  it('leaves no upload behind that began without telling its id', async () => {
    const provider = await open();
    const match = { operation: 'CreateMultipartUpload', count: 1 } as const;
    server.faults.add({ match, action: { kind: 'loseAnswer' } });
    await provider.check(signal).catch(() => {});
    expect(server.observer.counters('ListMultipartUploads').requests).toBe(1);
    const client = new S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: keys,
    });
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'bucket' }));
    expect(Uploads).toBeUndefined();
    client.destroy();
    await provider.close();
  });

  it.each([501, 405])('promises the least of a store to read from, which answers %i to every write', async (status) => {
    const buckets = '<Buckets><Bucket><Name>bucket</Name></Bucket></Buckets>';
    const document = `<?xml version="1.0"?><ListAllMyBucketsResult>${buckets}</ListAllMyBucketsResult>`;
    const readOnly = createServer((request, response) => {
      request.resume();
      if (request.method === 'PUT') response.writeHead(status).end();
      else response.writeHead(200, { 'content-type': 'application/xml' }).end(document);
    });
    readOnly.listen(0, '127.0.0.1');
    await once(readOnly, 'listening');
    const endpoint = `http://127.0.0.1:${(readOnly.address() as AddressInfo).port}`;
    const provider = openS3(
      { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint, ...keys },
      { addressPolicy: createAddressPolicy(['127.0.0.1']) },
    );
    expect((await provider.check(signal)).capabilities).toEqual(s3Capabilities(leastAbilities));
    await provider.close();
    readOnly.close();
  });
});
