import { expect, test } from 'vitest';
import { isStorable, parseName } from './text.ts';

test.each(['Ada', 'Zoë 李 🚢', 'x'.repeat(10)])('%j is a name', (name) => {
  expect(parseName(` ${name}\n`, 10)).toBe(name);
});

test.each([
  ...['', ' ', 'x'.repeat(11), 'a\0b', 'a\nb', 'a\u007fb', 'a\u0085b', 'a\ud800b', '\udc00'],
  ...['a\u2028b', 'a\u202eb', 'a\u2067b', 'a\u200fb'],
])('%j is no name', (name) => {
  expect(() => parseName(name, 10)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', field: ['name'] }));
});

test.each([
  ['a\nb', true],
  ['🚢', true],
  ['a\0b', false],
  ['a\ud83d', false],
])('%j can be kept as it is: %s', (text, expected) => {
  expect(isStorable(text)).toBe(expected);
});
