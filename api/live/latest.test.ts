import { expect, test } from 'vitest';
import { LatestQueue } from './latest.ts';

test('a newer value replaces one that was not read', async () => {
  const queue = new LatestQueue<number>(10);
  for (let value = 0; value < 100_000; value++) queue.put('a', value);
  queue.put('b', -1);
  expect(await queue.take()).toBe(99_999);
  expect(await queue.take()).toBe(-1);
});

test('a reader that waits gets the value that comes', async () => {
  const queue = new LatestQueue<number>(1);
  const taken = queue.take();
  queue.put('a', 1);
  expect(await taken).toBe(1);
});

test('beyond its number of keys it takes no further ones, but newer values of those that it has', async () => {
  const queue = new LatestQueue<number>(2);
  expect([queue.put('a', 1), queue.put('b', 1), queue.put('c', 1), queue.put('a', 2)]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  expect([await queue.take(), await queue.take()]).toEqual([2, 1]);
});

test('its end wakes the reader', async () => {
  const queue = new LatestQueue<number>(1);
  const taken = queue.take();
  queue.end();
  expect(await taken).toBeUndefined();
  queue.put('a', 1);
  expect(await queue.take()).toBeUndefined();
});
