import { describe, expect, it } from 'vitest';
import { folderBelow, lastName, parentPath, problemOfFolder, readablePath, trail } from './paths.ts';

describe('parentPath', () => {
  it.each([
    ['bucket/', ''],
    ['bucket/folder/', 'bucket/'],
    ['bucket/folder/file.txt', 'bucket/folder/'],
    ['bucket/folder//', 'bucket/folder/'],
  ])('of %s is %s', (path, parent) => {
    expect(parentPath(path)).toBe(parent);
  });
});

it('walks from the container to the folder, empty names included', () => {
  expect(trail('bucket/a//')).toEqual([
    { name: 'bucket', path: 'bucket/' },
    { name: 'a', path: 'bucket/a/' },
    { name: '', path: 'bucket/a//' },
  ]);
  expect(trail('')).toEqual([]);
});

it('puts a typed folder below the chosen one, however its slashes were typed', () => {
  expect(folderBelow('bucket/', '')).toBe('bucket/');
  expect(folderBelow('bucket/', ' /2026/ ')).toBe('bucket/2026/');
  expect(folderBelow('bucket/a/', 'b/c')).toBe('bucket/a/b/c/');
});

describe('problemOfFolder', () => {
  it.each(['', ' ', '/', '2026', ' /2026/ ', 'a/b', 'a b/c d', '.hidden', '...', 'ä/日本'])('accepts %j', (folder) => {
    expect(problemOfFolder(folder)).toBeNull();
  });

  it.each([
    ['a//b', /no name/],
    ['//a', /no name/],
    ['../weird//x/', /no name/],
    ['..', /“..”/],
    ['a/../b', /“..”/],
    ['a/./b', /“.”/],
    ['a\tb', /cannot be seen/],
    ['a\u0085b', /cannot be seen/],
  ])('refuses %j', (folder, problem) => {
    expect(problemOfFolder(folder)).toMatch(problem);
  });
});

it('names and reads paths', () => {
  expect(lastName('bucket/a/b.txt')).toBe('b.txt');
  expect(readablePath('bucket/a/b.txt')).toBe('bucket / a / b.txt');
});
