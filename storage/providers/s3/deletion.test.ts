import { afterAll, beforeAll, expect, it } from 'vitest';
import { type S3Server, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import type { StorageProvider } from '../../provider.ts';
import { openS3 } from '../s3.ts';

const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const { signal } = new AbortController();
let server: S3Server;
let provider: StorageProvider;

beforeAll(async () => {
  server = await startS3Server({ credentials: [keys], buckets: ['bucket'] });
  provider = openS3(
    { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint: server.endpoint, ...keys },
    { addressPolicy: createAddressPolicy(['127.0.0.1']) },
  );
});

afterAll(async () => {
  await provider.close();
  await server.close();
});

// "DeleteObjects": up to 1,000 keys a request, in XML 1.0, which has no way to write most control characters.
it('deletes a thousand keys a request, and apart those that XML cannot hold', async () => {
  const plain = Array.from({ length: 1999 }, (_, index) => `key & ${index}`);
  const result = await provider.deleteObjects({ container: 'bucket', keys: [...plain, 'a\u0001', 'b\uffff'] }, signal);
  expect(result).toEqual({ failed: [] });
  expect(server.observer.counters('DeleteObjects').requests).toBe(2);
  expect(server.observer.counters('DeleteObject').requests).toBe(2);
});
