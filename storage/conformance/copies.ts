import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { createDigest } from '../digest.ts';
import type { CopyRequest, Digests, ObjectMetadata, StorageProvider } from '../provider.ts';
import {
  bytesOf,
  type Current,
  container,
  expectBytes,
  expectCode,
  freshKey,
  get,
  never,
  noMetadata,
  otherContainer,
  put,
  type Session,
} from './fixture.ts';
import { type Call, settlesWhenAborted } from './interruptions.ts';
import { isThere } from './uploads.ts';

const metadata: ObjectMetadata = {
  contentType: 'text/x-copy',
  cacheControl: 'max-age=7',
  user: { name: 'Zürich' },
  modifiedAt: new Date('2011-12-13T14:15:16.789Z'),
};

/** What may be declared and what may not: each either works or is refused. */
export function copies(current: Current): void {
  describe('copies', () => copying(current));
  describe('fetching from URLs', () => ingesting(current));
  describe('URLs for one object', () => presigning(current));
  describe('folders', () => folders(current));

  it('tells how much room there is, or that it cannot', async () => {
    const { provider, capabilities } = current();
    if (!capabilities.quota) return expectRefusal(provider.quota(never()));
    const quota = await provider.quota(never());
    if (quota !== null) {
      expect(quota.usedBytes).toBeGreaterThanOrEqual(0);
      expect(quota.totalBytes).toBeGreaterThanOrEqual(quota.usedBytes);
    }
  });

  for (const name of Object.keys(calls())) {
    it(`settles ${name} when its signal is aborted`, async () => {
      const session = current();
      const provider = session.open({ proxied: true });
      const call = calls()[name] as NewCall;
      if (!call.isDeclared(session)) return expectRefusal(call.run(provider, session, never()));
      await settlesWhenAborted(session, provider, (aborted, _upload, signal) => call.run(aborted, session, signal));
    });

    it(`takes a request to slow down from ${name}, and leaves no socket behind`, async () => {
      const session = current();
      const call = calls()[name] as NewCall;
      if (!call.isDeclared(session) || call.isLocal) return;
      const before = session.proxy.connections();
      const provider = session.open({ proxied: true });
      const response = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n';
      const spoiled = session.proxy.spoilNext({ kind: 'answer', response });
      const error = await expectCode(call.run(provider, session, never()), 'THROTTLED');
      await spoiled;
      expect(error).toMatchObject({ retry: 'backoff', retryAfterMs: 7000 });
      await provider.close();
      await expect.poll(() => session.proxy.connections()).toBe(before);
    });
  }
}

interface NewCall {
  isDeclared(session: Session): boolean;
  /** It may need no request. */
  isLocal?: boolean;
  run(provider: StorageProvider, session: Session, signal: AbortSignal): ReturnType<Call>;
}

/** The calls that not every provider has. Nothing that they name exists. */
const calls = (): Record<string, NewCall> => {
  const key = freshKey('stall');
  return {
    offerCopy: {
      isDeclared: ({ capabilities }) => capabilities.copy !== null,
      run: (provider, _session, signal) => provider.offerCopy({ container, key }, signal),
    },
    copy: {
      isDeclared: ({ capabilities }) => capabilities.copy !== null,
      run: (provider, session, signal) => provider.copy(foreignCopy(session, { key }), signal),
    },
    ingest: {
      isDeclared: ({ capabilities }) => capabilities.ingest !== null,
      run: (provider, _session, signal) =>
        provider.ingest(
          { container, key, url: 'http://127.0.0.1:1/', sizeBytes: 1, metadata: noMetadata, digests: {} },
          signal,
        ),
    },
    presign: {
      isDeclared: ({ capabilities }) => capabilities.presign !== null,
      isLocal: true,
      run: (provider, _session, signal) => provider.presign({ container, key, expiresInMs: 60_000 }, signal),
    },
    createFolder: {
      isDeclared: () => true,
      run: (provider, _session, signal) => provider.createFolder({ container, key: `${key}/` }, signal),
    },
    quota: {
      isDeclared: ({ capabilities }) => capabilities.quota,
      run: (provider, _session, signal) => provider.quota(signal),
    },
  };
};

/** A copy of an object that is not there, offered by the store behind the proxy. */
function foreignCopy({ capabilities, proxy }: Session, { key }: { key: string }): CopyRequest {
  const { scheme = 's3' } = capabilities.copy ?? {};
  const version = { etag: '"0123456789abcdef0123456789abcdef"' };
  const store = storeAt(proxy.endpoint, scheme);
  const offer = { container, key: 'gone', scheme, store, sizeBytes: 1, version, ticket: `${proxy.endpoint}/gone` };
  return { offer, container, key, metadata: noMetadata };
}

function storeAt(endpoint: string, scheme: string): string {
  return scheme === 'azure' ? new URL(endpoint).origin : endpoint;
}

async function expectRefusal(promise: Promise<unknown>): Promise<void> {
  await expectCode(promise, 'NOT_SUPPORTED');
}

function copying(current: Current): void {
  /** Offers a fresh object; resolves to what copies it. */
  async function offered(session: Session, bytes: Buffer, key = freshKey('source')): Promise<CopyRequest> {
    const { version } = await put(session, key, bytes, { contentType: 'text/x-source', user: { of: 'the source' } });
    const offer = await session.provider.offerCopy({ container, key, pin: version }, never());
    expect(offer.sizeBytes).toBe(bytes.length);
    expect(JSON.parse(JSON.stringify(offer))).toEqual(offer);
    return { offer, container: otherContainer, key: freshKey('copy'), metadata };
  }

  const getCopy = async (session: Session, { container: at, key }: CopyRequest) => {
    const { stream, info } = await session.provider.read({ container: at, key }, never());
    return { bytes: Buffer.concat(await stream.toArray()), info };
  };

  it.each([0, 1, 3_000_000])('keep %i bytes, and have the metadata that was asked for', async (size) => {
    const session = current();
    if (session.capabilities.copy === null)
      return expectRefusal(session.provider.offerCopy({ container, key: 'x' }, never()));
    const request = await offered(session, bytesOf(size));
    const { version } = await session.provider.copy(request, never());
    const { bytes, info } = await getCopy(session, request);
    expectBytes(bytes, bytesOf(size));
    const kept = session.capabilities.write.userMetadata ? metadata : { modifiedAt: metadata.modifiedAt };
    expect(info).toMatchObject({ version, metadata: kept });
    expect(info.metadata.user.of).toBeUndefined();
    // Once more: a lost answer does no harm.
    await session.provider.copy(request, never());
    expectBytes((await getCopy(session, request)).bytes, bytesOf(size));
  });

  it.each(['große + datei (1)%41?.txt', 'a//b', "quote's & <tag>"])(
    'are made of and under the name %j',
    async (name) => {
      const session = current();
      if (session.capabilities.copy === null) return;
      try {
        session.provider.checkName(name);
      } catch {
        return;
      }
      const request = { ...(await offered(session, bytesOf(10), name)), key: `copy of ${name}` };
      await session.provider.copy(request, never());
      expectBytes((await getCopy(session, request)).bytes, bytesOf(10));
    },
  );

  it('fail when the source has changed since it was offered, or is gone, and leave what was there', async () => {
    const session = current();
    if (session.capabilities.copy === null) return;
    const source = freshKey('source');
    const request = { ...(await offered(session, bytesOf(1000), source)), container };
    await put(session, request.key, bytesOf(5));
    await put(session, source, Buffer.alloc(1000));
    await expectCode(session.provider.copy(request, never()), 'OBJECT_CHANGED');
    await session.provider.deleteObjects({ container, keys: [source] }, never());
    await expectCode(session.provider.copy(request, never()), 'OBJECT_CHANGED');
    expectBytes(await get(session, request.key), bytesOf(5));
  });

  it('are not offered of what is gone or has changed', async () => {
    const session = current();
    if (session.capabilities.copy === null) return;
    const key = freshKey('source');
    await expectCode(session.provider.offerCopy({ container, key }, never()), 'OBJECT_NOT_FOUND');
    const { version: pin } = await put(session, key, bytesOf(10));
    await put(session, key, bytesOf(11));
    await expectCode(session.provider.offerCopy({ container, key, pin }, never()), 'OBJECT_CHANGED');
  });

  it('are held to preconditions, or refuse to have any', async () => {
    const session = current();
    const { copy } = session.capabilities;
    if (copy === null) return;
    const request = { ...(await offered(session, bytesOf(10))), precondition: { ifAbsent: true } } as const;
    if (!copy.conditional) return expectRefusal(session.provider.copy(request, never()));
    const { version } = await session.provider.copy(request, never());
    await expectCode(session.provider.copy(request, never()), 'PRECONDITION_FAILED');
    await session.provider.copy({ ...request, precondition: { ifMatch: version } }, never());
    const stale = { ...request, precondition: { ifMatch: { etag: '"0123456789abcdef0123456789abcdef"' } } };
    await expectCode(session.provider.copy(stale, never()), 'PRECONDITION_FAILED');
  });

  it('refuse what is at another store, of another kind of cloud, or too large', async () => {
    const session = current();
    const { copy } = session.capabilities;
    if (copy === null) return expectRefusal(session.provider.copy(foreignCopy(session, { key: 'x' }), never()));
    const request = await offered(session, bytesOf(10));
    const { offer } = request;
    const other = offer.scheme === 'dropbox' ? 's3' : 'dropbox';
    await expectRefusal(session.provider.copy({ ...request, offer: { ...offer, scheme: other } }, never()));
    await expectRefusal(session.provider.copy({ ...request, offer: { ...offer, store: 'elsewhere' } }, never()));
    const large = { ...request, offer: { ...offer, sizeBytes: copy.maxBytes + 1 } };
    await expectCode(session.provider.copy(large, never()), 'OBJECT_TOO_LARGE');
    expect(await isThere(session, request.key)).toBe(false);
  });

  it('are made by another account that may read the source', async () => {
    const session = current();
    const { otherCredentials } = session.fixture;
    if (session.capabilities.copy === null || otherCredentials === undefined) return;
    const other = session.open({ credentials: otherCredentials(session.endpoint) });
    const request = await offered(session, bytesOf(100_000));
    await other.copy(request, never());
    expectBytes((await getCopy(session, request)).bytes, bytesOf(100_000));
  });
}

function ingesting(current: Current): void {
  let source: Server | undefined;
  afterEach(() => source?.closeAllConnections());

  /** Serves bytes as a cloud would by a URL; `spoil` makes it misbehave. */
  async function serve(bytes: Buffer, spoil?: 'missing' | 'cut'): Promise<string> {
    source = createServer((request, response) => {
      if (spoil === 'missing') return response.writeHead(404).end();
      const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
      const start = Number(first ?? 0);
      const end = last ? Math.min(Number(last) + 1, bytes.length) : bytes.length;
      const headers = { 'content-length': end - start, 'content-type': 'text/x-source', etag: '"source"' };
      const range = { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` };
      response.writeHead(first === undefined ? 200 : 206, first === undefined ? headers : { ...headers, ...range });
      if (spoil === 'cut') return response.write(bytes.subarray(start, (start + end) >> 1), () => response.destroy());
      return response.end(bytes.subarray(start, end));
    });
    source.listen(0, '127.0.0.1');
    await once(source, 'listening');
    source.unref();
    return `http://127.0.0.1:${(source.address() as AddressInfo).port}/object?signature=a%2Bb`;
  }

  function vouched(bytes: Buffer): Digests {
    const digest = createDigest(['md5', 'crc32c', 'sha256', 'dropbox']);
    digest.update(bytes);
    return digest.digest();
  }

  const fetched = (session: Session, key: string, url: string, bytes: Buffer, digests: Digests = {}) =>
    session.provider.ingest({ container, key, url, sizeBytes: bytes.length, metadata, digests }, never());

  it.each([
    [0, true],
    [1, true],
    [700_000, true],
    [700_000, false],
  ])('keeps %i bytes (digests: %s), and has the metadata that was asked for', async (size, hasDigests) => {
    const session = current();
    const [key, bytes] = [freshKey('ingest'), bytesOf(size)];
    const ingesting = fetched(session, key, await serve(bytes), bytes, hasDigests ? vouched(bytes) : {});
    if (session.capabilities.ingest === null) return expectRefusal(ingesting);
    const { version } = await ingesting;
    expectBytes(await get(session, key), bytes);
    const info = await session.provider.stat({ container, key }, never());
    expect(info.version).toEqual(version);
    if (session.capabilities.write.contentHeaders) expect(info.metadata).toEqual(metadata);
  });

  it('leaves nothing of a source that is gone, ends too early, or is not what it was said to be', async () => {
    const session = current();
    if (session.capabilities.ingest === null) return;
    const bytes = bytesOf(300_000);
    const cases = [
      [await serve(bytes, 'missing'), bytes, /^(ENDPOINT_UNREACHABLE|OBJECT_NOT_FOUND)$/],
      [await serve(bytes, 'cut'), bytes, /^(ENDPOINT_UNREACHABLE|PROVIDER_UNAVAILABLE)$/],
      [await serve(Buffer.alloc(300_000)), bytes, /^CHECKSUM_MISMATCH$/],
    ] as const;
    for (const [url, expected, codes] of cases) {
      const key = freshKey('ingest');
      const error = await fetched(session, key, url, expected, vouched(expected)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(AppError);
      expect((error as AppError).code).toMatch(codes);
      // The URL is a credential.
      expect((error as AppError).message).not.toContain('signature');
      expect(await isThere(session, key)).toBe(false);
    }
  });

  it('is held to preconditions, or refuses to have any', async () => {
    const session = current();
    const { ingest } = session.capabilities;
    if (ingest === null) return;
    const [key, bytes] = [freshKey('ingest'), bytesOf(1000)];
    const url = await serve(bytes);
    const request = { container, key, url, sizeBytes: bytes.length, metadata: noMetadata };
    for (const digests of [{}, vouched(bytes)]) {
      const once = { ...request, key: freshKey('ingest'), digests, precondition: { ifAbsent: true } } as const;
      if (!ingest.conditional) {
        await expectRefusal(session.provider.ingest(once, never()));
        continue;
      }
      await session.provider.ingest(once, never());
      await expectCode(session.provider.ingest(once, never()), 'PRECONDITION_FAILED');
    }
  });
}

function presigning(current: Current): void {
  it('open it to anybody, whole and in part, until they expire', async () => {
    const session = current();
    const key = freshKey("url 'ü' + (1)%");
    const { presign } = session.capabilities;
    const request = { container, key, expiresInMs: 60_000 };
    if (presign === null) return expectRefusal(session.provider.presign(request, never()));
    const { version: pin } = await put(session, key, bytesOf(10_000));
    const url = await session.provider.presign({ ...request, pin }, never());
    expectBytes(Buffer.from(await (await fetch(url)).arrayBuffer()), bytesOf(10_000));
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    expectBytes(Buffer.from(await part.arrayBuffer()), bytesOf(10_000).subarray(10, 20));
    for (const method of ['PUT', 'DELETE']) {
      const refused = await fetch(url, { method });
      await refused.arrayBuffer();
      expect(refused.status).toBeGreaterThanOrEqual(400);
    }
    const brief = await session.provider.presign({ ...request, expiresInMs: 1000 }, never());
    const status = async () => {
      const response = await fetch(brief);
      await response.arrayBuffer();
      return response.status;
    };
    await expect.poll(status, { timeout: 10_000, interval: 200 }).toBe(403);
  });

  it('live no longer than is declared, and longer than nothing', async () => {
    const { provider, capabilities } = current();
    if (capabilities.presign === null) return;
    const { maxExpiresMs } = capabilities.presign;
    const location = { container, key: 'x' };
    await provider.presign({ ...location, expiresInMs: maxExpiresMs }, never());
    for (const expiresInMs of [maxExpiresMs + 1000, 0, -1]) {
      await expectCode(provider.presign({ ...location, expiresInMs }, never()), 'INVALID_INPUT');
    }
  });
}

function folders(current: Current): void {
  it('are made, twice without harm, and seen as folders by their parent', async () => {
    const { provider } = current();
    const parent = `${freshKey('folders')}/`;
    for (const name of ['empty/', 'große/', 'empty/'])
      await provider.createFolder({ container, key: parent + name }, never());
    const { items } = await provider.list({ container, prefix: parent, delimiter: '/' }, never());
    expect(items.map(({ kind, key }) => `${kind} ${key.slice(parent.length)}`).sort()).toEqual([
      'folder empty/',
      'folder große/',
    ]);
    const inside = await provider.list({ container, prefix: `${parent}empty/`, delimiter: '/' }, never());
    expect(inside.items).toEqual([]);
  });

  it('keep what is in them when they are made again', async () => {
    const session = current();
    const folder = `${freshKey('folders')}/`;
    await session.provider.createFolder({ container, key: folder }, never());
    await put(session, `${folder}file`, bytesOf(10));
    await session.provider.createFolder({ container, key: folder }, never());
    expectBytes(await get(session, `${folder}file`), bytesOf(10));
  });

  it('have names that end in a slash', async () => {
    await expectCode(current().provider.createFolder({ container, key: 'no-slash' }, never()), 'INVALID_INPUT');
  });
}
