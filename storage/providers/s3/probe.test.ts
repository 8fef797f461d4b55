import { afterEach, describe, expect, it } from 'vitest';
import { type S3Server, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { openS3 } from '../s3.ts';
import { awsAbilities, leastAbilities, s3Capabilities } from './capabilities.ts';

const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const { signal } = new AbortController();
let server: S3Server;

afterEach(() => server.close());

async function open(options: { flexibleChecksums?: boolean; buckets?: string[] } = {}) {
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
    expect(capabilities).toEqual(s3Capabilities(awsAbilities));
    expect((await provider.list({ container: 'bucket', prefix: '' }, signal)).items).toEqual([]);
    expect(server.observer.counters('CreateMultipartUpload').requests).toBe(
      server.observer.counters('AbortMultipartUpload').requests,
    );
    await provider.close();
  });

  it('finds what the store cannot do', async () => {
    const provider = await open({ flexibleChecksums: false });
    const { capabilities } = await provider.check(signal);
    expect(capabilities).toEqual(s3Capabilities({ ...awsAbilities, crc32c: false }));
    expect((await provider.list({ container: 'bucket', prefix: '' }, signal)).items).toEqual([]);
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
});
