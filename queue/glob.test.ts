import { expect, test } from 'vitest';
import { compileGlob, compileGlobs } from './glob.ts';

test.for([
  ['*.jpg', 'a.jpg', true],
  ['*.jpg', 'a/b.jpg', false],
  ['**/*.jpg', 'a.jpg', true],
  ['**/*.jpg', 'a/b/c.jpg', true],
  ['a/**', 'a/b/c', true],
  ['a/**', 'ab/c', false],
  ['a/**/b', 'a/b', true],
  ['a/**/b', 'a/x/y/b', true],
  ['a/**/b', 'a/x/y/c', false],
  ['**', '', true],
  ['*', '', true],
  ['*', '.hidden', true],
  ['a?c', 'abc', true],
  ['a?c', 'a/c', false],
  ['?', '😀', true],
  ['[a-c]1', 'b1', true],
  ['[!a-c]1', 'b1', false],
  ['[]]', ']', true],
  ['[]a-', '[]a-', null],
  ['{a,b{c,d}}/x', 'bd/x', true],
  ['{a,b{c,d}}/x', 'b/x', false],
  ['{,x}a', 'a', true],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['a[*]', 'a*', true],
  ['a[{]b', 'a{b', true],
  ['(a+)+$', '(a+)+$', true],
  ['*a*b', 'xaxxab', true],
  ['*a*b', 'xaxxa', false],
  ['a//b', 'a//b', true],
  ['dir/', 'dir/', true],
  ['dir/', 'dir/a/b', true],
  ['dir/', 'dir', false],
  ['dir/', 'a/dir/b', false],
  ['**/dir/', 'a/dir/b', true],
  ['/a.txt', 'a.txt', true],
  ['/a.txt', 'b/a.txt', false],
  ['//a.txt', '/a.txt', true],
  ['/', 'a', false],
  ['[a', '', null],
  ['{a', '', null],
  ['a}', '', null],
  ['[z-a]', '', null],
  ['a\\', '', null],
  [`${'{a,b}'.repeat(8)}`, '', null],
] as const)('%s against %s: %s', ([glob, path, expected]) => {
  if (expected === null) {
    expect(() => compileGlob(glob)).toThrow(/is not a glob/);
  } else {
    expect(compileGlob(glob)(path)).toBe(expected);
  }
});

test('many stars against a long name that nearly matches end', () => {
  expect(compileGlob(`${'*a'.repeat(120)}*b`)('a'.repeat(1_024))).toBe(false);
  expect(compileGlob(`${'**/a/'.repeat(50)}b`)('a/'.repeat(500))).toBe(false);
});

test('globs that unfold to too many in all are refused: each is held against each path', () => {
  const ten = '{a,b,c,d,e,f,g,h,i,j}';
  expect(compileGlobs(Array.from({ length: 20 }, () => ten))('j')).toBe(true);
  expect(() => compileGlobs(Array.from({ length: 21 }, () => ten))).toThrow(/unfold to 210, more than 200/);
  const long = '?'.repeat(250);
  expect(compileGlobs(Array.from({ length: 40 }, () => long))('j')).toBe(false);
  expect(() => compileGlobs(Array.from({ length: 41 }, () => long))).toThrow(/10250 characters long, more than 10000/);
});
