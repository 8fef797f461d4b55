import { expect, test } from 'vitest';
import { destinationKey, lastName, parseDestination, parsePath, readsItsOwn, withoutCovered } from './path.ts';

test.each([
  ['c/key', { container: 'c', kind: 'object', key: 'key' }],
  ['c/a/b.txt', { container: 'c', kind: 'object', key: 'a/b.txt' }],
  ['c/a/b/', { container: 'c', kind: 'folder', key: 'a/b/' }],
  ['c/', { container: 'c', kind: 'container', key: '' }],
  ['c//leading', { container: 'c', kind: 'object', key: '/leading' }],
  ['c//', { container: 'c', kind: 'folder', key: '/' }],
  ['c/a//b', { container: 'c', kind: 'object', key: 'a//b' }],
  ['c/../x', { container: 'c', kind: 'object', key: '../x' }],
  ['c/./x/', { container: 'c', kind: 'folder', key: './x/' }],
  ['c/ x ', { container: 'c', kind: 'object', key: ' x ' }],
])('%j', (path, parsed) => {
  expect(parsePath(path)).toEqual(parsed);
});

test.each(['', 'c', '/', '/key', 'c/\0', 'c/\ud800', `${'c'.repeat(256)}/`, `c/${'k'.repeat(1_025)}`])(
  '%j is refused with what to write instead',
  (path) => {
    expect(() => parsePath(path, ['sourcePaths'])).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', field: ['sourcePaths'] }),
    );
  },
);

test('the longest container and key are taken, and what is refused is not repeated at length', () => {
  expect(parsePath(`${'c'.repeat(255)}/${'é'.repeat(1_024)}`).key).toHaveLength(1_024);
  const refused = (path: string) => () => parseDestination(path);
  for (const path of [`c/${'k'.repeat(500_000)}`, 'k'.repeat(500_000), `c/${'k'.repeat(1_000)}`]) {
    expect(refused(path)).toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{0,400}$/) }));
  }
});

test('a destination is a container or a folder', () => {
  expect(parseDestination('c/').kind).toBe('container');
  expect(parseDestination('c/in/').key).toBe('in/');
  expect(() => parseDestination('c/in')).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
});

test.each([
  ['c/a/b.txt', 'a/b.txt', 'd/', 'b.txt'],
  ['c/a/b.txt', 'a/b.txt', 'd/in/', 'in/b.txt'],
  ['c//x', '/x', 'd/in/', 'in/x'],
  ['c/a/b/', 'a/b/c/d', 'd/in/', 'in/b/c/d'],
  ['c/a/b/', 'a/b/', 'd/in/', 'in/b/'],
  ['c/a/b/', 'a/b//x', 'd/in/', 'in/b//x'],
  ['c/a//', 'a//x', 'd/in/', 'in//x'],
  ['c//', '/x', 'd/in/', 'in//x'],
  ['c/../', '../x', 'd/in/', 'in/../x'],
  ['c/', '/x', 'd/in/', 'in//x'],
  ['c/', 'a/b', 'd/', 'a/b'],
])('%j: %j goes to %j as %j', (source, key, destination, expected) => {
  expect(destinationKey(parsePath(source), key, parseDestination(destination))).toBe(expected);
});

test.each([
  ['a', 'a'],
  ['a/b', 'b'],
  ['a/b/', 'b'],
  ['a//', ''],
  ['/', ''],
])('last name of %j is %j', (key, name) => {
  expect(lastName(key)).toBe(name);
});

test.each([
  ['c/a/', 'c/a/', true],
  ['c/a/', 'c/a/b/', true],
  ['c/a/', 'c/', true],
  ['c/a/', 'c/b/', false],
  ['c/a/', 'd/a/', false],
  ['c/', 'c/in/', true],
  ['c/x', 'c/', true],
  ['c/a/x', 'c/a/', true],
  ['c/a/x', 'c/', false],
  ['c/b/b/', 'c/', true],
])('%j to %j reads what it writes: %s', (source, destination, expected) => {
  expect(readsItsOwn([parsePath(source)], parseDestination(destination))).toBe(expected);
});

test.each([
  [['c/q/b/', 'c/b/c/'], 'c/', true],
  [['c/q/b/', 'c/b'], 'c/', true],
  [['c/q/b/', 'c/b/x'], 'c/', true],
  [['c/q/x', 'c/in/'], 'c/in/', true],
  [['c/a/x', 'c/b/x'], 'c/b/', true],
  [['c/q/b/', 'c/r/c/'], 'c/', false],
  [['d/q/b/', 'c/b/c/'], 'c/', true],
  [['d/q/b/', 'd/b/c/'], 'c/', false],
])('%j to %j: one source reads what another writes: %s', (sources, destination, expected) => {
  const parsed = sources.map((source) => parsePath(source));
  expect(readsItsOwn(parsed, parseDestination(destination))).toBe(expected);
});

test.each([
  ['a container brings its folders and objects to the same places', ['b/', 'b/docs/', 'b/top.txt'], ['b/']],
  ['but not a folder further down, which arrives under its own name', ['b/', 'b/docs/old/'], ['b/', 'b/docs/old/']],
  ['nor an object further down', ['b/docs/', 'b/docs/a.txt'], ['b/docs/', 'b/docs/a.txt']],
  ['nor what only begins alike', ['b/docs/', 'b/docs2/'], ['b/docs/', 'b/docs2/']],
  ['nor another container', ['b/', 'c/'], ['b/', 'c/']],
])('%s', (_what, paths, expected) => {
  const sources = paths.map((path) => ({ path, ...parsePath(path) }));
  expect(withoutCovered(sources, parseDestination('t/x/')).map(({ path }) => path)).toEqual(expected);
});
