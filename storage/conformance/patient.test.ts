import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type S3Server, startS3Server } from '../../emulators/s3/server.ts';
import { createAddressPolicy } from '../address-policy.ts';
import { statedBody, streamBody } from '../digest.ts';
import type { StorageProvider } from '../provider.ts';
import { openS3 } from '../providers/s3.ts';
import { patient } from './patient.ts';

const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const object = { container: 'bucket', key: 'key' };
const { signal } = new AbortController();
let server: S3Server;
let bare: StorageProvider;

beforeEach(async () => {
  server = await startS3Server({ credentials: [keys], buckets: ['bucket'] });
  bare = openS3(
    { provider: 's3', region: 'us-east-1', addressing: 'path', endpoint: server.endpoint, ...keys },
    { addressPolicy: createAddressPolicy(['127.0.0.1']) },
  );
});
afterEach(async () => {
  await bare.close();
  await server.close();
});

it('sends a stream again from its first byte, though the source can be read once', async () => {
  const write = (provider: StorageProvider) => {
    const source = Readable.from([Buffer.alloc(100_000, 'a'), Buffer.alloc(100_000, 'b')]);
    const body = streamBody(source, 200_000, ['md5']);
    return provider.write({ ...object, body, metadata: { user: {} } }, signal);
  };
  server.faults.add({ match: {}, action: { kind: 'slowDown' } });
  await expect(write(bare)).rejects.toMatchObject({ code: 'THROTTLED' });
  server.faults.add({ match: {}, action: { kind: 'slowDown' } });
  await write(patient(bare));
  expect(await bare.stat(object, signal)).toMatchObject({ sizeBytes: 200_000 });
  const { stream } = await bare.read({ ...object, range: { start: 99_999, end: 100_001 } }, signal);
  expect(String(Buffer.concat(await stream.toArray()))).toBe('ab');
});

it('sends a stream with what its source states of it', async () => {
  const write = (byte: string, md5: string) => {
    const source = streamBody(Readable.from([Buffer.from(byte)]), 1, []);
    return patient(bare).write({ ...object, body: statedBody(source, { md5 }), metadata: { user: {} } }, signal);
  };
  const md5 = '0cc175b9c0f1b6a831c399e269772661';
  const { version } = await write('a', md5);
  await expect(write('b', md5)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  expect((await bare.stat(object, signal)).version).toEqual(version);
});

it('deletes those keys of a batch again that were throttled, and reports the others', async () => {
  const asked: (readonly string[])[] = [];
  const failures = [
    [
      { key: 'slow', code: 'THROTTLED', message: 'slow down' },
      { key: 'held', code: 'PERMISSION_DENIED', message: 'held' },
    ],
    [],
  ] as const;
  const deleteObjects = async (request: { keys: readonly string[] }) => ({
    failed: failures[asked.push(request.keys) - 1],
  });
  const one = new Proxy(bare, {
    get: (provider, name) => (name === 'deleteObjects' ? deleteObjects : Reflect.get(provider, name, provider)),
  });
  const { failed } = await patient(one).deleteObjects({ container: 'bucket', keys: ['a', 'slow', 'held'] }, signal);
  expect(asked).toEqual([['a', 'slow', 'held'], ['slow']]);
  expect(failed).toMatchObject([{ key: 'held' }]);
});

it('waits no longer than its caller, and never for what takes too long', async () => {
  const provider = patient(bare);
  const fault = server.faults.add({ match: {}, action: { kind: 'slowDown', retryAfterSeconds: 100 } });
  const controller = new AbortController();
  const waiting = provider.stat(object, controller.signal);
  await fault.hit;
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
  server.faults.add({ match: {}, action: { kind: 'slowDown', retryAfterSeconds: 3600 } });
  await expect(provider.stat(object, signal)).rejects.toMatchObject({ code: 'THROTTLED', retryAfterMs: 3_600_000 });
});
