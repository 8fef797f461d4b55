import { expect, it } from 'vitest';
import { giveBack, lend, ReadMemory } from './read-memory.ts';

/** Reads so many bytes, and lends them. */
function read(memory: ReadMemory, length: number): Buffer {
  expect(memory.next().length).toBeGreaterThanOrEqual(16 * 1024);
  const piece = memory.filled(length);
  lend(piece);
  return piece;
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

it('begins anew where everything was given back', () => {
  const memory = new ReadMemory();
  const first = read(memory, 10_000);
  giveBack(first);
  expect(place(read(memory, 10_000))).toEqual(place(first));
});

it('reads again into what several connections gave back', () => {
  const [one, other] = [new ReadMemory(), new ReadMemory()];
  const pieces = Array.from({ length: 9 }, () => read(one, 16_000));
  const { buffer } = pieces[0] as Buffer;
  expect((pieces[8] as Buffer).buffer).not.toBe(buffer);
  for (const piece of pieces.filter((piece) => piece.buffer === buffer)) giveBack(piece);
  const used = Array.from({ length: 9 }, () => read(other, 16_000).buffer);
  expect(used).toContain(buffer);
});

it('leaves memory from elsewhere alone', () => {
  const mine = Buffer.alloc(10);
  lend(mine);
  giveBack(mine);
  giveBack(new Uint8Array(3));
});
