import { expect, it } from 'vitest';
import { formatAge, parseAge } from './age.ts';

it.each([
  ['30 days', 'P30D'],
  [' 1day ', 'P1D'],
  ['36 Hours', 'PT36H'],
  ['2 weeks', 'P2W'],
  ['36600 days', 'P36600D'],
  ['36601 days', null],
  ['0 days', 'P0D'],
  ['30', null],
  ['1.5 days', null],
  ['-1 day', null],
  ['2 months', null],
])('%j is read as %s', (text, iso) => {
  expect(parseAge(text)).toBe(iso);
});

it.each([
  ['P28DT12H', '28 days 12 hours'],
  ['PT1H30M1S', '1 hour 30 minutes 1 second'],
  ['P0D', '0 days'],
])('%s reads %j', (iso, words) => {
  expect(formatAge(iso)).toBe(words);
});
