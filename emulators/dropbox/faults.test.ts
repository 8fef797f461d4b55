import type { Dropbox } from 'dropbox';
import { expect, it } from 'vitest';
import { contentHash } from './blob.ts';
import { union } from './errors.ts';
import { failure, startWithClient, testBytes } from './testing/support.ts';

const bytes = testBytes(300_000);

async function startWithFile() {
  const { server, client } = await startWithClient();
  await client.filesUpload({ path: '/a', contents: bytes });
  return { server, client };
}

async function read(client: Dropbox): Promise<Buffer> {
  const { result } = await client.filesDownload({ path: '/a' });
  return Buffer.from((result as unknown as { fileBinary: Uint8Array }).fileBinary);
}

it('429 carries Retry-After, and is JSON or plain text', async () => {
  const { server, client } = await startWithFile();
  const match = { route: 'files/upload', path: /^\/b/ };
  server.faults.add({ match, action: { kind: 'rateLimit', retryAfterSeconds: 7 } });
  server.faults.add({ match, action: { kind: 'rateLimit', retryAfterSeconds: 8, plain: true } });
  const upload = () => client.filesUpload({ path: '/b', contents: 'x' });
  const first = await failure(upload());
  expect(first).toMatchObject({ status: 429, error: { error: { reason: { '.tag': 'too_many_requests' } } } });
  expect(first.headers.get('retry-after')).toBe('7');
  expect(await failure(upload())).toMatchObject({ status: 429, error: expect.any(String) });
  await upload();
  expect(server.observer.count('files/upload')).toBe(4);
});

it.each([500, 503] as const)('%i is answered without performing the operation', async (status) => {
  const { server, client } = await startWithFile();
  server.faults.add({ match: { route: 'files/delete_v2' }, action: { kind: 'status', status } });
  expect((await failure(client.filesDeleteV2({ path: '/a' }))).status).toBe(status);
  expect(await read(client)).toEqual(bytes);
});

it('errors and expired tokens as told', async () => {
  const { server, client } = await startWithFile();
  const error = union('path', union('restricted_content'));
  server.faults.add({ match: { route: 'files/download' }, action: { kind: 'refuse', error } });
  server.faults.add({ match: { route: 'files/download' }, action: { kind: 'expiredToken' } });
  expect((await failure(read(client))).summary).toBe('path/restricted_content/...');
  expect(await failure(read(client))).toMatchObject({ status: 401, summary: 'expired_access_token/...' });
  expect(await read(client)).toEqual(bytes);
});

it.each([
  { kind: 'reset' },
  { kind: 'reset', afterBytes: 100_000 },
  { kind: 'truncate', afterBytes: 100_000 },
  { kind: 'loseAnswer' },
] as const)('a download fails by %j', async (action) => {
  const { server, client } = await startWithFile();
  const fault = server.faults.add({ match: { route: 'files/download' }, action });
  await expect(read(client)).rejects.toThrow();
  await fault.hit;
  expect(await read(client)).toEqual(bytes);
});

it('an upload is reset, corrupted, or performed with its answer lost', async () => {
  const { server, client } = await startWithFile();
  const upload = (path: string) => client.filesUpload({ path, contents: bytes, content_hash: contentHash([bytes]) });
  server.faults.add({ match: { path: '/reset' }, action: { kind: 'reset', afterBytes: 100_000 } });
  server.faults.add({ match: { path: '/corrupt' }, action: { kind: 'corrupt' } });
  server.faults.add({ match: { path: '/lost' }, action: { kind: 'loseAnswer' } });
  await expect(upload('/reset')).rejects.toThrow();
  expect((await failure(upload('/corrupt'))).summary).toBe('content_hash_mismatch/...');
  await expect(upload('/lost')).rejects.toThrow();
  const { result } = await client.filesListFolder({ path: '' });
  expect(result.entries.map((entry) => entry.name).sort()).toEqual(['a', 'lost']);
});

it('a wrong hash, a slow body, and a request that is held', async () => {
  const { server, client } = await startWithFile();
  const { content_hash: right } = (await client.filesUpload({ path: '/b', contents: 'x' })).result;
  server.faults.add({ match: { path: '/c' }, action: { kind: 'wrongHash' } });
  expect((await client.filesUpload({ path: '/c', contents: 'x' })).result.content_hash).not.toBe(right);
  server.faults.add({ match: { route: 'files/download' }, action: { kind: 'slow', bytesPerSecond: 3_000_000 } });
  expect(await read(client)).toEqual(bytes);
  const { promise: until, resolve } = Promise.withResolvers<void>();
  const held = server.faults.add({ match: { path: '/d' }, action: { kind: 'hold', until } });
  const uploading = client.filesUpload({ path: '/d', contents: 'x' });
  await held.hit;
  expect((await client.filesListFolder({ path: '' })).result.entries.map((entry) => entry.name)).not.toContain('d');
  const finished = server.observer.waitFor({ path: '/d' }, 'finished');
  resolve();
  await uploading;
  expect(await finished).toMatchObject({ status: 200 });
});
