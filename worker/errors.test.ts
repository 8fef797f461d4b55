import { expect, test } from 'vitest';
import { AppError } from '../core/errors.ts';
import { delayMs, reactionTo, Tries } from './errors.ts';

const broken = new AppError('PROVIDER_UNAVAILABLE', 'x');
const throttled = new AppError('THROTTLED', 'x', { retryAfterMs: 3_000 });

test('delays grow from half a second to fifteen seconds, with jitter of a half', () => {
  const delays = [1, 2, 3, 4, 9].map((times) => [
    delayMs('retry', times, broken, () => 0),
    delayMs('retry', times, broken, () => 1),
  ]);
  expect(delays).toEqual([
    [250, 500],
    [1_000, 2_000],
    [4_000, 8_000],
    [7_500, 15_000],
    [7_500, 15_000],
  ]);
});

test('nobody is asked earlier than he wished', () => {
  expect(delayMs('wait', 1, throttled, () => 0)).toBe(3_000);
});

test('three failures in a row are one too many; progress in between starts the count anew', () => {
  const tries = new Tries();
  expect(tries.failed(broken)).toEqual(expect.any(Number));
  expect(tries.failed(broken)).toEqual(expect.any(Number));
  tries.progressed();
  expect(tries.failed(broken)).toEqual(expect.any(Number));
  expect(tries.failed(broken)).toEqual(expect.any(Number));
  expect(tries.failed(broken)).toBeNull();
});

test('failures of a former worker count', () => {
  expect(new Tries(2).failed(broken)).toBeNull();
});

test('waiting costs no try, but not for ever', () => {
  const tries = new Tries();
  const waits = Array.from({ length: 40 }, () => tries.failed(throttled));
  expect(waits).not.toContain(null);
  expect(tries.failures).toBe(0);
  expect([tries.failed(throttled), tries.failed(throttled), tries.failed(throttled)].at(-1)).toBeNull();
});

test('a passing outage costs no try; one that will not pass is given up', () => {
  const tries = new Tries();
  const unreachable = new AppError('ENDPOINT_UNREACHABLE', 'x');
  const waits = Array.from({ length: 30 }, () => tries.failed(unreachable) ?? 0);
  expect(waits.reduce((sum, waitMs) => sum + waitMs)).toBeGreaterThan(180_000);
  expect(tries.failures).toBe(0);
  expect(tries.failed(new AppError('ENDPOINT_UNREACHABLE', 'x', { retry: 'never' }))).toBeNull();
});

test('a failure from before the cloud answered others again costs no try, once', () => {
  const tries = new Tries(0, 1);
  const failing = new AppError('PROVIDER_UNAVAILABLE', 'x');
  expect(tries.failed(failing)).toBeNull();
  expect(tries.recovered(failing)).toBeNull();
  expect(tries.outage(failing)).not.toBeNull();
  expect(tries.failed(failing)).toBeNull();
  expect(tries.recovered(failing)).not.toBeNull();
  expect(tries.failures).toBe(0);
  expect(tries.failed(failing)).toBeNull();
  expect(tries.recovered(failing)).toBeNull();
});

test('what no try can help is given up at once, whatever its code', () => {
  const tries = new Tries();
  expect(tries.failed(new AppError('CREDENTIALS_INVALID', 'x'))).toBeNull();
  // It was tried, for all that.
  expect(tries.failures).toBe(1);
  expect(reactionTo(new AppError('INTERNAL', 'x'))).toBe('retry');
  expect(reactionTo(new AppError('INTERNAL', 'x', { retry: 'never' }))).toBe('give up');
});
