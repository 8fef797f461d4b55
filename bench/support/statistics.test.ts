import { expect, test } from 'vitest';
import { median, summarise } from './statistics.ts';

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

test('a summary names the extremes', () => {
  expect(summarise([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
});
