import { expect, it, onTestFinished } from 'vitest';
import { startGcsServer } from '../../../emulators/gcs/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody } from '../../digest.ts';
import type { PartReceipt } from '../../provider.ts';
import { openGcs } from '../gcs.ts';

const { signal } = new AbortController();
const place = { container: 'bucket', key: 'many' };
const partBytes = 5 * 1024 ** 2;
const count = 33;

it('more parts than the 32 that compose joins are one upload, and no composite of composites', async () => {
  const server = await startGcsServer({ buckets: ['bucket'] });
  onTestFinished(() => server.close());
  const { endpoint } = server;
  const credentials = { provider: 'gcs', endpoint, serviceAccountKey: server.serviceAccountKey() } as const;
  const provider = openGcs(credentials, { addressPolicy: createAddressPolicy(['127.0.0.1']) });
  onTestFinished(() => provider.close());
  const part = Buffer.alloc(partBytes, 'a part ');
  const sizeBytes = count * partBytes;
  const digests = { crc32c: bufferedBody(Array<Buffer>(count).fill(part), ['crc32c']).digest('crc32c') };
  const session = await provider.beginUpload({ ...place, sizeBytes, metadata: { user: {} } }, signal);
  const parts: PartReceipt[] = [];
  for (let partNumber = 1; partNumber <= count; partNumber++) {
    const body = bufferedBody([part], ['crc32c']);
    parts.push(await provider.putPart({ session, partNumber, offset: (partNumber - 1) * partBytes, body }, signal));
  }
  await provider.completeUpload({ session, parts, digests }, signal);
  expect(await provider.stat(place, signal)).toMatchObject({ sizeBytes, digests });
  expect(server.observer.count('objects.compose')).toBe(0);
});
