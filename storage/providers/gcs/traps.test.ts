import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AppError } from '../../../core/errors.ts';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { type GcsServer, type GcsServerOptions, startGcsServer } from '../../../emulators/gcs/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody, createDigest, streamBody } from '../../digest.ts';
import type { ObjectMetadata, Precondition, StorageProvider } from '../../provider.ts';
import { openGcs } from '../gcs.ts';

const signal = new AbortController().signal;
const at = (key: string) => ({ container: 'bucket', key });
const noMetadata: ObjectMetadata = { user: {} };
const bytes = Buffer.alloc(600_000, 'abcdefg');

async function start(options: GcsServerOptions = {}): Promise<{ server: GcsServer; provider: StorageProvider }> {
  const server = await startGcsServer({ buckets: ['bucket', 'second'], ...options });
  onTestFinished(() => server.close());
  return { server, provider: open(server) };
}

function open(server: GcsServer, name = 'owner', policy = createAddressPolicy(['127.0.0.0/8'])): StorageProvider {
  const credentials = { provider: 'gcs', endpoint: server.endpoint, serviceAccountKey: server.serviceAccountKey(name) };
  const provider = openGcs(credentials as Parameters<typeof openGcs>[0], { addressPolicy: policy });
  onTestFinished(() => provider.close());
  return provider;
}

function put(provider: StorageProvider, key: string, content: Buffer, more: { precondition?: Precondition } = {}) {
  const body = bufferedBody([content], ['crc32c']);
  return provider.write({ ...at(key), body, metadata: noMetadata, ...more }, signal);
}

function putStream(provider: StorageProvider, key: string, content: Buffer) {
  const body = streamBody(Readable.from([content]), content.length, ['crc32c']);
  return provider.write({ ...at(key), body, metadata: noMetadata }, signal);
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: AppError) => error.code,
  );

function crc32c(content: Buffer): string {
  const digest = createDigest(['crc32c']);
  digest.update(content);
  return digest.digest().crc32c as string;
}

describe('Objects', () => {
  it('that are stored as gzip come as they are stored, in ranges too', async () => {
    const { provider } = await start();
    const packed = gzipSync(bytes);
    const body = bufferedBody([packed], ['crc32c']);
    await provider.write({ ...at('z'), body, metadata: { contentEncoding: 'gzip', user: {} } }, signal);
    const { stream, info } = await provider.read(at('z'), signal);
    expect((await buffer(stream)).equals(packed)).toBe(true);
    expect(info).toMatchObject({ sizeBytes: packed.length, metadata: { contentEncoding: 'gzip' } });
    const part = await provider.read({ ...at('z'), range: { start: 3, end: 9 } }, signal);
    expect((await buffer(part.stream)).equals(packed.subarray(3, 9))).toBe(true);
  });

  it('that were uploaded in parts have a CRC32C and no MD5', async () => {
    const { provider } = await start();
    const session = await provider.beginUpload({ ...at('n'), sizeBytes: 3, metadata: noMetadata }, signal);
    const body = bufferedBody([Buffer.from('abc')], ['crc32c']);
    const parts = [await provider.putPart({ session, partNumber: 1, offset: 0, body }, signal)];
    await provider.completeUpload({ session, parts, digests: {} }, signal);
    expect((await provider.stat(at('n'), signal)).digests).toEqual({ crc32c: crc32c(Buffer.from('abc')) });
    expect(Object.keys((await put(provider, 'n', bytes)).digests)).toEqual(['crc32c', 'md5']);
  });

  it('are held back when they change more often than once a second', async () => {
    const { provider } = await start({ onePerSecond: true });
    await put(provider, 'n', bytes);
    expect(await put(provider, 'n', bytes).catch((error) => error)).toMatchObject({
      code: 'THROTTLED',
      retry: 'backoff',
    });
  });

  it('that arrive damaged are deleted again, unless the service refused them before', async () => {
    const { server, provider } = await start();
    for (const send of [put, putStream]) {
      server.faults.add({ match: { operation: 'xml.put' }, action: { kind: 'wrongHash' } });
      expect(await codeOf(send(provider, 'n', bytes))).toBe('CHECKSUM_MISMATCH');
      expect(await codeOf(provider.stat(at('n'), signal))).toBe('OBJECT_NOT_FOUND');
    }
    await put(provider, 'n', Buffer.from('before'));
    const lying = { ...bufferedBody([bytes], ['crc32c']), digest: () => '00000000' };
    const writing = provider.write({ ...at('n'), body: lying, metadata: noMetadata }, signal);
    expect(await codeOf(writing)).toBe('CHECKSUM_MISMATCH');
    expect((await provider.stat(at('n'), signal)).sizeBytes).toBe(6);
  });

  it('that arrive damaged are left alone once somebody has replaced them', async () => {
    const { server, provider } = await start();
    const { promise: until, resolve } = Promise.withResolvers<void>();
    server.faults.add({ match: { operation: 'xml.put' }, action: { kind: 'wrongHash' } });
    const held = server.faults.add({ match: { operation: 'objects.delete' }, action: { kind: 'hold', until } });
    const writing = codeOf(putStream(provider, 'n', bytes));
    await held.hit;
    await put(provider, 'n', Buffer.from('after'));
    resolve();
    expect(await writing).toBe('CHECKSUM_MISMATCH');
    expect((await provider.stat(at('n'), signal)).sizeBytes).toBe(5);
  });

  it('that arrive damaged and cannot be deleted are told by their version', async () => {
    const { server, provider } = await start();
    server.faults.add({ match: { operation: 'xml.put' }, action: { kind: 'wrongHash' } });
    server.faults.add({ match: { operation: 'objects.delete' }, action: { kind: 'status', status: 500 } });
    const error = await putStream(provider, 'n', bytes).catch((caught) => caught);
    expect(error).toMatchObject({ code: 'CHECKSUM_MISMATCH', version: (await provider.stat(at('n'), signal)).version });
  });
});

it('A version that is none of its own is not read: no generation, no byte', async () => {
  const { provider } = await start();
  await put(provider, 'pinned', bytes);
  const reading = provider.read({ ...at('pinned'), pin: { etag: '"0x8DC"' } }, signal);
  expect(await codeOf(reading)).toBe('OBJECT_CHANGED');
});

it('Metadata that others wrote in plain Unicode is read alike by both APIs', async () => {
  const { server, provider } = await start();
  const { access_token } = server.tokens.issue({ email: 'other', mayWrite: true });
  const resource = JSON.stringify({
    name: 'n',
    metadata: { city: 'Zürich 東京' },
    contentDisposition: 'inline; a="ü"',
  });
  const body = `--x\r\n\r\n${resource}\r\n--x\r\n\r\nabc\r\n--x--`;
  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'multipart/related; boundary=x' };
  const path = '/upload/storage/v1/b/bucket/o?uploadType=multipart';
  const request = httpRequest(server.endpoint + path, { method: 'POST', headers, agent: false }).end(body);
  const [response] = await once(request, 'response');
  response.resume();
  expect(response.statusCode).toBe(200);
  const { metadata } = await provider.stat(at('n'), signal);
  expect(metadata.user).toEqual({ city: 'Zürich 東京' });
  const { stream, info } = await provider.read(at('n'), signal);
  stream.destroy();
  expect(info.metadata).toEqual({ ...metadata, contentType: 'application/octet-stream' });
});

describe('Uploads in parts', () => {
  it('whose join turns out damaged leave nothing', async () => {
    const { server, provider } = await start();
    const session = await provider.beginUpload({ ...at('n'), sizeBytes: bytes.length, metadata: noMetadata }, signal);
    const body = bufferedBody([bytes], ['crc32c']);
    const parts = [await provider.putPart({ session, partNumber: 1, offset: 0, body }, signal)];
    server.faults.add({ match: { operation: 'xml.complete' }, action: { kind: 'wrongHash' } });
    expect(await codeOf(provider.completeUpload({ session, parts, digests: {} }, signal))).toBe('CHECKSUM_MISMATCH');
    expect(await codeOf(provider.stat(at('n'), signal))).toBe('OBJECT_NOT_FOUND');
  });

  it('that nobody knows have expired', async () => {
    const { provider } = await start();
    const session = { ...at('n'), id: 'unknown', sizeBytes: 3, metadata: noMetadata };
    const body = bufferedBody([Buffer.from('abc')], ['crc32c']);
    expect(await codeOf(provider.putPart({ session, partNumber: 1, offset: 0, body }, signal))).toBe('UPLOAD_EXPIRED');
    expect(await codeOf(provider.listParts(session, signal))).toBe('UPLOAD_EXPIRED');
    await provider.abortUpload(session, signal);
  });

  it('list more parts than one answer holds', async () => {
    const { provider } = await start();
    const session = await provider.beginUpload({ ...at('n'), sizeBytes: 1001, metadata: noMetadata }, signal);
    for (let partNumber = 1; partNumber <= 1001; partNumber++) {
      const body = bufferedBody([Buffer.from('x')], ['crc32c']);
      await provider.putPart({ session, partNumber, offset: partNumber - 1, body }, signal);
    }
    expect(await provider.listParts(session, signal)).toHaveLength(1001);
  });
});

describe('Access tokens', () => {
  it('that are refused before their time are refreshed, once', async () => {
    const { server, provider } = await start();
    await put(provider, 'n', bytes);
    server.tokens.expireAll();
    await Promise.all([provider.stat(at('n'), signal), provider.list({ container: 'bucket', prefix: '' }, signal)]);
    expect(server.observer.count('token')).toBe(2);
    server.faults.add({ match: { operation: 'objects.get', count: 2 }, action: { kind: 'expiredToken' } });
    expect(await codeOf(provider.stat(at('n'), signal))).toBe('CREDENTIALS_INVALID');
  });

  it('that are refused to a stream, which is gone then, make its caller try again', async () => {
    const { server, provider } = await start();
    await put(provider, 'n', bytes);
    server.tokens.expireAll();
    const error = await putStream(provider, 'n', bytes).catch((caught) => caught);
    expect(error).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retry: 'backoff' });
    await putStream(provider, 'n', bytes);
  });

  it('come from where the key says, if the address policy allows that', async () => {
    const { server } = await start();
    const key = JSON.parse(server.serviceAccountKey());
    const allowsOnlyStore = createAddressPolicy(['127.0.0.1']);
    for (const token_uri of [
      'http://169.254.169.254/computeMetadata/v1/',
      'http://127.0.0.2/token',
      'http://[::1]/token',
    ]) {
      const serviceAccountKey = JSON.stringify({ ...key, token_uri });
      const credentials = { provider: 'gcs', endpoint: server.endpoint, serviceAccountKey } as const;
      const provider = openGcs(credentials, { addressPolicy: allowsOnlyStore });
      expect(await codeOf(provider.stat(at('n'), signal))).toBe('ADDRESS_NOT_ALLOWED');
      await provider.close();
    }
    expect(server.observer.count('token')).toBe(0);
  });

  it.each([
    ['what is not JSON', 'secret text'],
    ['a key of a person', JSON.stringify({ type: 'authorized_user', refresh_token: 'secret' })],
    [
      'a key that was cut',
      JSON.stringify({
        type: 'service_account',
        client_email: 'a@b',
        private_key: 'secret',
        token_uri: 'https://x.example/t',
      }),
    ],
    ['a JSON text', '"secret"'],
  ])('are not asked for with %s', (_what, serviceAccountKey) => {
    const options = { addressPolicy: createAddressPolicy([]) };
    let error: unknown;
    try {
      openGcs({ provider: 'gcs', serviceAccountKey }, options);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'CREDENTIALS_INVALID' });
    expect(inspect(error, { depth: 9 })).not.toContain('secret');
  });

  it('need what the operator has not given', () => {
    const options = { addressPolicy: createAddressPolicy([]) };
    const opening = (credentials: object) => () => openGcs({ provider: 'gcs', ...credentials }, options);
    expect(opening({ refreshToken: 'x' })).toThrow(expect.objectContaining({ code: 'CREDENTIALS_INVALID' }));
    expect(opening({ useMachineIdentity: true })).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }));
  });
});

it.each([
  'http://storage.googleapis.com',
  'https://storage.googleapis.com:8443',
  'https://storage.googleapis.com.example.com',
  'https://storage-googleapis.com',
  'https://example.com/.googleapis.com',
  'https://example.com',
])("The machine's token, which is the operator's, is not sent to %s", (endpoint) => {
  const operator = { machineIdentity: true, googleMachine: { standIn: 'https://storage.example.com' } };
  const options = { addressPolicy: createAddressPolicy([]), operator };
  const opening = () => openGcs({ provider: 'gcs', useMachineIdentity: true, endpoint }, options);
  expect(opening).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
});

it("The machine's identity opens Google's own endpoints", async () => {
  const options = { addressPolicy: createAddressPolicy([]), operator: { machineIdentity: true } };
  for (const endpoint of [undefined, 'https://storage.europe-west3.rep.googleapis.com']) {
    const provider = openGcs({ provider: 'gcs', useMachineIdentity: true, endpoint }, options);
    expect(provider.capabilities.presign).toBeNull();
    await provider.close();
  }
});

describe('Copies', () => {
  it('go on by their token until they are done, with the metadata and under the precondition of the request', async () => {
    const { server, provider } = await start({ rewriteBytes: 1024 * 1024 });
    const large = Buffer.alloc(2_500_000, 'x');
    await put(provider, 'from', large);
    const offer = await provider.offerCopy(at('from'), signal);
    const metadata: ObjectMetadata = { contentType: 'a/b', user: { name: 'Zürich' }, modifiedAt: new Date(1_234_567) };
    const request = { offer, container: 'second', key: 'to', metadata, precondition: { ifAbsent: true } as const };
    const { version, digests } = await provider.copy(request, signal);
    expect(server.observer.count('objects.rewrite')).toBe(3);
    expect(digests.crc32c).toBe(crc32c(large));
    expect(await provider.stat({ container: 'second', key: 'to' }, signal)).toMatchObject({ version, metadata });
    expect(await codeOf(provider.copy(request, signal))).toBe('PRECONDITION_FAILED');
    await provider.copy({ ...request, precondition: { ifMatch: version } }, signal);
  });

  it('go on by their token for a week at most (410): then they have expired, and begin anew', async () => {
    const { server, provider } = await start({ rewriteBytes: 1024 * 1024 });
    await put(provider, 'from', Buffer.alloc(2_500_000, 'x'));
    const offer = await provider.offerCopy(at('from'), signal);
    const inAWeek = Date.now() + 8 * 24 * 3_600_000;
    server.observer.on('arrived', () => {
      if (server.observer.count('objects.rewrite') === 2) vi.useFakeTimers({ toFake: ['Date'], now: inAWeek });
    });
    const copying = provider.copy({ offer, container: 'second', key: 'to', metadata: noMetadata }, signal);
    onTestFinished(() => void vi.useRealTimers());
    await expect(copying).rejects.toMatchObject({ code: 'UPLOAD_EXPIRED', retry: 'restart' });
    expect(await codeOf(provider.stat({ container: 'second', key: 'to' }, signal))).toBe('OBJECT_NOT_FOUND');
  });

  it('need the right to read the source, the state that was offered, and the same store', async () => {
    const { server, provider } = await start({ serviceAccounts: { narrow: ['second'] } });
    await put(provider, 'from', bytes);
    const offer = await provider.offerCopy(at('from'), signal);
    const request = { offer, container: 'second', key: 'to', metadata: noMetadata };
    expect(await codeOf(open(server, 'narrow').copy(request, signal))).toBe('PERMISSION_DENIED');
    const elsewhere = { ...request, offer: { ...offer, store: 'https://storage.googleapis.com' } };
    expect(await codeOf(provider.copy(elsewhere, signal))).toBe('NOT_SUPPORTED');
    await put(provider, 'from', Buffer.from('new'));
    expect(await codeOf(provider.copy(request, signal))).toBe('OBJECT_CHANGED');
    expect(await codeOf(provider.offerCopy({ ...at('from'), pin: offer.version }, signal))).toBe('OBJECT_CHANGED');
  });
});

describe('URLs', () => {
  async function fetchStatus(url: string): Promise<{ status: number | undefined; text: string }> {
    const request = httpRequest(url, { agent: false }).end();
    const [response] = await once(request, 'response');
    return { status: response.statusCode, text: (await buffer(response)).toString() };
  }

  it('are signed here, open one version of one object, and end', async () => {
    const { server, provider } = await start();
    const { version: pin } = await put(provider, 'a b/ü?.txt', Buffer.from('signed'));
    const before = server.observer.count('token');
    const url = await provider.presign({ ...at('a b/ü?.txt'), pin, expiresInMs: 60_000 }, signal);
    expect(server.observer.count('token')).toBe(before);
    expect(await fetchStatus(url)).toEqual({ status: 200, text: 'signed' });
    expect((await fetchStatus(url.replace('.txt', '.bin'))).status).toBe(403);
    await put(provider, 'a b/ü?.txt', Buffer.from('new'));
    expect((await fetchStatus(url)).status).toBe(404);
    expect(await codeOf(provider.presign({ ...at('n'), expiresInMs: 8 * 86_400_000 }, signal))).toBe('INVALID_INPUT');
  });

  it('never lead to another object than the one that was asked for', async () => {
    const { provider } = await start();
    for (const key of ['a/../b', '../b', 'a/.', 'a/./b']) {
      expect(await codeOf(provider.presign({ ...at(key), expiresInMs: 1000 }, signal))).toBe('NOT_SUPPORTED');
    }
    await put(provider, 'a//b.../', Buffer.from('dots'));
    const url = await provider.presign({ ...at('a//b.../'), expiresInMs: 60_000 }, signal);
    expect(await fetchStatus(url)).toEqual({ status: 200, text: 'dots' });
  });

  it('are not offered without the key of a service account', async () => {
    const { server } = await start();
    const operator = { googleApp: { clientId: 'a', clientSecret: 'b' }, machineIdentity: false };
    const credentials = { provider: 'gcs', endpoint: server.endpoint, refreshToken: 'x' } as const;
    const provider = openGcs(credentials, { addressPolicy: createAddressPolicy([]), operator });
    expect(provider.capabilities.presign).toBeNull();
    expect(await codeOf(provider.presign({ ...at('n'), expiresInMs: 1000 }, signal))).toBe('NOT_SUPPORTED');
    await provider.close();
  });
});

it('Folders are markers, made once', async () => {
  const { provider } = await start();
  await provider.createFolder(at('folder/'), signal);
  const first = await provider.stat(at('folder/'), signal);
  await provider.createFolder(at('folder/'), signal);
  expect(await provider.stat(at('folder/'), signal)).toEqual(first);
});

it.each([
  ['forbidden', "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x"],
  ['accountDisabled', 'The billing account for the owning project is disabled in state absent.'],
  ['accessNotConfigured', 'Cloud Storage JSON API has not been used in project 1 before or it is disabled.'],
])('Credentials are not taken for right by a denial as %s: %s', async (reason, message) => {
  const { server } = await start();
  const proxy = await startFaultProxy(server.endpoint);
  onTestFinished(() => proxy.close());
  const credentials = { provider: 'gcs', serviceAccountKey: server.serviceAccountKey() } as const;
  const addressPolicy = createAddressPolicy(['127.0.0.1']);
  const provider = openGcs({ ...credentials, endpoint: proxy.endpoint }, { addressPolicy });
  onTestFinished(() => provider.close());
  const body = JSON.stringify({ error: { code: 403, message, errors: [{ message, domain: 'global', reason }] } });
  const response = `HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const spoiled = proxy.spoilNext({ kind: 'answer', response });
  const text = expect.stringContaining(`(${reason}, status 403)`);
  await expect(provider.check(signal)).rejects.toMatchObject({ code: 'PERMISSION_DENIED', message: text });
  await spoiled;
});

it('Credentials without a project, and those of one bucket, are checked all the same', async () => {
  const { server } = await start({ serviceAccounts: { narrow: ['second'] } });
  expect(await open(server, 'narrow').check(signal)).toMatchObject({ identity: expect.stringMatching(/^narrow@/) });
  const { project_id: _project, ...key } = JSON.parse(server.serviceAccountKey());
  const credentials = { provider: 'gcs', endpoint: server.endpoint, serviceAccountKey: JSON.stringify(key) } as const;
  const provider = openGcs(credentials, { addressPolicy: createAddressPolicy(['127.0.0.1']) });
  await provider.check(signal);
  expect(await provider.listContainers({}, signal)).toEqual({ items: [], nextCursor: null });
  await provider.close();
});
