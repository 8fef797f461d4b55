import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from './key-order.ts';

test('keys are ordered by their UTF-8 bytes', () => {
  const key = fc.string({ unit: 'grapheme-composite' });
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

test.for([
  ['\uFF61', '\u{1F600}'],
  ['a', 'aa'],
  ['a/b', 'a0'],
  ['', 'a'],
] as const)('%j comes before %j', ([first, second]) => {
  expect(compareKeys(first, second)).toBeLessThan(0);
  expect(compareKeys(second, first)).toBeGreaterThan(0);
});
