import { expect, test } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { Refusals } from './refusals.ts';

const full = new AppError('QUOTA_EXCEEDED', 'The store is full.');
const sized = (sizeBytes: number) => ({ action: 'WRITE', sizeBytes }) as const;

function refusing(...sizes: number[]): Refusals {
  const refusals = new Refusals();
  for (const size of sizes) refusals.unfit(sized(size), full);
  return refusals;
}

test('a destination counts as full for what is as large as the smallest of ten objects that did not fit', () => {
  expect(refusing(...Array(9).fill(100)).of(sized(100))).toBeNull();
  const refusals = refusing(...Array(9).fill(100), 50);
  expect(refusals.of(sized(50))).toBe(full);
  expect(refusals.of(sized(49))).toBeNull();
  expect(refusals.of({ ...sized(50), action: 'DELETE' })).toBeNull();
});

test('one of that size that does fit shows that there is room again, and a smaller one does not', () => {
  const refusals = refusing(...Array(10).fill(100));
  refusals.took(sized(99));
  expect(refusals.of(sized(100))).toBe(full);
  refusals.took(sized(100));
  expect(refusals.of(sized(100))).toBeNull();
});
