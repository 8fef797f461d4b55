import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Server, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody } from '../../digest.ts';
import type { CopyOffer, StorageProvider } from '../../provider.ts';
import { openS3 } from '../s3.ts';
import type { S3Credentials } from './address.ts';
import { awsAbilities, s3Capabilities } from './capabilities.ts';

const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const container = 'bucket';
const capabilities = s3Capabilities(awsAbilities);
const { signal } = new AbortController();
const opened: StorageProvider[] = [];
let server: S3Server;

beforeAll(async () => {
  server = await startS3Server({ credentials: [keys], buckets: [container] });
});
afterAll(async () => {
  await Promise.all(opened.map((provider) => provider.close()));
  await server.close();
});

function open(settings: Partial<S3Credentials>, endpoint = server.endpoint): StorageProvider {
  const account = { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint, ...keys, ...settings } as const;
  const provider = openS3(account, { addressPolicy: createAddressPolicy(['127.0.0.1']), capabilities });
  opened.push(provider);
  return provider;
}

const body = () => bufferedBody([Buffer.from('content')], ['crc32c']);

/** Writes in each way that there is; resolves to the keys. */
async function writeAll(provider: StorageProvider, prefix: string): Promise<string[]> {
  const metadata = { user: {} };
  const [whole, parts, copied] = [`${prefix}/whole`, `${prefix}/parts`, `${prefix}/copied`] as const;
  await open({}).write({ container, key: 'source', body: body(), metadata }, signal);
  await provider.write({ container, key: whole, body: body(), metadata }, signal);
  const session = await provider.beginUpload({ container, key: parts, sizeBytes: 7, metadata }, signal);
  const part = await provider.putPart({ session, partNumber: 1, offset: 0, body: body() }, signal);
  await provider.completeUpload({ session, parts: [part], digests: {} }, signal);
  const offer = await provider.offerCopy({ container, key: 'source' }, signal);
  await provider.copy({ offer, container, key: copied, metadata }, signal);
  return [whole, parts, copied];
}

async function offered(): Promise<CopyOffer> {
  await open({}).write({ container, key: 'source', body: body(), metadata: { user: {} } }, signal);
  return open({}).offerCopy({ container, key: 'source' }, signal);
}

/** Headers of what is kept, as the store tells them. */
async function told(key: string): Promise<Headers> {
  const url = await open({}).presign({ container, key, expiresInMs: 60_000 }, signal);
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.headers;
}

describe('what an account asks for everything that it writes', () => {
  it('is its storage class (API_PutObject: x-amz-storage-class)', async () => {
    for (const key of await writeAll(open({ storageClass: 'STANDARD_IA' }), 'class')) {
      expect((await told(key)).get('x-amz-storage-class')).toBe('STANDARD_IA');
    }
    const { items } = await open({}).list({ container, prefix: 'class/' }, signal);
    expect(items.map((entry) => entry.storageClass)).toEqual(['STANDARD_IA', 'STANDARD_IA', 'STANDARD_IA']);
  });

  it('is its encryption (userguide: specifying-kms-encryption)', async () => {
    const settings = { serverSideEncryption: 'aws:kms', kmsKeyId: 'alias/key' } as const;
    const provider = open(settings);
    for (const key of await writeAll(provider, 'kms')) {
      const headers = await told(key);
      expect(headers.get('x-amz-server-side-encryption')).toBe('aws:kms');
      expect(headers.get('x-amz-server-side-encryption-aws-kms-key-id')).toBe('alias/key');
      // An ETag under SSE-KMS is no MD5, though it looks like one.
      expect((await provider.stat({ container, key }, signal)).digests.md5).toBeUndefined();
    }
    for (const key of await writeAll(open({ serverSideEncryption: 'AES256' }), 's3')) {
      expect((await told(key)).get('x-amz-server-side-encryption')).toBe('AES256');
    }
  });
});

describe('archived objects', () => {
  it.each(['GLACIER', 'DEEP_ARCHIVE'])(
    'of class %s are listed with it, and say so when they are read',
    async (name) => {
      const provider = open({ storageClass: name });
      const key = `archive/${name}`;
      await provider.write({ container, key, body: body(), metadata: { user: {} } }, signal);
      const { items } = await provider.list({ container, prefix: key }, signal);
      expect(items[0]?.storageClass).toBe(name);
      expect((await provider.stat({ container, key }, signal)).storageClass).toBe(name);
      await expect(provider.read({ container, key }, signal)).rejects.toMatchObject({ code: 'OBJECT_ARCHIVED' });
      const offer = await provider.offerCopy({ container, key }, signal);
      const copying = provider.copy({ offer, container, key: `${key}-copy`, metadata: { user: {} } }, signal);
      await expect(copying).rejects.toMatchObject({ code: 'OBJECT_ARCHIVED' });
    },
  );
});

it('where the requester pays, says so with every request, in URLs too (userguide: RequesterPaysBuckets)', async () => {
  const seen: (string | undefined)[] = [];
  const recorder = createServer((request, response) => {
    seen.push(request.headers['x-amz-request-payer'] as string | undefined);
    request.resume().on('end', () => response.writeHead(403).end());
  });
  recorder.listen(0, '127.0.0.1');
  await once(recorder, 'listening');
  const { port } = recorder.address() as AddressInfo;
  const provider = open({ requesterPays: true }, `http://127.0.0.1:${port}`);
  const [key, metadata] = ['key', { user: {} }];
  const session = { container, key, sizeBytes: 7, metadata, id: 'upload' };
  const part = { partNumber: 1, sizeBytes: 7, tag: '"etag"', digests: {} };
  const offer = { ...(await offered()), store: provider.store };
  const calls = [
    provider.listContainers({}, signal),
    provider.list({ container, prefix: '' }, signal),
    provider.stat({ container, key }, signal),
    provider.read({ container, key }, signal),
    provider.write({ container, key, body: body(), metadata }, signal),
    provider.beginUpload({ container, key, sizeBytes: 1, metadata }, signal),
    provider.putPart({ session, partNumber: 1, offset: 0, body: body() }, signal),
    provider.listParts(session, signal),
    provider.completeUpload({ session, parts: [part], digests: {} }, signal),
    provider.abortUpload(session, signal),
    provider.offerCopy({ container, key }, signal),
    provider.copy({ offer, container, key, metadata }, signal),
    provider.createFolder({ container, key: 'folder/' }, signal),
    provider.deleteObjects({ container, keys: [key] }, signal),
  ];
  for (const result of await Promise.allSettled(calls)) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'PERMISSION_DENIED' } });
  }
  expect(seen.length).toBeGreaterThanOrEqual(calls.length);
  expect(new Set(seen)).toEqual(new Set(['requester']));
  const url = new URL(await provider.presign({ container, key, expiresInMs: 1000 }, signal));
  expect(url.searchParams.get('x-amz-request-payer')).toBe('requester');
  recorder.close();
});
