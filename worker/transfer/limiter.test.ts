import { expect, test } from 'vitest';
import { Limiter } from './limiter.ts';

/** Begins so many tasks; tells which run, and ends one. */
function begin(limiter: Limiter, count: number) {
  const ends: (() => void)[] = [];
  const begun: number[] = [];
  const all = Array.from({ length: count }, (_, index) =>
    limiter.run(() => {
      begun.push(index);
      return new Promise<void>((resolve) => ends.push(resolve));
    }),
  );
  const settle = () => new Promise(setImmediate);
  const end = async () => {
    ends.shift()?.();
    await settle();
  };
  return { all, begun, end, settle };
}

test('tasks run in order, no more than allowed at a time', async () => {
  const { begun, end, settle } = begin(new Limiter(2), 5);
  await settle();
  expect(begun).toEqual([0, 1]);
  await end();
  expect(begun).toEqual([0, 1, 2]);
});

test('each task that ends makes room for one more, up to the most, while it may', async () => {
  let mayGrow = true;
  const { begun, end, settle } = begin(new Limiter(2, 5, () => mayGrow), 20);
  await settle();
  await end();
  expect(begun).toHaveLength(4);
  await end();
  expect(begun).toHaveLength(6);
  mayGrow = false;
  await end();
  expect(begun).toHaveLength(7);
  mayGrow = true;
  for (let turn = 0; turn < 3; turn += 1) await end();
  // Five at a time from here on.
  expect(begun).toHaveLength(11);
});

test('where none ends, more begin with time, up to the most', async () => {
  const { begun } = begin(new Limiter(1, 3), 5);
  await expect.poll(() => begun, { timeout: 5_000 }).toEqual([0, 1, 2]);
});

test('a task that fails makes room like any other', async () => {
  const limiter = new Limiter(1);
  await expect(limiter.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await limiter.run(async () => 'next')).toBe('next');
});
