import { expect, test } from 'vitest';
import { numbered } from './find-facts.ts';

test.each([
  ['a/b.txt', 'a/b (2).txt'],
  ['b.tar.gz', 'b.tar (2).gz'],
  ['a.d/b', 'a.d/b (2)'],
  ['a/.profile', 'a/.profile (2)'],
  ['a/..', 'a/.. (2)'],
  ['..', '.. (2)'],
  ['a/b. c\n.txt', 'a/b. c\n (2).txt'],
  ['photos.d/', 'photos.d (2)/'],
  ['a//', 'a/ (2)/'],
])('a second %j is %j', (key, second) => {
  expect(numbered(key, 2)).toBe(second);
});
