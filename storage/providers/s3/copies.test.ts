import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { type S3Server, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody } from '../../digest.ts';
import { createHttpClient, type HttpClient } from '../../http.ts';
import type { StorageProvider, UploadSession, Version } from '../../provider.ts';
import { openS3 } from '../s3.ts';
import { s3Address } from './address.ts';
import { awsAbilities, s3Capabilities } from './capabilities.ts';
import { S3Copies } from './copies.ts';
import { S3Rest } from './rest.ts';
import { createS3Client, keysOf } from './sdk.ts';
import { createSigner } from './signer.ts';
import { S3Uploads } from './uploads.ts';

const MiB = 1024 * 1024;
const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const container = 'bucket';
const metadata = { contentType: 'text/x-copy', user: { of: 'the copy' } };
const capabilities = s3Capabilities(awsAbilities);
const policy = createAddressPolicy(['127.0.0.1']);
const { signal } = new AbortController();
const bytes = Buffer.alloc(16 * MiB + 5, 'abcdefgh-');

let server: S3Server;
let provider: StorageProvider;
let http: HttpClient;
let copies: S3Copies;
let version: Version;

const credentialsAt = (endpoint: string) =>
  ({ provider: 's3', addressing: 'path', region: 'us-east-1', endpoint, ...keys }) as const;

beforeAll(async () => {
  server = await startS3Server({ credentials: [keys], buckets: [container] });
  const credentials = credentialsAt(server.endpoint);
  provider = openS3(credentials, { addressPolicy: policy, capabilities });
  // The provider's own way to copy, but for the size from which it goes by parts.
  http = createHttpClient(policy);
  const address = s3Address(credentials);
  const client = createS3Client(credentials, address, http);
  const rest = new S3Rest(http, address, createSigner('us-east-1', keysOf(client)), {});
  const uploads = new S3Uploads(rest, client, capabilities, {}, (...stat) => provider.stat(...stat));
  copies = new S3Copies({
    rest,
    address,
    uploads,
    capabilities,
    settings: {},
    read: (...read) => provider.read(...read),
    sizes: { wholeMaxBytes: MiB, partBytes: 5 * MiB },
  });
  const body = bufferedBody([bytes], ['crc32c']);
  ({ version } = await provider.write({ container, key: 'große + datei', body, metadata: { user: {} } }, signal));
});
afterEach(() => server.faults.clear());
afterAll(async () => {
  await provider.close();
  await http.close();
  await server.close();
});

const offer = () => copies.offer({ container, key: 'große + datei', pin: version }, signal);
const listed = async (prefix: string) => (await provider.list({ container, prefix }, signal)).items.length;

describe('copies by parts', () => {
  it('keep every byte and the checksum of the whole, and take the metadata of the request', async () => {
    const key = 'parts/copy';
    const before = server.observer.counters('UploadPartCopy').requests;
    const result = await copies.copy({ offer: await offer(), container, key, metadata }, signal);
    expect(server.observer.counters('UploadPartCopy').requests - before).toBe(4);
    const { stream, info } = await provider.read({ container, key }, signal);
    expect((await buffer(stream)).equals(bytes)).toBe(true);
    expect(info).toMatchObject({ version: result.version, metadata });
    expect(info.digests.crc32c).toBe((await provider.stat({ container, key: 'große + datei' }, signal)).digests.crc32c);
  });

  it('leave no upload behind when a part fails', async () => {
    server.faults.add({ match: { operation: 'UploadPartCopy', partNumber: 2 }, action: { kind: 'slowDown' } });
    const before = server.observer.counters('AbortMultipartUpload').requests;
    const copying = copies.copy({ offer: await offer(), container, key: 'parts/failed', metadata }, signal);
    await expect(copying).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(server.observer.counters('AbortMultipartUpload').requests).toBe(before + 1);
    expect(await listed('parts/failed')).toBe(0);
  });

  it('end when nobody wants them any more, and abort their upload', async () => {
    const controller = new AbortController();
    const held = server.faults.add({
      match: { operation: 'UploadPartCopy', partNumber: 1 },
      action: { kind: 'stall' },
    });
    const aborted = server.observer.waitFor({ operation: 'AbortMultipartUpload' });
    const source = await offer();
    const copying = copies.copy({ offer: source, container, key: 'parts/ended', metadata }, controller.signal);
    const ended = expect(copying).rejects.toMatchObject({ code: 'CANCELLED' });
    await held.hit;
    controller.abort();
    await ended;
    await aborted;
    expect(await listed('parts/ended')).toBe(0);
  });

  it('tell of the upload that they are made by before its parts, so that it can be dropped', async () => {
    const key = 'parts/told';
    const told: (UploadSession | null)[] = [];
    const source = await offer();
    const before = server.observer.counters('UploadPartCopy').requests;
    const onUpload = async (session: UploadSession | null) => {
      expect(server.observer.counters('UploadPartCopy').requests).toBe(before);
      told.push(session);
    };
    await copies.copy({ offer: source, container, key, metadata, onUpload }, signal);
    expect(told).toMatchObject([{ container, key, id: expect.any(String), sizeBytes: bytes.length }]);
  });

  it('are held to preconditions', async () => {
    const key = 'parts/once';
    const request = { offer: await offer(), container, key, metadata, precondition: { ifAbsent: true } } as const;
    await copies.copy(request, signal);
    await expect(copies.copy(request, signal)).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
  });

  it('tell that the source has changed in between', async () => {
    const stale = { ...(await offer()), version: { etag: '"0123456789abcdef0123456789abcdef"' } };
    const copying = copies.copy({ offer: stale, container, key: 'parts/stale', metadata }, signal);
    await expect(copying).rejects.toMatchObject({ code: 'OBJECT_CHANGED' });
    expect(await listed('parts/stale')).toBe(0);
  });
});

describe('CopyObject', () => {
  async function answered(response: string) {
    const proxy = await startFaultProxy(server.endpoint);
    const through = openS3(credentialsAt(proxy.endpoint), { addressPolicy: policy, capabilities });
    const source = { ...(await offer()), store: proxy.endpoint };
    const spoiled = proxy.spoilNext({ kind: 'answer', response });
    const copying = through
      .copy({ offer: source, container, key: 'spoiled', metadata }, signal)
      .catch((error) => error);
    await spoiled;
    const outcome = await copying;
    await through.close();
    await proxy.close();
    return outcome;
  }
  const answer = (status: string, xml: string) =>
    `HTTP/1.1 ${status}\r\nContent-Type: application/xml\r\nContent-Length: ${xml.length}\r\n\r\n${xml}`;
  const error = (code: string) => `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>m</Message></Error>`;

  it.each([
    ['200 OK', 'InternalError', 'PROVIDER_UNAVAILABLE'],
    ['200 OK', 'SlowDown', 'THROTTLED'],
    ['403 Forbidden', 'AccessDenied', 'PERMISSION_DENIED'],
    ['403 Forbidden', 'ObjectNotInActiveTierError', 'OBJECT_ARCHIVED'],
    ['501 Not Implemented', 'NotImplemented', 'NOT_SUPPORTED'],
  ])(
    'with %s and the error document %s fails (API_CopyObject: Response and special errors)',
    async (status, said, code) => {
      expect(await answered(answer(status, error(said)))).toMatchObject({ name: 'AppError', code });
    },
  );

  it('with an answer that is neither result nor error is not taken for a success', async () => {
    expect(await answered(answer('200 OK', '<?xml version="1.0"?><Other/>'))).toMatchObject({
      code: 'ENDPOINT_INVALID',
    });
  });
});

/** Headers of the first PUT by which an object of that size is copied, at a store that then refuses. */
async function firstCopyOf(sizeBytes: number): Promise<IncomingHttpHeaders | undefined> {
  const seen: IncomingHttpHeaders[] = [];
  const store = createServer((request, response) => {
    if (request.method === 'PUT') seen.push(request.headers);
    const begun = '<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>';
    request.resume().on('end', () => response.writeHead(request.method === 'POST' ? 200 : 403).end(begun));
  });
  store.listen(0, '127.0.0.1');
  await once(store, 'listening');
  const endpoint = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
  const other = openS3(credentialsAt(endpoint), { addressPolicy: policy, capabilities });
  const large = { ...(await offer()), store: endpoint, key: 'a b', version: { versionId: 'v/1' }, sizeBytes };
  const copying = other.copy({ offer: large, container, key: 'copy', metadata }, signal);
  await expect(copying).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  await other.close();
  store.close();
  return seen[0];
}

it('CopyObject takes 5 GB: what is larger is copied by parts, no more than 10,000 ("CopyObject", "UploadPartCopy")', async () => {
  const rangeOf = async (sizeBytes: number) => (await firstCopyOf(sizeBytes))?.['x-amz-copy-source-range'];
  expect(await rangeOf(5_000_000_000)).toBeUndefined();
  expect(await rangeOf(5_000_000_001)).toMatch(/^bytes=\d+-\d+$/);
  expect(await rangeOf(10_000 * 512 * MiB + 1)).toMatch(/^bytes=(0-536870912|\d{9,}-\d+)$/);
});

it('a copy of a version names it', async () => {
  expect((await firstCopyOf(1))?.['x-amz-copy-source']).toBe('/bucket/a%20b?versionId=v%2F1');
});

describe('offers', () => {
  it('are taken within a partition of AWS, and at one address of another store', async () => {
    const stores = ['eu-central-1', 'us-east-1', 'cn-north-1', 'us-gov-west-1'].map((region) => {
      const address = s3Address({ provider: 's3', region, addressing: 'virtual', ...keys });
      const { store } = { store: storeAt(address) };
      return store;
    });
    expect(await Promise.all(stores)).toEqual(['aws', 'aws', 'aws-cn', 'aws-us-gov']);
    expect((await offer()).store).toBe(server.endpoint);
  });

  async function storeAt(address: ReturnType<typeof s3Address>): Promise<string> {
    const read = (...request: Parameters<StorageProvider['read']>) => provider.read(...request);
    const elsewhere = new S3Copies({ address, capabilities, settings: {}, read } as never);
    return (await elsewhere.offer({ container, key: 'große + datei' }, signal)).store;
  }
});
