import { expect, test } from 'vitest';
import { Batching } from './batching.ts';

const MiB = 1024 * 1024;
const add = (batching: Batching, sizes: number[]) => sizes.map((size) => batching.add(size));

test('batches close by number of objects and by bytes; a large object travels alone', () => {
  const batching = new Batching(0);
  expect(add(batching, [40 * MiB, 24 * MiB, 1, 100 * MiB, 1])).toEqual([0, 0, 1, 2, 3]);
  expect(batching.batches).toEqual([
    { number: 0, state: 'READY', item_count: 2, size_bytes: 64 * MiB },
    { number: 1, state: 'READY', item_count: 1, size_bytes: 1 },
    { number: 2, state: 'READY', item_count: 1, size_bytes: 100 * MiB },
    { number: 3, state: 'READY', item_count: 1, size_bytes: 1 },
  ]);
  expect(new Set(add(new Batching(0), Array(65).fill(1))).size).toBe(2);
});

test('batches grow with the transfer, up to 200 objects and 256 MiB', () => {
  const late = new Batching(1_000);
  expect(new Set(add(late, Array(200).fill(1)))).toEqual(new Set([1_000]));
  expect(late.add(1)).toBe(1_001);
  expect(late.add(256 * MiB)).toBe(1_002);
});

test('deletions have batches of their own, which are held', () => {
  const batching = new Batching(0);
  expect([batching.add(1), batching.addDeletion(), batching.add(1), batching.addDeletion()]).toEqual([0, 1, 0, 1]);
  for (let more = 2; more < 1_000; more++) batching.addDeletion();
  expect(batching.addDeletion()).toBe(2);
  expect(batching.batches.map(({ state }) => state)).toEqual(['READY', 'HELD', 'HELD']);
});
