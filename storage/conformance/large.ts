import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { bufferedBody } from '../digest.ts';
import type { PartReceipt, StorageProvider } from '../provider.ts';
import { bodyOf, bytesOf, type Current, container, freshKey, never, noMetadata, type Session } from './fixture.ts';

const MiB = 1024 * 1024;
const writers = 32;

async function writeMany(session: Session, keys: readonly string[]): Promise<void> {
  const waiting = keys.values();
  const { singleDigest } = session.capabilities.write;
  const digest = singleDigest === null ? [] : [singleDigest];
  const write = async () => {
    for (const key of waiting) {
      const body = bufferedBody([bytesOf(1)], digest);
      await session.provider.write({ container, key, body, metadata: noMetadata }, never());
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
}

/** What shows only with many objects, or with large ones. */
export function large(current: Current, patience: number): void {
  it(
    'lists thousands of keys, each once, also when each page is asked for by another process, and deletes many',
    async () => {
      const session = current();
      const prefix = `${freshKey('many')}/`;
      const many = session.manyKeys;
      // The order of writing is none of the orders that a listing could have.
      const keys = Array.from(
        { length: many },
        (_, index) => `${prefix}${String((index * 7919) % many).padStart(5, '0')}`,
      );
      await writeMany(session, keys);
      const listed: string[] = [];
      const readers = [session.provider, session.open()] as const;
      let cursor: string | null | undefined;
      for (let page = 0; cursor !== null; page++) {
        const reader = readers[page % 2] as StorageProvider;
        const answer = await reader.list(
          { container, prefix, limit: many / 4, ...(cursor ? { cursor } : {}) },
          never(),
        );
        expect(answer.items.length).toBeLessThanOrEqual(session.capabilities.listing.maxPageSize);
        listed.push(...answer.items.map(({ key }) => key));
        cursor = answer.nextCursor;
      }
      const sorted = keys.toSorted();
      expect(listed.toSorted()).toEqual(sorted);
      if (session.capabilities.listing.order === 'bytes') expect(listed).toEqual(sorted);

      const deleted = Math.min(session.deletedKeys, many / 2);
      const some = sorted.slice(0, deleted);
      expect(await session.provider.deleteObjects({ container, keys: some }, never())).toEqual({ failed: [] });
      const { items } = await session.provider.list({ container, prefix, limit: 1 }, never());
      expect(sorted.slice(deleted)).toContain(items[0]?.key);
    },
    120_000 * patience,
  );

  it(
    'keeps 100 MiB that came in parts, several at a time',
    async () => {
      const session = current();
      const { partMinBytes, partMaxBytes, partMultipleBytes } = session.capabilities.write;
      const wanted = Math.min(Math.max(12 * MiB, partMinBytes), partMaxBytes);
      const partBytes = Math.max(1, Math.floor(wanted / partMultipleBytes)) * partMultipleBytes;
      const sizeBytes = 100 * MiB + 3;
      const key = freshKey('large');
      // Each part begins elsewhere in the random bytes, so that none could stand for another.
      const partOf = (number: number) => {
        const length = Math.min(partBytes, sizeBytes - (number - 1) * partBytes);
        return bytesOf(length + number).subarray(0, length);
      };
      const numbers = Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, index) => index + 1);
      const upload = await session.provider.beginUpload({ container, key, sizeBytes, metadata: noMetadata }, never());
      const last = session.capabilities.write.lastPartCloses ? numbers.slice(-1) : [];
      const waiting = numbers
        .slice(0, numbers.length - last.length)
        .toReversed()
        .values();
      const parts: PartReceipt[] = [];
      const send = async (these: Iterable<number> = waiting) => {
        for (const partNumber of these) {
          const body = bodyOf(partOf(partNumber), session.capabilities);
          const offset = (partNumber - 1) * partBytes;
          parts.push(await session.provider.putPart({ session: upload, partNumber, offset, body }, never()));
        }
      };
      await Promise.all([send(), send(), send()]);
      await send(last);
      parts.sort((a, b) => a.partNumber - b.partNumber);
      await session.provider.completeUpload({ session: upload, parts, digests: {} }, never());

      const expected = createHash('sha1');
      for (const number of numbers) expected.update(partOf(number));
      const actual = createHash('sha1');
      const { stream, info } = await session.provider.read({ container, key }, never());
      for await (const chunk of stream) actual.update(chunk as Buffer);
      expect(info.sizeBytes).toBe(sizeBytes);
      expect(actual.digest('hex')).toBe(expected.digest('hex'));
    },
    120_000 * patience,
  );
}
