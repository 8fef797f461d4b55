import { expect, test } from 'vitest';
import { Budget } from './budget.ts';

const never = new AbortController().signal;
/** Lets everything run that can run without an event from outside. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('never more is held than there is, and released bytes go to whoever waits longest', async () => {
  const budget = new Budget(100);
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
  const budget = new Budget(100);
  const lease = await budget.acquire(60, never);
  lease.release();
  lease.release();
  expect(budget.usedBytes).toBe(0);
});

test('whoever gives up waiting does not stand in the way', async () => {
  const budget = new Budget(100);
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
