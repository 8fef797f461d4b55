import { expect, it } from 'vitest';
import { parseSize } from './size.ts';

it.each([
  ['0', '0'],
  ['500', '500'],
  ['1.5 GiB', '1610612736'],
  ['20MB', '20000000'],
  [' 3 kib ', '3072'],
  ['-1', null],
  ['much', null],
  ['5 XB', null],
  ['99999999 TiB', null],
  ['', null],
])('reads %j as %s', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});
