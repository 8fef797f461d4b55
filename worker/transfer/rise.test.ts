import { expect, test } from 'vitest';
import { Rise } from './rise.ts';

test('a rate rises as long as each look finds it above all before', () => {
  const rise = new Rise(500, 0);
  expect(rise.isSeen(1_500, 1_000)).toBe(true);
  expect(rise.isSeen(2_750, 2_000)).toBe(true);
  // A gain of less than a twentieth.
  expect(rise.isSeen(4_050, 3_000)).toBe(false);
  expect(rise.isSeen(5_000, 4_000)).toBe(false);
  // Held against the best, not against the look before.
  expect(rise.isSeen(6_200, 5_000)).toBe(false);
  expect(rise.isSeen(7_700, 6_000)).toBe(true);
});

test('nothing is said too early, and nothing moved is no rise', () => {
  const rise = new Rise(0, 0);
  expect(rise.isSeen(1_000_000, 999)).toBe(false);
  expect(rise.isSeen(0, 1_000)).toBe(false);
  expect(rise.isSeen(10, 3_000)).toBe(true);
});
