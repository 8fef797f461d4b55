import { afterEach, expect, it } from 'vitest';
import { giveBack, lend, ReadMemory } from './read-memory.ts';

/** Reads so many bytes, or as many as are offered, and lends them. */
function read(memory: ReadMemory, bytes: number): Buffer {
  memory.filled(Math.min(bytes, memory.next().length));
  const piece = memory.taken();
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

const opened: ReadMemory[] = [];
function open(isGathering = true): ReadMemory {
  const memory = new ReadMemory(isGathering);
  opened.push(memory);
  return memory;
}

afterEach(() => {
  for (const memory of opened.splice(0)) memory.close();
});

const place = ({ buffer, byteOffset, length }: Buffer) => ({ buffer, start: byteOffset, end: byteOffset + length });

it.each([true, false])('reads into nothing that is lent, gathering: %s', (isGathering) => {
  const memories = [open(isGathering), open(isGathering)];
  const lent: Buffer[] = [];
  for (let turn = 0; turn < 2_000; turn += 1) {
    const memory = memories[turn % 2] as ReadMemory;
    memory.next().fill(turn % 251);
    const piece = read(memory, 1 + ((turn * 7_919) % 16_384));
    expect(piece.every((byte) => byte === turn % 251)).toBe(true);
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
  const memory = open();
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
  const memory = open();
  const piece = read(memory, 100);
  const { buffer } = memory.next();
  giveBack(piece);
  for (let others = 0; others < 100; others += 1) expect(open().next().buffer).not.toBe(buffer);
});

it('goes to one other connection when it is left and given back', () => {
  const memory = open();
  const lent = leave(memory);
  const left = lent[0]?.buffer;
  for (const piece of lent) giveBack(piece);
  // A view of nothing may come at any time.
  giveBack((lent[0] as Buffer).subarray(0, 0));
  const buffers = Array.from({ length: 100 }, () => open().next().buffer);
  expect(buffers.filter((buffer) => buffer === left)).toHaveLength(1);
});

it('is never read into again while a piece of it is kept', () => {
  const lent = leave(open());
  for (const piece of lent.slice(1)) giveBack(piece);
  for (let others = 0; others < 100; others += 1) expect(open().next().buffer).not.toBe((lent[0] as Buffer).buffer);
});

it('is one place for all who gather nothing and read little', () => {
  const [one, other] = [open(false), open(false)];
  expect(one.next()).toBe(other.next());
  giveBack(read(one, 16 * 1024));
  // More was waiting.
  expect(one.next().length).toBe(128 * 1024);
  expect(other.next().length).toBe(16 * 1024);
  giveBack(read(one, 1_000));
  expect(one.next()).toBe(other.next());
});

it('keeps what landed in little room, which is read into again once it is given back', () => {
  const memory = open(false);
  const buffers = new Set<ArrayBufferLike>();
  for (let turn = 0; turn < 1_000; turn += 1) {
    const piece = read(memory, 12_000);
    buffers.add(piece.buffer);
    giveBack(piece);
  }
  // The first may have been what others still keep a piece of.
  expect(buffers.size).toBeLessThanOrEqual(2);
});

it('is small for what trickles, and large as long as more is waiting than a small one takes', () => {
  const memory = open();
  const offered = () => memory.next().buffer.byteLength;
  const all = () => giveBack(read(memory, memory.next().length));
  for (let turn = 0; turn < 100; turn += 1) giveBack(read(memory, 1_000));
  expect(offered()).toBe(16 * 1024);
  all();
  expect(offered()).toBe(128 * 1024);
  giveBack(read(memory, 20_000));
  expect(offered()).toBe(128 * 1024);
  giveBack(read(memory, 1_000));
  expect(offered()).toBe(16 * 1024);
});

it('is large for so many connections at a time, whose places are free again when they are gone', () => {
  const memories = Array.from({ length: 172 }, () => open());
  const largeOnes = () => {
    for (const memory of memories) giveBack(read(memory, memory.next().length));
    return memories.filter((memory) => memory.next().length > 16 * 1024);
  };
  const first = largeOnes();
  expect(first).toHaveLength(128);
  for (const memory of first.slice(0, 100)) {
    memory.close();
    memory.close();
    memory.next();
    memories.splice(memories.indexOf(memory), 1);
  }
  expect(largeOnes()).toHaveLength(72);
});

it('is not concerned by memory from elsewhere', () => {
  const elsewhere = Buffer.alloc(100);
  lend(elsewhere);
  giveBack(elsewhere);
  for (let others = 0; others < 100; others += 1) expect(open().next().buffer).not.toBe(elsewhere.buffer);
});
