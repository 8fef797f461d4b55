import { AppError } from '../../../core/errors.ts';
import type { PlanPlace } from '../../../queue/plan-checkpoint.ts';
import type { Entry } from '../../../storage/provider.ts';
import { compareKeys } from './key-order.ts';
import { type FetchPage, type Listed, Listing } from './listing.ts';
import { Spool } from './spool.ts';

/** What both sides have under one name; never nothing on both. */
export interface Match {
  /** The name at the destination. */
  key: string;
  source: Listed | null;
  destination: Entry | null;
  /** Key of the object of the source that goes to the same name, as the destination tells names apart, and comes first. */
  rival?: string;
}

/** A stretch of a section, and the place behind it; null: it was the last. */
export interface Chunk {
  matches: Match[];
  next: Omit<PlanPlace, 'path'> | null;
}

/** Both sides of a section in one stream, in flat memory whatever its length. */
export interface Matches {
  /** Rejects with what a listing failed with. Not called again after the last chunk. */
  next(): Promise<Chunk>;
  close(): Promise<void>;
  /** Whether planning can go on from the place behind a chunk without doing again what was done. */
  readonly isResumable: boolean;
}

const defaultChunk = 1_000;
/** Postgres keeps no U+0000: a place is never behind such a name. */
const isPlace = (key: string | undefined) => key !== undefined && !key.includes('\0');

export interface MatchesOptions {
  place: Omit<PlanPlace, 'path'>;
  fetchSource: FetchPage;
  /** Name at the destination of an object of the source. */
  keyOf(sourceKey: string): string;
  /** Matches of a chunk, where listings have no say. Default: 1,000. */
  chunkMatches?: number;
}

/** The source alone, page by page: what is at the destination does not matter. `isResumable`: as is its listing. */
export function sourceMatches({ place, fetchSource, keyOf }: MatchesOptions, isResumable = true): Matches {
  const listing = new Listing(fetchSource, place.cursor);
  return {
    isResumable,
    async next() {
      await listing.load();
      const matches = listing.rest.map((source): Match => ({ key: keyOf(source.key), source, destination: null }));
      listing.skip(matches.length);
      const cursor = listing.nextCursor;
      return { matches, next: cursor === null ? null : { cursor, destinationCursor: null, after: null } };
    },
    close: async () => {},
  };
}

/** Both sides as they are listed, where both come in the order of bytes and names are told apart by bytes. */
export function mergedMatches(options: MatchesOptions & { fetchDestination: FetchPage }): Matches {
  const { place, keyOf, chunkMatches = defaultChunk } = options;
  const source = new Listing(options.fetchSource, place.cursor);
  const destination = new Listing(options.fetchDestination, place.destinationCursor);
  const isBehind = (key: string) => place.after !== null && compareKeys(key, place.after) <= 0;
  const inOrder = { source: ordered(), destination: ordered() };
  return {
    isResumable: true,
    async next() {
      const matches: Match[] = [];
      let last = place.after;
      while (matches.length < chunkMatches || !isPlace(matches.at(-1)?.key)) {
        if (source.current === undefined) await source.load();
        if (destination.current === undefined) await destination.load();
        const [left, right] = [source.current, destination.current];
        if (left === undefined && right === undefined) return { matches, next: null };
        const key = left === undefined ? undefined : keyOf(left.key);
        const order =
          key === undefined || left === undefined ? 1 : right === undefined ? -1 : compareKeys(key, right.key);
        if (order <= 0) {
          inOrder.source(key as string);
          source.skip();
        }
        if (order >= 0) {
          inOrder.destination((right as Entry).key);
          destination.skip();
        }
        const match: Match = {
          key: order <= 0 ? (key as string) : (right as Entry).key,
          source: order <= 0 ? (left ?? null) : null,
          destination: order >= 0 ? (right ?? null) : null,
        };
        if (isBehind(match.key)) continue;
        matches.push(match);
        last = match.key;
      }
      return { matches, next: { cursor: source.cursor, destinationCursor: destination.cursor, after: last } };
    },
    close: async () => {},
  };
}

/**
 * Holds a listing to its order, key by key: ENDPOINT_INVALID for one that breaks it, or has a key twice. Merged with the
 * other side, an object in the wrong place would count as one that only this side has, and a mirror would delete it.
 */
function ordered(): (key: string) => void {
  let last: string | undefined;
  return (key) => {
    if (last !== undefined && compareKeys(last, key) >= 0) {
      throw new AppError('ENDPOINT_INVALID', 'The endpoint does not list names in the order that it did when checked.');
    }
    last = key;
  };
}

/** Both sides sorted on disk by `canonicalOf` their names, where an order is not proven or names fold. */
export function sortedMatches(
  options: MatchesOptions & { fetchDestination: FetchPage; canonicalOf(key: string): string },
): Matches {
  const { place, keyOf, canonicalOf, chunkMatches = defaultChunk } = options;
  const spools: Spool[] = [];
  let groups: AsyncGenerator<Match[]> | undefined;
  const spool = async (fetch: FetchPage, nameOf: (key: string) => string) => {
    const sorted = new Spool();
    spools.push(sorted);
    const listing = new Listing(fetch, null);
    for (await listing.load(); listing.current !== undefined; await listing.load()) {
      for (const entry of listing.rest) {
        const sortKey = canonicalOf(nameOf(entry.key));
        if (place.after === null || compareKeys(sortKey, place.after) > 0) await sorted.add({ sortKey, entry });
      }
      listing.skip(listing.rest.length);
    }
    return sorted.sorted();
  };
  const begin = async () => {
    const source = await spool(options.fetchSource, keyOf);
    return grouped(source, await spool(options.fetchDestination, (key) => key), keyOf);
  };
  return {
    isResumable: false,
    async next() {
      groups ??= await begin();
      const matches: Match[] = [];
      while (matches.length < chunkMatches || !isPlace(matches.at(-1)?.key)) {
        const { value, done } = await groups.next();
        if (done) return { matches, next: null };
        matches.push(...value);
      }
      const after = canonicalOf((matches.at(-1) as Match).key);
      return { matches, next: { cursor: null, destinationCursor: null, after } };
    },
    async close() {
      await Promise.all(spools.map((one) => one.close()));
    },
  };
}

type Sorted = ReturnType<Spool['sorted']>;

/** What both sides have under each canonical name. The first object of the source takes what is there. */
async function* grouped(
  sources: Sorted,
  destinations: Sorted,
  keyOf: (key: string) => string,
): AsyncGenerator<Match[]> {
  const take = async (from: Sorted) => {
    const { value, done } = await from.next();
    return done ? undefined : value;
  };
  let [left, right] = [await take(sources), await take(destinations)];
  while (left !== undefined || right !== undefined) {
    const name =
      left === undefined || (right !== undefined && compareKeys(right.sortKey, left.sortKey) < 0)
        ? (right as { sortKey: string }).sortKey
        : left.sortKey;
    const matches: Match[] = [];
    let taken: Entry | null = null;
    for (; right?.sortKey === name; right = await take(destinations)) {
      if (taken === null) taken = right.entry;
      else matches.push({ key: right.entry.key, source: null, destination: right.entry });
    }
    let [first, isMet]: [string | null, boolean] = [null, false];
    for (; left?.sortKey === name; left = await take(sources)) {
      const { entry } = left;
      const match: Match = { key: keyOf(entry.key), source: entry, destination: first === null ? taken : null };
      matches.push(first === null ? match : { ...match, rival: first });
      isMet = true;
      // A folder that is there for what is in it is in nobody's way.
      if (!entry.isFilled) first ??= entry.key;
    }
    if (!isMet && taken !== null) matches.unshift({ key: taken.key, source: null, destination: taken });
    yield matches;
  }
}
