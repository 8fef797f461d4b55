import { expect, test } from 'vitest';
import { median, percentile } from './statistics.ts';

test('the median of an odd count is the middle value, whatever the order', () => {
  expect(median([9, 1, 5])).toBe(5);
});

test('the median of an even count is the mean of the middle two', () => {
  expect(median([10, 1, 2, 4])).toBe(3);
});

test('numbers are compared as numbers, not as text', () => {
  expect(median([10, 9, 100])).toBe(10);
});

test('a median of nothing is refused', () => {
  expect(() => median([])).toThrow(RangeError);
});

test('a percentile is a value that was there, whatever the order', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(percentile(values, 95)).toBe(190);
  expect(percentile(values, 99)).toBe(198);
  expect(percentile([7], 95)).toBe(7);
});
