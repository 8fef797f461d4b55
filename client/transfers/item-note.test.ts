import { expect, it } from 'vitest';
import { itemNote, newNameOf } from './item-note.ts';
import type { Item } from './items.ts';

it('tells the name that an object gets only where it is another', () => {
  const nameOf = (sourcePath: string, destinationPath: string) =>
    newNameOf({ reason: 'ABSENT', sourcePath, destinationPath });
  expect(nameOf('from/a/b.txt', 'to/folder/a/b.txt')).toBeNull();
  expect(nameOf('from/a/b.txt', 'to/folder/b.txt')).toBeNull();
  expect(nameOf('from/a/b.txt', 'to/a/b (2).txt')).toBe('b (2).txt');
  expect(nameOf('from/a/b:c', 'to/a/b%3Ac')).toBe('b%3Ac');
  expect(nameOf('from/a/../b', 'to/a/%2E%2E/b')).toBe('%2E%2E/b');
  expect(nameOf('from/5 %:/b', 'to/5 %%3A/b')).toBe('5 %%3A/b');
  expect(nameOf('from/a//b/c', 'to/a%2F%2Fb/c')).toBe('a%2F%2Fb/c');
  expect(nameOf('from/a/b%3Ac', 'to/a/b:c')).toBe('b:c');
  expect(nameOf('from/a%3Ab/c', 'to/a:b/c')).toBe('a:b/c');
  expect(nameOf('from/a%2F%2Fb', 'to/a//b')).toBe('a//b');
  expect(nameOf('from/a%2F%2Fb/c', 'to/a//b/c')).toBe('a//b/c');
  expect(nameOf('from/%FF/b', 'to/folder/b')).toBeNull();
  expect(nameOf('from/100 %/b', 'to/100 %/b')).toBeNull();
  expect(nameOf('from/x/b', 'to/5%/b')).toBeNull();
  expect(newNameOf({ reason: 'EXTRA', sourcePath: 'from/a', destinationPath: 'to/b' })).toBeNull();
});

it('tells with which other object one collides', () => {
  const error = { code: 'NAME_COLLISION', message: 'Another object goes to the same name.', remedy: 'Rename one.' };
  const item = { state: 'FAILED', error, collidesWith: null } as unknown as Item;
  expect(itemNote(item, { state: 'RUNNING' })).toBe(error.message);
  expect(itemNote({ ...item, collidesWith: { sourcePath: 'from/A' } }, { state: 'RUNNING' })).toBe(
    'Another object goes to the same name. It is from/A',
  );
});
