import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { createDigest } from '../digest.ts';
import type { Digests } from '../digest-algorithm.ts';
import {
  bytesOf,
  type Current,
  container,
  expectBytes,
  expectCode,
  expectRefusal,
  freshKey,
  get,
  copiedMetadata as metadata,
  never,
  noMetadata,
  type Session,
} from './fixture.ts';
import { isThere } from './uploads.ts';

export function ingestion(current: Current): void {
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

  it('has the tags that were asked for, whole and by blocks', async () => {
    const session = current();
    if (session.capabilities.ingest === null || session.capabilities.tags === null) return;
    const bytes = bytesOf(1000);
    for (const digests of [{}, vouched(bytes)]) {
      const [key, url] = [freshKey('ingest'), await serve(bytes)];
      const tagged = { user: {}, tags: { 'fetched by': 'the cloud' } };
      const request = { container, key, url, sizeBytes: bytes.length, metadata: tagged, digests };
      await session.provider.ingest(request, never());
      expect(await session.provider.readTags({ container, key }, never())).toEqual(tagged.tags);
    }
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
