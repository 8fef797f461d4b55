import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Operation } from '../../../emulators/s3/router.ts';
import { type S3Server, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody, createDigest, streamBody } from '../../digest.ts';
import type { StorageProvider } from '../../provider.ts';
import { openS3 } from '../s3.ts';
import { awsAbilities, s3Capabilities } from './capabilities.ts';

const keys = { accessKeyId: 'AK', secretAccessKey: 'SK', sessionToken: 'a token' };
const { signal } = new AbortController();
const container = 'bucket';
const metadata = { user: {} };
const bytes = Buffer.from('content');
let server: S3Server;
let provider: StorageProvider;

beforeAll(async () => {
  server = await startS3Server({ credentials: [keys], buckets: [container] });
  provider = openS3(
    { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint: server.endpoint, ...keys },
    { addressPolicy: createAddressPolicy(['127.0.0.1']), capabilities: s3Capabilities(awsAbilities) },
  );
});
afterEach(() => server.faults.clear());
afterAll(async () => {
  await provider.close();
  await server.close();
});

const body = () => streamBody(Readable.from([bytes]), bytes.length, ['crc32c']);
const write = (key: string) => provider.write({ container, key, body: body(), metadata }, signal);
const lieAbout = (operation: Operation) => server.faults.add({ match: { operation }, action: { kind: 'wrongHash' } });

it('a store that says to have stored other bytes than those that were sent is not believed', async () => {
  lieAbout('PutObject');
  await expect(write('lie')).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  const session = await provider.beginUpload({ container, key: 'parts', sizeBytes: bytes.length, metadata }, signal);
  const sendPart = () => provider.putPart({ session, partNumber: 1, offset: 0, body: body() }, signal);
  lieAbout('UploadPart');
  await expect(sendPart()).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  const parts = [await sendPart()];
  lieAbout('CompleteMultipartUpload');
  const crc32c = bufferedBody([bytes], ['crc32c']).digest('crc32c');
  const { digests } = await provider.completeUpload({ session, parts, digests: { crc32c } }, signal);
  // Whoever joins parts compares what the store says of the whole.
  expect(digests.crc32c).toMatch(/^[0-9a-f]{8}$/);
  expect(digests.crc32c).not.toBe(crc32c);
});

it('a store that states another hash than that of the bytes it gives is told by that', async () => {
  await write('read');
  lieAbout('GetObject');
  const { stream, info } = await provider.read({ container, key: 'read' }, signal);
  const read = createDigest(['crc32c', 'md5']);
  read.update(await buffer(stream));
  const { crc32c, md5 } = read.digest();
  expect(info.digests.crc32c).toMatch(/^[0-9a-f]{8}$/);
  expect(info.digests.crc32c).not.toBe(crc32c);
  expect(info.digests.md5).not.toBe(md5);
});

it('a session token that has expired is told, with what to do', async () => {
  await write('expired');
  server.faults.add({ match: { count: 100 }, action: { kind: 'expiredToken' } });
  const location = { container, key: 'expired' };
  const calls: Record<string, () => Promise<unknown>> = {
    check: () => provider.check(signal),
    list: () => provider.list({ container, prefix: '' }, signal),
    stat: () => provider.stat(location, signal),
    read: () => provider.read(location, signal),
    write: () => write('expired'),
    upload: () => provider.beginUpload({ ...location, sizeBytes: 1, metadata }, signal),
    deleteObjects: () => provider.deleteObjects({ container, keys: ['expired'] }, signal),
  };
  for (const [name, call] of Object.entries(calls)) {
    const error = await call().catch((reason: unknown) => reason);
    const message = expect.stringMatching(/session token has expired\. Give the account new/);
    expect(error, name).toMatchObject({ code: 'CREDENTIALS_INVALID', retry: 'never', message });
  }
});
