import { describe, expect, it } from 'vitest';
import { toByteString } from '../keys.ts';
import { listKeys } from './listing.ts';
import { OrderedKeys } from './ordered-keys.ts';

/** A small generator of repeatable pseudo-random numbers below `limit`. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function randomKey(next: (limit: number) => number): string {
  // Characters whose order in UTF-16 and in UTF-8 differs are among them.
  const alphabet = ['a', 'B', '/', '-', '0', 'é', '\uff41', '\u{1f600}', '\u{10ffff}', '\x01'];
  return Array.from({ length: 1 + next(6) }, () => alphabet[next(alphabet.length)]).join('');
}

function readAll(keys: OrderedKeys, from = ''): string[] {
  const cursor = keys.cursor(from);
  const found: string[] = [];
  for (let key = cursor.next(); key !== undefined; key = cursor.next()) {
    found.push(key);
  }
  return found;
}

describe('OrderedKeys', () => {
  it('agrees with a sorted set under random insertions and deletions', () => {
    const next = generator(7);
    const keys = new OrderedKeys();
    const model = new Set<string>();
    for (let step = 0; step < 20_000; step += 1) {
      const key = toByteString(randomKey(next));
      if (next(3) === 0) {
        keys.delete(key);
        model.delete(key);
      } else {
        keys.add(key);
        model.add(key);
      }
    }
    expect(keys.size).toBe(model.size);
    const sorted = [...model].map((key) => Buffer.from(key, 'latin1')).sort(Buffer.compare);
    expect(readAll(keys)).toEqual(sorted.map((key) => key.toString('latin1')));
  });

  it('keeps keys that arrive in order, and finds any starting point among them', () => {
    const keys = new OrderedKeys();
    const names = Array.from({ length: 5000 }, (_, index) => String(index).padStart(5, '0'));
    for (const name of names) {
      keys.add(name);
    }
    expect(readAll(keys)).toEqual(names);
    expect(readAll(keys, '02500x')).toEqual(names.slice(2501));
    expect(readAll(keys, '05000')).toEqual([]);
  });
});

describe('OrderedKeys without some of its keys', () => {
  it('stays in order when whole stretches are deleted and filled again', () => {
    const keys = new OrderedKeys();
    const names = Array.from({ length: 5000 }, (_, index) => String(index).padStart(5, '0'));
    for (const name of names) {
      keys.add(name);
    }
    for (const name of names.slice(500, 4000)) {
      keys.delete(name);
    }
    expect(readAll(keys)).toEqual([...names.slice(0, 500), ...names.slice(4000)]);
    expect(readAll(keys, '00500')).toEqual(names.slice(4000));
    for (const name of names.slice(1000, 3000).reverse()) {
      keys.add(name);
    }
    expect(readAll(keys)).toEqual([...names.slice(0, 500), ...names.slice(1000, 3000), ...names.slice(4000)]);
  });
});

describe('listKeys', () => {
  /** The rules of API_ListObjectsV2, applied to all keys one by one. */
  function naive(all: readonly string[], prefix: string, delimiter: string, after: string): string[] {
    const entries = all
      .filter((key) => key.startsWith(prefix) && key > after)
      .map((key) => {
        const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
        return at < 0 ? key : key.slice(0, at + delimiter.length);
      });
    return [...new Set(entries)].filter((entry) => entry > after);
  }

  it.each([1, 2, 3, 7, 1000])(
    'pages of %i entries agree with a naive listing, whatever prefix and delimiter',
    (maximum) => {
      const next = generator(maximum);
      const keys = new OrderedKeys();
      const all = new Set<string>();
      for (let index = 0; index < 1500; index += 1) {
        const key = toByteString(randomKey(next));
        keys.add(key);
        all.add(key);
      }
      const sorted = [...all].sort();
      for (const prefix of ['', 'a', 'a/', toByteString('é'), 'zz', '/']) {
        for (const delimiter of ['', '/', toByteString('\u{1f600}'), 'a/']) {
          const found: string[] = [];
          let after = '';
          for (;;) {
            const page = listKeys(keys, { prefix, delimiter, after, maximum });
            found.push(...[...page.keys, ...page.commonPrefixes].sort());
            expect(page.keys.length + page.commonPrefixes.length).toBeLessThanOrEqual(maximum);
            if (!page.isTruncated) {
              break;
            }
            after = page.last as string;
          }
          expect(found).toEqual(naive(sorted, prefix, delimiter, ''));
        }
      }
    },
  );

  it('starts after any marker, inside of a group too', () => {
    const keys = new OrderedKeys();
    const all = ['a', 'b/1', 'b/2', 'b/3', 'b0', 'c/1', 'd'];
    for (const key of all) {
      keys.add(key);
    }
    for (const after of ['', 'a', 'b', 'b/', 'b/2', 'b/9', 'b0', 'c/', 'd', 'e']) {
      const page = listKeys(keys, { prefix: '', delimiter: '/', after, maximum: 1000 });
      expect([...page.keys, ...page.commonPrefixes].sort()).toEqual(naive(all, '', '/', after));
    }
  });
});
