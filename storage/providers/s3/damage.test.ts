import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { type S3Server, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody, streamBody } from '../../digest.ts';
import type { StorageProvider } from '../../provider.ts';
import { openS3 } from '../s3.ts';
import { awsAbilities, leastAbilities, s3Capabilities } from './capabilities.ts';

const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const { signal } = new AbortController();
const container = 'bucket';
const metadata = { user: {} };
const opened: StorageProvider[] = [];
let server: S3Server;

/** Of a store without checksums of its own, which takes a stream before it can be compared. */
function open(endpoint = server.endpoint, capabilities = s3Capabilities(leastAbilities)): StorageProvider {
  const account = { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint, ...keys } as const;
  const provider = openS3(account, { addressPolicy: createAddressPolicy(['127.0.0.1']), capabilities });
  opened.push(provider);
  return provider;
}

beforeAll(async () => {
  server = await startS3Server({ credentials: [keys], buckets: [container], flexibleChecksums: false });
});
afterEach(() => server.faults.clear());
afterAll(async () => {
  await Promise.all(opened.map((provider) => provider.close()));
  await server.close();
});

/** Writes bytes of which one flips on its way; rejects. */
function writeDamaged(key: string): Promise<unknown> {
  server.faults.add({ match: { operation: 'PutObject', key }, action: { kind: 'corrupt', atByte: 3 } });
  const body = streamBody(Readable.from([Buffer.from('content')]), 7, ['md5']);
  return open()
    .write({ container, key, body, metadata }, signal)
    .catch((error) => error);
}

it('a damaged object that cannot be deleted is told by its version', async () => {
  server.faults.add({ match: { operation: 'DeleteObject' }, action: { kind: 'status', status: 500 } });
  const error = await writeDamaged('stays');
  const { version } = await open().stat({ container, key: 'stays' }, signal);
  expect(error).toMatchObject({ code: 'CHECKSUM_MISMATCH', version });
});

it('what somebody else has written since is not deleted for it', async () => {
  const { promise: until, resolve } = Promise.withResolvers<void>();
  const held = server.faults.add({ match: { operation: 'HeadObject' }, action: { kind: 'hold', until } });
  const writing = writeDamaged('shared');
  await held.hit;
  const body = bufferedBody([Buffer.from('of somebody else')], ['md5']);
  await open().write({ container, key: 'shared', body, metadata }, signal);
  resolve();
  expect(await writing).toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  const { stream } = await open().read({ container, key: 'shared' }, signal);
  expect((await buffer(stream)).toString()).toBe('of somebody else');
});

it('a version that is gone has changed, whatever else has its name', async () => {
  const proxy = await startFaultProxy(server.endpoint);
  const document = '<Error><Code>NoSuchVersion</Code></Error>';
  const response = `HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: ${document.length}\r\n\r\n${document}`;
  void proxy.spoilNext({ kind: 'answer', response });
  const provider = open(proxy.endpoint, s3Capabilities(awsAbilities));
  const reading = provider.read({ container, key: 'shared', pin: { versionId: 'gone' } }, signal);
  await expect(reading).rejects.toMatchObject({ code: 'OBJECT_CHANGED' });
  await proxy.close();
});

it('lists more parts than one answer holds', async () => {
  const provider = open();
  const session = await provider.beginUpload({ container, key: 'parts', sizeBytes: 1001, metadata }, signal);
  for (let partNumber = 1; partNumber <= 1001; partNumber++) {
    const body = bufferedBody([Buffer.from('x')], ['md5']);
    await provider.putPart({ session, partNumber, offset: partNumber - 1, body }, signal);
  }
  const parts = await provider.listParts(session, signal);
  expect(parts).toHaveLength(1001);
  expect(parts[0]?.digests.md5).toBeDefined();
  const { read, ...rest } = provider.capabilities;
  const other = open(server.endpoint, { ...rest, read: { ...read, digests: [] } });
  // ETags that only look like MD5s state nothing of a part.
  expect((await other.listParts(session, signal))[0]?.digests).toEqual({});
});
