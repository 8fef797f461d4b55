import { expect, it, onTestFinished, vi } from 'vitest';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { type S3ServerOptions, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import type { StorageProvider } from '../../provider.ts';
import { openS3 } from '../s3.ts';

const narrow = { accessKeyId: 'NARROW', secretAccessKey: 'SK' };
const { signal } = new AbortController();

async function start(options: Partial<S3ServerOptions> = {}) {
  const credentials = [{ ...narrow, buckets: ['own'] }];
  const server = await startS3Server({ credentials, buckets: ['other', 'own'], ...options });
  const proxy = await startFaultProxy(server.endpoint);
  const open = (keys = narrow): StorageProvider => {
    const account = { provider: 's3', addressing: 'path', region: 'us-east-1', endpoint: proxy.endpoint } as const;
    const provider = openS3({ ...account, ...keys }, { addressPolicy: createAddressPolicy(['127.0.0.1']) });
    onTestFinished(() => provider.close());
    return provider;
  };
  onTestFinished(async () => {
    await proxy.close();
    await server.close();
  });
  return { server, proxy, open };
}

const refusal = (status: string, code: string) => {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
  const date = new Date().toUTCString();
  return `HTTP/1.1 ${status}\r\nDate: ${date}\r\nContent-Type: application/xml\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};

it('keys for one bucket are known to be right, though they may not list buckets', async () => {
  const { open } = await start();
  const provider = open();
  expect(await provider.check(signal)).toMatchObject({ identity: 'NARROW' });
  expect((await provider.list({ container: 'own', prefix: '' }, signal)).items).toEqual([]);
  const other = provider.list({ container: 'other', prefix: '' }, signal);
  await expect(other).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
});

it.each([
  ['keys that it does not know', { accessKeyId: 'UNKNOWN', secretAccessKey: 'SK' }],
  ['a wrong secret', { accessKeyId: 'NARROW', secretAccessKey: 'wrong' }],
  ['right keys that may not list', narrow],
])('a store that tells strangers no more than that they may not: %s are not connected', async (_what, keys) => {
  const { open } = await start({ deniesStrangers: true });
  const message = expect.stringMatching(/nothing shows that they are right.*s3:ListAllMyBuckets/);
  await expect(open(keys).check(signal)).rejects.toMatchObject({ code: 'PERMISSION_DENIED', message });
});

it('keys that may list buckets are connected at such a store, too', async () => {
  const { open } = await start({ deniesStrangers: true, credentials: [narrow] });
  expect(await open().check(signal)).toMatchObject({ identity: 'NARROW' });
});

// "List of error codes" of S3: of accounts that may do nothing at all; Ceph's code for a suspended user; a proxy's own.
it.each(['AccountProblem', 'AllAccessDisabled', 'UnauthorizedAccess', 'UserSuspended', 'Blocked'])(
  'a denial as %s is no proof of anything',
  async (code) => {
    const { proxy, open } = await start({ credentials: [narrow] });
    const spoiled = proxy.spoilNext({ kind: 'answer', response: refusal('403 Forbidden', code) });
    const message = expect.stringContaining(code);
    await expect(open().check(signal)).rejects.toMatchObject({ code: 'PERMISSION_DENIED', message });
    await spoiled;
  },
);

it.each([
  ['through the SDK', (provider: StorageProvider) => provider.listContainers({}, signal)],
  ['beside it', (provider: StorageProvider) => provider.stat({ container: 'any', key: 'any' }, signal)],
])('a clock that is set right between a request and its refusal was wrong nevertheless: %s', async (_, call) => {
  const { proxy, open } = await start();
  void proxy.spoilNext({ kind: 'answer', response: refusal('403 Forbidden', 'SignatureDoesNotMatch') });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 3600_000 });
  onTestFinished(() => void vi.useRealTimers());
  const refused = expect(call(open())).rejects.toMatchObject({ code: 'CLOCK_SKEWED' });
  // By then it is signed and on its way.
  await new Promise(setImmediate);
  vi.useRealTimers();
  await refused;
});

it('trouble while it is found out whether the store knows the keys is told as such', async () => {
  const { proxy, open } = await start();
  const denied = proxy.spoilNext({ kind: 'answer', response: refusal('403 Forbidden', 'AccessDenied') });
  const busy = proxy.spoilNext({ kind: 'answer', response: refusal('503 Slow Down', 'SlowDown') });
  await expect(open().check(signal)).rejects.toMatchObject({ code: 'THROTTLED' });
  await Promise.all([denied, busy]);
});
