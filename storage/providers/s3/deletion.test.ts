import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { type S3Server, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import type { StorageProvider } from '../../provider.ts';
import { openS3 } from '../s3.ts';

const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const { signal } = new AbortController();
let server: S3Server;
const opened: StorageProvider[] = [];

function open(endpoint: string): StorageProvider {
  const account = { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint, ...keys } as const;
  const provider = openS3(account, { addressPolicy: createAddressPolicy(['127.0.0.1']) });
  opened.push(provider);
  return provider;
}

beforeAll(async () => {
  server = await startS3Server({ credentials: [keys], buckets: ['bucket'] });
});

afterAll(async () => {
  await Promise.all(opened.map((provider) => provider.close()));
  await server.close();
});

// "DeleteObjects": up to 1,000 keys a request, in XML 1.0, which has no way to write most control characters.
it('deletes a thousand keys a request, and apart those that XML cannot hold', async () => {
  const plain = Array.from({ length: 1999 }, (_, index) => `key & ${index}`);
  const provider = open(server.endpoint);
  const result = await provider.deleteObjects({ container: 'bucket', keys: [...plain, 'a\u0001', 'b\uffff'] }, signal);
  expect(result).toEqual({ failed: [] });
  expect(server.observer.counters('DeleteObjects').requests).toBe(2);
  expect(server.observer.counters('DeleteObject').requests).toBe(2);
});

it('tells which keys stay and why, and counts those that are gone already as deleted', async () => {
  const proxy = await startFaultProxy(server.endpoint);
  const errors = [
    ['kept', 'AccessDenied'],
    ['gone', 'NoSuchKey'],
  ].map(([key, code]) => `<Error><Key>${key}</Key><Code>${code}</Code></Error>`);
  const document = `<DeleteResult>${errors.join('')}</DeleteResult>`;
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: ${document.length}\r\n\r\n`;
  void proxy.spoilNext({ kind: 'answer', response: head + document });
  const { failed } = await open(proxy.endpoint).deleteObjects({ container: 'bucket', keys: ['kept', 'gone'] }, signal);
  expect(failed).toMatchObject([{ key: 'kept', code: 'PERMISSION_DENIED' }]);
  await proxy.close();
});

it.each([
  ['is empty', ''],
  ['tells of some', '<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>'],
])('takes no objects for deleted of which an answer that %s does not tell', async (_, document) => {
  const proxy = await startFaultProxy(server.endpoint);
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: ${document.length}\r\n\r\n`;
  void proxy.spoilNext({ kind: 'answer', response: head + document });
  const deleting = open(proxy.endpoint).deleteObjects({ container: 'bucket', keys: ['a', 'b'] }, signal);
  await expect(deleting).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  await proxy.close();
});
