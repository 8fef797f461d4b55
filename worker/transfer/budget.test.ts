import { expect, test } from 'vitest';
import { Budget } from './budget.ts';

/** What everybody may hold together, and what is kept besides for express leases. */
const [usual, reserved] = [100, 14];
const never = new AbortController().signal;
/** Lets everything run that can run without an event from outside. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('never more is held than there is, and released bytes go to whoever waits longest', async () => {
  const budget = new Budget(usual + reserved);
  const first = await budget.acquire(60, never);
  const second = await budget.acquire(40, never);
  const order: string[] = [];
  const large = budget.acquire(70, never).then((lease) => order.push('large') && lease);
  const small = budget.acquire(10, never).then((lease) => order.push('small') && lease);
  second.release();
  await settle();
  // 40 bytes are free, but the small one does not overtake the large one.
  expect(order).toEqual([]);
  first.release();
  await Promise.all([large, small]);
  expect(order).toEqual(['large', 'small']);
  expect(budget.usedBytes).toBe(80);
});

test('a second release does nothing', async () => {
  const budget = new Budget(usual + reserved);
  const lease = await budget.acquire(60, never);
  lease.release();
  lease.release();
  expect(budget.usedBytes).toBe(0);
});

test('whoever gives up waiting does not stand in the way', async () => {
  const budget = new Budget(usual + reserved);
  const held = await budget.acquire(90, never);
  const stop = new AbortController();
  const large = budget.acquire(50, stop.signal);
  const small = budget.acquire(10, never);
  const reason = new Error('stopped');
  stop.abort(reason);
  await expect(large).rejects.toBe(reason);
  await small;
  expect(budget.usedBytes).toBe(100);
  held.release();
});

test('an aborted signal gets nothing', async () => {
  await expect(new Budget(100).acquire(1, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
});

test('what can never fit is refused at once and says what to do', async () => {
  await expect(new Budget(100).acquire(101, never)).rejects.toMatchObject({
    code: 'OBJECT_TOO_LARGE',
    message: expect.stringContaining('MEMORY_BUDGET_BYTES'),
  });
});

test('express leases take what others leave free, before all who wait', async () => {
  const budget = new Budget(usual + reserved);
  const first = await budget.acquire(60, never);
  const second = await budget.acquire(40, never);
  const order: string[] = [];
  const waiting = budget.acquire(10, never).then(() => order.push('usual'));
  const express = await budget.acquire(reserved, never, true);
  const next = budget.acquire(10, never, true).then(() => order.push('express'));
  await settle();
  expect(order).toEqual([]);
  second.release();
  await Promise.all([next, waiting]);
  expect(order).toEqual(['express', 'usual']);
  first.release();
  express.release();
});

test('what is larger than all that is not kept has its turn alone', async () => {
  const budget = new Budget(usual + reserved);
  const small = await budget.acquire(1, never);
  const large = budget.acquire(usual + 1, never);
  await settle();
  expect(budget.usedBytes).toBe(1);
  small.release();
  (await large).release();
  expect(budget.usedBytes).toBe(0);
});
