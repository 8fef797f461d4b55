import { expect, it } from 'vitest';
import { workedMs } from './worked.ts';

const times = { startedAt: '2026-11-28T10:00:00Z', approvedAt: null, finishedAt: '2026-11-28T12:00:10Z' };

it('counts from the start to the end, once there is one', () => {
  expect(workedMs({ ...times, isDryRun: false })).toBe(7_210_000);
  expect(workedMs({ ...times, isDryRun: false, finishedAt: null })).toBeNull();
});

it('does not count how long a plan lay before its approval', () => {
  expect(workedMs({ ...times, isDryRun: true, approvedAt: '2026-11-28T12:00:00Z' })).toBe(10_000);
  // A mirror past its limit has moved things before it asks.
  expect(workedMs({ ...times, isDryRun: false, approvedAt: '2026-11-28T12:00:00Z' })).toBe(7_210_000);
  // The follow-up of an approved plan.
  expect(workedMs({ ...times, isDryRun: true, approvedAt: '2026-11-28T09:00:00Z' })).toBe(7_210_000);
});
