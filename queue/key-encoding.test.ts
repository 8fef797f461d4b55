import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeKey, encodeKey } from './key-encoding.ts';

/** As Dropbox has it, roughly: no empty names, no \, no control characters, no space or dot at an end. */
const isAllowed = (key: string) =>
  key
    .replace(/\/$/, '')
    .split('/')
    .every((name) => name !== '' && !/^\.{1,2}$|[. ]$|^ |[\p{Cc}\\"*:<>?|]/u.test(name));

test('every name is encoded so that it can be held and decoded, and no two alike', () => {
  const key = fc.stringMatching(/^[a/. %\\:0-9A-F\té]{1,12}$/u);
  fc.assert(
    fc.property(key, key, (a, b) => {
      const [first, second] = [encodeKey(a, isAllowed), encodeKey(b, isAllowed)];
      expect(decodeKey(first)).toBe(a);
      expect(isAllowed(first)).toBe(true);
      expect(first === second).toBe(a === b);
    }),
    { numRuns: 2_000 },
  );
});

test.for<[string, string]>([
  ['plain/name.txt', 'plain/name.txt'],
  ['100% sure', '100% sure'],
  ['a%2Fb', 'a%252Fb'],
  ['a:b', 'a%3Ab'],
  ['a//b', 'a%2F%2Fb'],
  ['/a', '%2Fa'],
  ['dir./x', 'dir%2E/x'],
  ['folder /', 'folder%20/'],
])('%s is held as %s', ([key, encoded]) => {
  expect(encodeKey(key, isAllowed)).toBe(encoded);
});
