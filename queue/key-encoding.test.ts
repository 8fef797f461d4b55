import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeKey, encodeKey } from './key-encoding.ts';

/** As Dropbox has it, roughly: no empty names, no \, no control characters, no space or dot at an end, nothing unsynced. */
const isAllowed = (key: string) =>
  key
    .replace(/\/$/, '')
    .split('/')
    .every((name) => name !== '' && !/^\.{1,2}$|[. ]$|^ |[\p{Cc}\\"*:<>?|]|^(desktop\.ini|\.ds_store)$/iu.test(name));

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

test('what no encoding made stays as it is, name by name', () => {
  const isNever = () => false;
  const name = fc.stringMatching(/^[a. %\\:\t\u0085é]{0,4}(%[0-9A-Fa-f]{2}|%[257][0-9A-F]|%){0,3}a?$/u);
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 3 }), (names) => {
      const decoded = names.map(decodeKey);
      expect(decodeKey(names.join('/'))).toBe(decoded.join('/'));
      const again = decoded.map((name, at) =>
        name === names[at] ? name : encodeKey(name, isNever).replace(/\/$/, '%2F'),
      );
      expect(again).toEqual(names);
    }),
    { numRuns: 2_000 },
  );
});

test.for<[string, string]>([
  ['100%25', '100%25'],
  ['100%2525', '100%25'],
  ['a%20b/a%3Ab', 'a%20b/a:b'],
  ['a%3ab', 'a%3ab'],
  ['a%3Ab%FF', 'a%3Ab%FF'],
  ['caf%C3%A9', 'caf%C3%A9'],
  ['a%2Fb', 'a%2Fb'],
  ['a%2F%2Fb', 'a//b'],
  ['%%3A', '%:'],
  ['%2E%2E/up', '../up'],
  ['x/%2EDS_Store', 'x/.DS_Store'],
  ['%2EDS_Store.bak', '%2EDS_Store.bak'],
])('%s is turned back into %s', ([encoded, key]) => {
  expect(decodeKey(encoded)).toBe(key);
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
  ['x/.DS_Store', 'x/%2EDS_Store'],
  ['Desktop.INI', '%44esktop.INI'],
  ['a:/.DS_Store.bak', 'a%3A/.DS_Store.bak'],
])('%s is held as %s', ([key, encoded]) => {
  expect(encodeKey(key, isAllowed)).toBe(encoded);
});
