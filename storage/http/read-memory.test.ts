import { expect, it } from 'vitest';
import { giveBack, lend, ReadMemory } from './read-memory.ts';

/** Reads so many bytes, and lends them. */
function read(memory: ReadMemory, bytes: number): Buffer {
  expect(memory.next().length).toBeGreaterThanOrEqual(bytes);
  const piece = memory.filled(bytes);
  lend(piece);
  return piece;
}

/** Fills a stretch, which its connection then leaves; returns what was lent of it. */
function leave(memory: ReadMemory): Buffer[] {
  const lent: Buffer[] = [];
  const { buffer } = memory.next();
  while (memory.next().buffer === buffer) lent.push(read(memory, 16 * 1024));
  return lent;
}

const place = ({ buffer, byteOffset, length }: Buffer) => ({ buffer, start: byteOffset, end: byteOffset + length });

it('reads into nothing that is lent', () => {
  const memory = new ReadMemory();
  const lent: Buffer[] = [];
  for (let turn = 0; turn < 2_000; turn += 1) {
    const piece = read(memory, 1 + ((turn * 7_919) % 16_384));
    const { buffer, start, end } = place(piece);
    for (const other of lent.map(place))
      expect(other.buffer !== buffer || other.end <= start || other.start >= end).toBe(true);
    lent.push(piece);
    // In any order, in pieces, and not all of it: some are kept for good.
    if (turn % 3 !== 0) {
      const [back] = lent.splice((turn * 31) % lent.length, 1) as [Buffer];
      giveBack(back.subarray(0, back.length >> 1));
      giveBack(back.subarray(back.length >> 1));
    }
    if (lent.length > 50) lent.splice(0, 25);
  }
});

it('is read into again once all that was lent of it is given back', () => {
  const memory = new ReadMemory();
  const [first, second] = [read(memory, 100), read(memory, 100)];
  expect(memory.next().byteOffset).toBe(200);
  giveBack(first);
  expect(memory.next().byteOffset).toBe(200);
  // In pieces of its own.
  giveBack(second.subarray(0, 60));
  giveBack(second.subarray(60));
  expect(memory.next().byteOffset).toBe(0);
});

it('is no other connection’s while one reads into it', () => {
  const memory = new ReadMemory();
  const piece = read(memory, 100);
  const { buffer } = memory.next();
  giveBack(piece);
  for (let others = 0; others < 100; others += 1) expect(new ReadMemory().next().buffer).not.toBe(buffer);
});

it('goes to one other connection when it is left and given back', () => {
  const memory = new ReadMemory();
  const lent = leave(memory);
  const left = lent[0]?.buffer;
  for (const piece of lent) giveBack(piece);
  // A view of nothing may come at any time.
  giveBack((lent[0] as Buffer).subarray(0, 0));
  const buffers = Array.from({ length: 100 }, () => new ReadMemory().next().buffer);
  expect(buffers.filter((buffer) => buffer === left)).toHaveLength(1);
});

it('is never read into again while a piece of it is kept', () => {
  const lent = leave(new ReadMemory());
  for (const piece of lent.slice(1)) giveBack(piece);
  for (let others = 0; others < 100; others += 1)
    expect(new ReadMemory().next().buffer).not.toBe((lent[0] as Buffer).buffer);
});

it('is not concerned by memory from elsewhere', () => {
  const elsewhere = Buffer.alloc(100);
  lend(elsewhere);
  giveBack(elsewhere);
  for (let others = 0; others < 100; others += 1) expect(new ReadMemory().next().buffer).not.toBe(elsewhere.buffer);
});
