import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AzuriteServer, startAzurite } from '../../../emulators/azure.ts';
import { startAzureFromUrl } from '../../../emulators/azure-from-url.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody } from '../../digest.ts';
import { createHttpClient, type HttpClient } from '../../http.ts';
import type { CopyOffer, StorageProvider } from '../../provider.ts';
import { openAzure } from '../azure.ts';
import { parseEndpoint } from '../endpoint.ts';
import { blobAccess } from './access.ts';
import { FromUrl, storeOf } from './from-url.ts';
import { BlobRest } from './rest.ts';
import { createServiceClient } from './sdk.ts';
import { AzureUploads } from './uploads.ts';

const container = 'from-url';
const metadata = { contentType: 'text/x-copy', user: { of: 'the copy' } };
const bytes = Buffer.alloc(1_000_003, 'abcdefgh-');
const { signal } = new AbortController();
const policy = createAddressPolicy(['127.0.0.1']);

let azurite: AzuriteServer;
let provider: StorageProvider;
let http: HttpClient;
/** The provider's own way, but for the size of its blocks. */
let fromUrl: FromUrl;

beforeAll(async () => {
  azurite = await startAzureFromUrl(await startAzurite({ containers: [container] }));
  const { endpoint, accountName, accountKey } = azurite;
  const credentials = { provider: 'azure', accountName, accountKey, endpoint } as const;
  provider = openAzure(credentials, { addressPolicy: policy });
  http = createHttpClient(policy);
  const address = parseEndpoint(endpoint);
  const access = blobAccess(credentials, address, http);
  const rest = new BlobRest(http, address, access);
  fromUrl = new FromUrl(rest, new AzureUploads(rest, createServiceClient(address, access, http)), 300_000);
  const body = bufferedBody([bytes], ['md5']);
  await provider.write({ container, key: 'source', body, metadata: { user: {} } }, signal);
});
afterAll(async () => {
  await provider.close();
  await http.close();
  await azurite.close();
});

async function get(key: string): Promise<Buffer> {
  return buffer((await provider.read({ container, key }, signal)).stream);
}
const isThere = async (key: string) => (await provider.list({ container, prefix: key }, signal)).items.length > 0;
const offer = (): Promise<CopyOffer> => provider.offerCopy({ container, key: 'source' }, signal);

describe('what comes in several blocks', () => {
  it('is copied with every byte and the metadata of the request', async () => {
    const result = await fromUrl.copy({ offer: await offer(), container, key: 'copy', metadata }, signal);
    expect((await get('copy')).equals(bytes)).toBe(true);
    expect(await provider.stat({ container, key: 'copy' }, signal)).toMatchObject({
      version: result.version,
      metadata,
    });
  });

  it('is not copied when the source has changed: no block is taken of another', async () => {
    const stale = { ...(await offer()), version: { etag: '"0x8DB000000000000"' } };
    const copying = fromUrl.copy({ offer: stale, container, key: 'stale', metadata }, signal);
    await expect(copying).rejects.toMatchObject({ code: 'OBJECT_CHANGED' });
    expect(await isThere('stale')).toBe(false);
  });

  it('is fetched from elsewhere, and refused when it is shorter than it was said to be', async () => {
    const source = createServer((request, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      const part = bytes.subarray(Number(first), Number(last) + 1);
      if (part.length === 0) response.writeHead(416).end();
      else response.writeHead(206, { 'content-length': part.length }).end(part);
    });
    source.listen(0, '127.0.0.1');
    await once(source, 'listening');
    const url = `http://127.0.0.1:${(source.address() as AddressInfo).port}/?secret`;
    const request = { container, url, metadata, digests: {} };
    await fromUrl.ingest({ ...request, key: 'fetched', sizeBytes: bytes.length }, signal);
    expect((await get('fetched')).equals(bytes)).toBe(true);
    const shorter = fromUrl.ingest({ ...request, key: 'shorter', sizeBytes: bytes.length + 5 }, signal);
    await expect(shorter).rejects.toMatchObject({ code: 'OBJECT_CHANGED' });
    const ended = fromUrl.ingest({ ...request, key: 'shorter', sizeBytes: bytes.length * 2 }, signal);
    await expect(ended).rejects.toMatchObject({ code: 'ENDPOINT_UNREACHABLE' });
    expect(await isThere('shorter')).toBe(false);
    source.close();
  });
});

it('what comes in one block is asked for whole, so that a source which is longer than it was said to be shows', async () => {
  const source = createServer((request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const part = first === undefined ? bytes : bytes.subarray(Number(first), Number(last) + 1);
    response.writeHead(first === undefined ? 200 : 206, { 'content-length': part.length }).end(part);
  });
  source.listen(0, '127.0.0.1');
  await once(source, 'listening');
  const url = `http://127.0.0.1:${(source.address() as AddressInfo).port}/`;
  const longer = { container, key: 'longer', url, sizeBytes: 1_000, metadata, digests: {} };
  await expect(fromUrl.ingest(longer, signal)).rejects.toMatchObject({ code: 'OBJECT_CHANGED' });
  expect(await isThere('longer')).toBe(false);
  source.close();
});

it('256 MiB are fetched at once, the bound of Copy Blob From URL: what is larger comes in blocks', async () => {
  const seen: string[] = [];
  const service = createServer((request, response) => {
    const { 'x-ms-source-range': range = 'all', 'x-ms-blob-type': type = 'block' } = request.headers;
    seen.push(`${type} ${range}`);
    request.resume().on('end', () => response.writeHead(403, { 'x-ms-request-id': '1' }).end());
  });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  const endpoint = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const { accountName, accountKey } = azurite;
  const credentials = { provider: 'azure', accountName, accountKey, endpoint } as const;
  const elsewhere = openAzure(credentials, { addressPolicy: policy });
  const bound = 256 * 1024 * 1024;
  for (const sizeBytes of [bound, bound + 1]) {
    const large = { ...(await offer()), store: elsewhere.store, sizeBytes };
    const copying = elsewhere.copy({ offer: large, container, key: 'large', metadata }, signal);
    await expect(copying).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  }
  const [whole, block] = seen;
  expect(whole).toBe('BlockBlob all');
  expect(block).toBeOneOf([`block bytes=0-${bound - 1}`, `block bytes=${bound}-${bound}`]);
  await elsewhere.close();
  service.close();
});

it('a copy, and what is fetched, have nothing of their source but its bytes (x-ms-copy-source-blob-properties)', async () => {
  const key = 'described';
  const described = { cacheControl: 'no-store', contentLanguage: 'de', contentDisposition: 'inline', user: { a: 'b' } };
  const body = bufferedBody([bytes], ['md5']);
  await provider.write({ container, key, body, metadata: described }, signal);
  const made = await provider.offerCopy({ container, key }, signal);
  const digests = { md5: body.digest('md5') };
  const fetched = { container, key: 'plain-fetched', url: made.ticket as string, digests, sizeBytes: bytes.length };
  await provider.copy({ offer: made, container, key: 'plain-copy', metadata: { user: {} } }, signal);
  await provider.ingest({ ...fetched, metadata: { user: {} } }, signal);
  for (const name of ['plain-copy', 'plain-fetched']) {
    const { metadata: found } = await provider.stat({ container, key: name }, signal);
    expect(found).toEqual({ contentType: 'application/octet-stream', user: {} });
  }
});

describe('an offer', () => {
  it('opens one blob for an hour, for reading', async () => {
    const { ticket = '', store } = await offer();
    expect((await fetch(ticket)).status).toBe(200);
    expect((await fetch(ticket.replace('/source?', '/copy?'))).status).toBe(403);
    expect((await fetch(ticket, { method: 'DELETE' })).status).toBe(403);
    const expiry = Date.parse(new URL(ticket).searchParams.get('se') ?? '') - Date.now();
    expect(expiry).toBeGreaterThan(3_500_000);
    expect(expiry).toBeLessThanOrEqual(3_600_000);
    expect(store).toBe(new URL(azurite.endpoint).origin);
  });

  it('is taken in all of one cloud of Azure, and at one address of any other', () => {
    expect(
      [
        'https://harbour.blob.core.windows.net',
        'https://harbour-secondary.blob.core.windows.net',
        'https://harbour.z12.blob.storage.azure.net',
        'https://harbour.blob.core.chinacloudapi.cn',
        'https://files.example.com',
        'http://127.0.0.1:10000/harbour',
      ].map((endpoint) => storeOf(parseEndpoint(endpoint), 'harbour')),
    ).toEqual([
      'blob.core.windows.net',
      'blob.core.windows.net',
      'blob.storage.azure.net',
      'blob.core.chinacloudapi.cn',
      'https://files.example.com',
      'http://127.0.0.1:10000',
    ]);
  });

  it('that the service may not read is refused, and one without a ticket too', async () => {
    const made = await offer();
    const spoiled = { ...made, ticket: made.ticket?.replace('sig=', 'sig=A') as string };
    const copying = provider.copy({ offer: spoiled, container, key: 'denied', metadata }, signal);
    await expect(copying).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const { ticket: _, ...closed } = made;
    await expect(provider.copy({ offer: closed, container, key: 'denied', metadata }, signal)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });
});
