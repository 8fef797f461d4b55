import { describe, expect, it } from 'vitest';
import {
  clipMiddle,
  formatBytes,
  formatDuration,
  formatMoney,
  formatPercent,
  formatQuantity,
  formatRelative,
  formatSpeed,
  share,
} from './format.ts';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    ['1023', '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [10 * 1024 + 52, '10.1 KiB'],
    [1024 * 1024 - 1, '1 MiB'],
    [64n * 1024n * 1024n, '64 MiB'],
    [123_456_789, '118 MiB'],
    ['9223372036854775807', '8 EiB'],
  ])('writes %s as %s', (value, text) => {
    expect(formatBytes(value)).toBe(text);
  });

  it('writes speeds per second', () => {
    expect(formatSpeed('88290099')).toBe('84.2 MiB/s');
  });
});

describe('formatPercent', () => {
  it('never reads as complete while something is missing', () => {
    expect(formatPercent(share('999999', '1000000'))).toBe('99 %');
    expect(formatPercent(share('1000000', '1000000'))).toBe('100 %');
  });

  it('never reads as nothing once something has arrived', () => {
    expect(formatPercent(share(1, 1_000_000))).toBe('<1 %');
    expect(formatPercent(share(0, 1_000_000))).toBe('0 %');
  });

  it('has no share of nothing', () => {
    expect(share('0', '0')).toBe(0);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, 'under a second'],
    [499, 'under a second'],
    [45_000, '45 s'],
    [60_000, '1 min'],
    [125_000, '2 min 5 s'],
    [3_600_000 + 20 * 60_000 + 30_000, '1 h 20 min'],
    [2 * 86_400_000 + 4 * 3_600_000, '2 d 4 h'],
    [86_400_000 + 59_000, '1 d'],
  ])('writes %i ms as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});

describe('formatRelative', () => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  it.each([
    ['2026-11-23T11:59:30Z', 'just now'],
    ['2026-11-23T12:00:30Z', 'in under a minute'],
    ['2026-11-23T11:55:00Z', '5 minutes ago'],
    ['2026-11-23T14:10:00Z', 'in 2 hours'],
    ['2026-11-22T11:00:00Z', 'yesterday'],
    // In two nights, although it is less than two days until then.
    ['2026-11-25T02:00:00Z', 'in 2 days'],
    ['2026-11-21T20:00:00Z', '2 days ago'],
  ])('writes %s as %s', (time, text) => {
    expect(formatRelative(time, now)).toBe(text);
  });

  it('gives the date of what is long ago', () => {
    expect(formatRelative('2026-01-05T12:00:00Z', now)).toMatch(/5 Jan 2026/);
  });
});

it.each([
  ['1.410001', 'USD', 'US$1.42'],
  ['0.000001', 'USD', 'under US$0.01'],
  ['0.000000', 'EUR', '€0.00'],
  ['1234', 'JPY', 'JP¥1,234'],
])('writes an amount of %s %s as %s', (amount, currency, text) => {
  expect(formatMoney(amount, currency)).toBe(text);
});

it('counts in words', () => {
  expect(formatQuantity(1, 'object')).toBe('1 object');
  expect(formatQuantity(12_345, 'object')).toBe('12,345 objects');
});

it('clips what is too long in its middle, never within a character', () => {
  expect(clipMiddle('a/b/c.txt', 9)).toBe('a/b/c.txt');
  expect(clipMiddle('abcdefghij', 5)).toBe('ab…ij');
  expect(clipMiddle('🚢🚢🚢🚢🚢🚢', 4)).toBe('🚢🚢…🚢');
});
