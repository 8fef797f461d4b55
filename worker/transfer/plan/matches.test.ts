import { readdir, readlink } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry } from '../../../storage/provider.ts';
import { compareKeys } from './key-order.ts';
import type { FetchPage } from './listing.ts';
import { type Chunk, type Match, type Matches, mergedMatches, sortedMatches } from './matches.ts';

const entry = (key: string): Entry => ({
  kind: 'file',
  key,
  sizeBytes: 1,
  modifiedAt: new Date(0),
  version: { etag: key },
  digests: {},
  storageClass: null,
});

/** A listing of these keys in pages; its cursors are offsets. */
function listing(keys: readonly string[], pageSize: number): FetchPage {
  return async (cursor) => {
    const from = Number(cursor ?? 0);
    const to = from + pageSize;
    return { items: keys.slice(from, to).map(entry), nextCursor: to < keys.length ? String(to) : null };
  };
}

const start = { cursor: null, destinationCursor: null, after: null };
const shown = ({ source, destination, rival }: Match) => [
  source?.key ?? null,
  destination?.key ?? null,
  rival !== undefined,
];

/** Reads chunk by chunk; `reopen` gives a reader that goes on behind one. */
async function readAll(open: (place: NonNullable<Chunk['next']>) => Matches, reopen: boolean): Promise<Match[]> {
  const found: Match[] = [];
  let matches = open(start);
  for (;;) {
    const chunk = await matches.next();
    found.push(...chunk.matches);
    if (chunk.next === null) break;
    if (!reopen) continue;
    await matches.close();
    matches = open(chunk.next);
  }
  await matches.close();
  return found;
}

const keys = fc.uniqueArray(fc.stringMatching(/^[ab/\uFF61\u{1F600}]{1,4}$/u), { maxLength: 60 });
const sides = fc.record({
  source: keys,
  destination: keys,
  pageSize: fc.integer({ min: 1, max: 7 }),
  reopen: fc.boolean(),
});

test('both sides meet under each name once, whatever the pages, and wherever planning goes on', async () => {
  await fc.assert(
    fc.asyncProperty(sides, async ({ source, destination, pageSize, reopen }) => {
      const expected = [...new Set([...source, ...destination])]
        .sort(compareKeys)
        .map((key) => [source.includes(key) ? key : null, destination.includes(key) ? key : null, false]);
      const options = (ordered: (list: string[]) => string[]) => ({
        fetchSource: listing(ordered(source), pageSize),
        fetchDestination: listing(ordered(destination), pageSize),
        keyOf: (key: string) => key,
        chunkMatches: 5,
      });
      const inOrder = options((list) => list.toSorted(compareKeys));
      const merged = await readAll((place) => mergedMatches({ ...inOrder, place }), reopen);
      expect(merged.map(shown)).toEqual(expected);
      const asListed = options((list) => list);
      const sorted = await readAll((place) => sortedMatches({ ...asListed, place, canonicalOf: (key) => key }), reopen);
      expect(sorted.map(shown)).toEqual(expected);
    }),
  );
});

test.each([
  ['source', { source: ['b', 'a'], destination: ['a', 'b'] }],
  ['destination', { source: ['a', 'b'], destination: ['b', 'a'] }],
])('a %s that is not listed in the order it promised is refused, before anything counts as extra', async (_, sides) => {
  const matches = mergedMatches({
    place: start,
    fetchSource: listing(sides.source, 1),
    fetchDestination: listing(sides.destination, 1),
    keyOf: (key) => key,
  });
  await expect(matches.next()).rejects.toMatchObject({ code: 'ENDPOINT_INVALID' });
});

test('where case folds, the first object takes the name and others clash', async () => {
  const matches = sortedMatches({
    place: start,
    fetchSource: listing(['a', 'B', 'A'], 2),
    fetchDestination: listing(['b', 'C'], 2),
    keyOf: (key) => key,
    canonicalOf: (key) => key.toLowerCase(),
  });
  const { matches: found } = await matches.next();
  await matches.close();
  expect(found.map(shown)).toEqual([
    ['a', null, false],
    ['A', null, true],
    ['B', 'b', false],
    [null, 'C', false],
  ]);
});

test('a sort that is given up half-way leaves no file open', async () => {
  const many = Array.from({ length: 45_000 }, (_, index) => String(index));
  const matches = sortedMatches({
    place: start,
    fetchSource: listing(many, 1_000),
    fetchDestination: listing(many, 1_000),
    keyOf: (key) => key,
    canonicalOf: (key) => key,
  });
  const openFiles = async () => {
    const descriptors = await readdir('/proc/self/fd');
    const paths = await Promise.all(descriptors.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
    return paths.filter((path) => path.includes('skyferry-plan-')).length;
  };
  await matches.next();
  expect(await openFiles()).toBe(4);
  await matches.close();
  expect(await openFiles()).toBe(0);
});

test('a listing that is longer than memory holds at a time is sorted on disk, separators of lines in names included', async () => {
  const many = Array.from({ length: 45_000 }, (_, index) => `${(index * 7919) % 45_000}\u2028\n`);
  const matches = sortedMatches({
    place: start,
    fetchSource: listing(many, 1_000),
    fetchDestination: listing([], 1_000),
    keyOf: (key) => key,
    canonicalOf: (key) => key,
  });
  const found: string[] = [];
  for (let next: Chunk['next'] = start; next !== null; ) {
    const chunk = await matches.next();
    found.push(...chunk.matches.map(({ key }) => key));
    next = chunk.next;
  }
  await matches.close();
  expect(found).toEqual(many.toSorted(compareKeys));
});
