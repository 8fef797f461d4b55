import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '../../../core/errors.ts';
import { FoldersLast } from './folders.ts';
import type { FetchPage, Listed } from './listing.ts';

const entry = (key: string): Listed => ({
  kind: key.endsWith('/') ? 'folder' : 'file',
  key,
  sizeBytes: 0,
  modifiedAt: null,
  version: null,
  digests: {},
  storageClass: null,
});

/** A listing of three entries a page. */
function listing(keys: readonly string[]): { fetch: FetchPage; asked: (string | null)[] } {
  const asked: (string | null)[] = [];
  return {
    asked,
    async fetch(cursor) {
      asked.push(cursor);
      const from = Number(cursor ?? 0);
      const items = keys.slice(from, from + 3).map(entry);
      return { items, nextCursor: from + 3 < keys.length ? String(from + 3) : null };
    },
  };
}

/** What comes from a cursor on, through as many processes as there are pages where each dies behind one. */
async function readAll(fetch: FetchPage, { isMortal }: { isMortal: boolean }): Promise<Listed[]> {
  const found: Listed[] = [];
  const open = () => new FoldersLast(fetch, (key) => key.toLowerCase());
  let pages = open();
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<FetchPage>> = await pages.fetch(cursor);
    found.push(...page.items);
    cursor = page.nextCursor;
    if (!isMortal) continue;
    await pages.close();
    pages = open();
  } while (cursor !== null);
  await pages.close();
  return found;
}

const names = ['a/', 'a/b', 'a/c/', 'A/c/d', 'a-b/', 'a/c-d/', 'e/', 'e/f/', 'e/f/g/h', 'i', 'J/', 'j/k/l/'];

test('folders come behind all objects, each with whether something is in it, whatever the order', async () => {
  const orders = fc.shuffledSubarray(names);
  await fc.assert(
    fc.asyncProperty(orders, fc.boolean(), async (keys, isMortal) => {
      const found = await readAll(listing(keys).fetch, { isMortal });
      const isFolder = (key: string) => key.endsWith('/');
      const isFilled = (folder: string) =>
        keys.some((key) => key !== folder && key.toLowerCase().startsWith(folder.toLowerCase()));
      expect(found.slice(0, -keys.filter(isFolder).length || undefined).map(({ key }) => key)).toEqual(
        keys.filter((key) => !isFolder(key)),
      );
      const told = found.filter(({ key }) => isFolder(key)).map((one) => [one.key, one.isFilled]);
      expect(Object.fromEntries(told)).toEqual(
        Object.fromEntries(keys.filter(isFolder).map((key) => [key, isFilled(key)])),
      );
      expect(told).toHaveLength(keys.filter(isFolder).length);
    }),
  );
});

test('nothing is listed twice, but by who begins in its midst', async () => {
  const whole = listing(names);
  await readAll(whole.fetch, { isMortal: false });
  expect(whole.asked).toEqual([null, '3', '6', '9']);
  const late = listing(names);
  const pages = new FoldersLast(late.fetch, (key) => key);
  const { nextCursor } = await pages.fetch('9');
  await pages.fetch(nextCursor);
  await pages.close();
  expect(late.asked).toEqual(['9', null, '3', '6', '9']);
});

test('who begins behind all objects finds nothing more where a move has taken them all', async () => {
  const gone = new AppError('OBJECT_NOT_FOUND', 'There is no such folder.');
  const whole = new FoldersLast(listing(['a/b']).fetch, (key) => key);
  const { nextCursor } = await whole.fetch(null);
  await whole.close();
  const pages = new FoldersLast(
    () => Promise.reject(gone),
    (key) => key,
  );
  expect(await pages.fetch(nextCursor)).toEqual({ items: [], nextCursor: null });
  await expect(pages.fetch(null)).rejects.toBe(gone);
  await pages.close();
});
