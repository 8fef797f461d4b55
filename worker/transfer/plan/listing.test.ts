import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry } from '../../../storage/provider.ts';
import { Listing, maxEmptyPages } from './listing.ts';

/** Passes over a listing of empty pages to its end. Resolves to the number of pages that were asked for. */
async function readThrough(next: (page: number) => number | null): Promise<number> {
  let pages = 0;
  const listing = new Listing(async (cursor) => {
    pages += 1;
    const following = next(Number(cursor ?? 0));
    return { items: [], nextCursor: following === null ? null : String(following) };
  }, null);
  await listing.load().catch((error: unknown) => {
    expect(error).toMatchObject({ code: 'ENDPOINT_INVALID' });
    pages = -pages;
  });
  return pages;
}

test('a listing that goes in a circle, of whatever length and wherever it begins, fails before long', async () => {
  const sizes = fc.record({ before: fc.integer({ min: 0, max: 60 }), circle: fc.integer({ min: 1, max: 60 }) });
  await fc.assert(
    fc.asyncProperty(sizes, async ({ before, circle }) => {
      const last = before + circle - 1;
      const pages = await readThrough((page) => (page === last ? before : page + 1));
      expect(pages).toBeLessThan(0);
      expect(-pages).toBeLessThanOrEqual(3 * (before + circle) + 3);
    }),
  );
});

test('a listing whose pages go on for ever with nothing on them, each with a new cursor, fails', async () => {
  expect(await readThrough((page) => page + 1)).toBe(-(maxEmptyPages + 1));
});

test('empty pages between others do not add up', async () => {
  const listing = new Listing(async (cursor) => {
    const page = Number(cursor ?? 0);
    const items = page % maxEmptyPages === 0 ? [{ key: `${page}` } as Entry] : [];
    return { items, nextCursor: page === 2 * maxEmptyPages ? null : String(page + 1) };
  }, null);
  const keys: string[] = [];
  for (await listing.load(); !listing.isEnded; await listing.load()) {
    keys.push(listing.current?.key ?? '');
    listing.skip();
  }
  expect(keys).toEqual(['0', `${maxEmptyPages}`, `${2 * maxEmptyPages}`]);
});

test('a listing of many pages comes to its end', async () => {
  expect(await readThrough((page) => (page === 999 ? null : page + 1))).toBe(1_000);
});
