import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { ObjectMetadata } from '../provider.ts';
import {
  bytesOf,
  type Current,
  container,
  expectBytes,
  expectCode,
  freshKey,
  get,
  keptMetadata,
  never,
  noMetadata,
  put,
} from './fixture.ts';

export function roundTrips(current: Current): void {
  it.each([0, 1, 65_535, 65_536, 65_537, 1_048_576, 1_048_577, 3_000_000])('keeps %i bytes', async (size) => {
    const session = current();
    const key = freshKey();
    const bytes = bytesOf(size);
    await put(session, key, bytes);
    expectBytes(await get(session, key), bytes);
    expect(await session.provider.stat({ container, key }, never())).toMatchObject({ sizeBytes: size });
  });

  it('reads any range, and says how large the whole is', async () => {
    const session = current();
    const key = freshKey();
    const bytes = bytesOf(200_000);
    await put(session, key, bytes);
    for (const [start, end] of [
      [0, 1],
      [0, 200_000],
      [199_999, 200_000],
      [65_536, 131_072],
      [7, 7],
    ] as const) {
      const { stream, info } = await session.provider.read({ container, key, range: { start, end } }, never());
      expectBytes(await buffer(stream), bytes.subarray(start, end));
      expect(info.sizeBytes).toBe(200_000);
    }
  });

  it.each([
    [0, 200_001],
    [200_000, 200_001],
    [300_000, 400_000],
  ])('fails for a range that the object does not have: %i to %i', async (start, end) => {
    const session = current();
    const key = freshKey();
    await put(session, key, bytesOf(200_000));
    await expectCode(session.provider.read({ container, key, range: { start, end } }, never()), 'OBJECT_CHANGED');
  });

  it('replaces an object', async () => {
    const session = current();
    const key = freshKey();
    const first = await put(session, key, bytesOf(1000));
    const second = await put(session, key, bytesOf(500));
    expect(second.version).not.toEqual(first.version);
    expectBytes(await get(session, key), bytesOf(500));
  });

  it('keeps content properties, user metadata and modification time', async () => {
    const session = current();
    const key = freshKey();
    const metadata: ObjectMetadata = {
      contentType: 'text/markdown; charset=utf-8',
      contentEncoding: 'gzip',
      contentLanguage: 'de',
      contentDisposition: 'attachment; filename="Größe 東京.md"',
      cacheControl: 'max-age=60',
      user: {
        plain: 'value',
        'with-dash': 'a b  c',
        under_score: '_x002d_',
        x_x002d_y: 'looks encoded',
        unicode: 'Zürich 東京 😀',
        long: 'ü'.repeat(300),
      },
      modifiedAt: new Date('2001-02-03T04:05:06.789Z'),
    };
    await put(session, key, bytesOf(10), metadata);
    const kept = keptMetadata(metadata, session.capabilities);
    expect((await session.provider.stat({ container, key }, never())).metadata).toEqual(kept);
    const { info, stream } = await session.provider.read({ container, key }, never());
    stream.destroy();
    expect(info.metadata).toEqual(kept);
  });

  it('states size, time and version alike in stat, read and list', async () => {
    const session = current();
    const key = freshKey();
    const { version } = await put(session, key, bytesOf(1234), noMetadata);
    const info = await session.provider.stat({ container, key }, never());
    const { info: read, stream } = await session.provider.read({ container, key }, never());
    stream.destroy();
    const { items } = await session.provider.list({ container, prefix: key }, never());
    expect(info.version).toEqual(version);
    // Which headers tell the storage class is the cloud's own choice.
    expect(read).toEqual({ ...info, storageClass: read.storageClass });
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({
      kind: 'file',
      key,
      sizeBytes: 1234,
      version: version.etag === undefined ? version : { etag: version.etag },
    });
    expect(Math.abs((items[0]?.modifiedAt?.getTime() ?? 0) - (info.modifiedAt?.getTime() ?? 1e15))).toBeLessThan(1000);
  });

  it('deletes many at once, and what is not there', async () => {
    const session = current();
    const prefix = `${freshKey('delete')}/`;
    const keys = ['a', 'b & <c>', '"d"', 'e\u0001f', 'g'].filter((name) => {
      try {
        session.provider.checkName(prefix + name);
        return true;
      } catch {
        return false;
      }
    });
    for (const name of keys) await put(session, prefix + name, bytesOf(1));
    const all = [...keys, 'missing'].map((name) => prefix + name);
    expect(await session.provider.deleteObjects({ container, keys: all }, never())).toEqual({ failed: [] });
    expect((await session.provider.list({ container, prefix }, never())).items).toEqual([]);
    expect(await session.provider.deleteObjects({ container, keys: [] }, never())).toEqual({ failed: [] });
  });

  it('refuses more than one request takes, before it sends any', async () => {
    const session = current();
    const sizeBytes = session.capabilities.write.singleMaxBytes + 1;
    const body = { sizeBytes, source: [], digest: () => '' };
    const writing = session.provider.write({ container, key: freshKey(), body, metadata: noMetadata }, never());
    await expectCode(writing, 'OBJECT_TOO_LARGE');
  });
}
