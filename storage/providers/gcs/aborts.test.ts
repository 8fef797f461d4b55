import { expect, it, onTestFinished } from 'vitest';
import type { Operation } from '../../../emulators/gcs/observer.ts';
import { startGcsServer } from '../../../emulators/gcs/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { inTime } from '../../conformance/fixture.ts';
import { bufferedBody } from '../../digest.ts';
import type { CopyOffer, StorageProvider } from '../../provider.ts';
import { openGcs } from '../gcs.ts';

const location = { container: 'bucket', key: 'n' };
const metadata = { user: {} };
type Call = (provider: StorageProvider, offer: CopyOffer, signal: AbortSignal) => Promise<unknown>;

const calls: [string, Operation, Call][] = [
  ['offerCopy', 'objects.get', (provider, _offer, signal) => provider.offerCopy(location, signal)],
  ['copy', 'objects.rewrite', (provider, offer, signal) => provider.copy({ ...location, offer, metadata }, signal)],
  ['createFolder', 'xml.put', (provider, _offer, signal) => provider.createFolder({ ...location, key: 'f/' }, signal)],
  [
    'a delete',
    'objects.delete',
    (provider, _offer, signal) => provider.deleteObjects({ container: 'bucket', keys: ['n'] }, signal),
  ],
  ['the wait for a token', 'token', (provider, _offer, signal) => provider.stat(location, signal)],
];

it.each(calls)('%s settles within a second of its abort', async (_name, operation, call) => {
  const server = await startGcsServer({ buckets: ['bucket'] });
  const credentials = {
    provider: 'gcs',
    endpoint: server.endpoint,
    serviceAccountKey: server.serviceAccountKey(),
  } as const;
  const provider = openGcs(credentials, { addressPolicy: createAddressPolicy(['127.0.0.1']) });
  onTestFinished(async () => {
    await provider.close();
    await server.close();
  });
  const never = new AbortController().signal;
  await provider.write({ ...location, body: bufferedBody([Buffer.from('x')], ['crc32c']), metadata }, never);
  const offer = await provider.offerCopy(location, never);
  if (operation === 'token') server.tokens.expireAll();
  await expect(call(provider, offer, AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
  const controller = new AbortController();
  const stalled = server.faults.add({ match: { operation }, action: { kind: 'stall' } });
  const settled = call(provider, offer, controller.signal).catch((error: unknown) => error);
  await stalled.hit;
  controller.abort();
  expect(await inTime(settled)).toMatchObject({ code: 'CANCELLED' });
});
