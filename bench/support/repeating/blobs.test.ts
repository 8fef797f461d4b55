import { expect, test } from 'vitest';
import { RepeatingBlobs, repetition } from './blobs.ts';

const MiB = 1024 ** 2;
const bytesOf = (start: number, end: number) => Buffer.concat([...repetition(start, end)]);

test('what was written is read again, in any range', async () => {
  const writer = new RepeatingBlobs().createWriter();
  const bytes = bytesOf(0, 2 * MiB + 5);
  // Pieces that end within and at the ends of the repeated block.
  for (const [from, to] of [
    [0, 100],
    [100, MiB],
    [MiB, 2 * MiB + 1],
    [2 * MiB + 1, 2 * MiB + 5],
  ] as const) {
    await writer.write(bytes.subarray(from, to));
  }
  const blob = await writer.finish();
  expect(blob.size).toBe(bytes.length);
  const range = [];
  for await (const piece of blob.read(MiB - 3, 2 * MiB + 5)) range.push(piece);
  expect(Buffer.concat(range).equals(bytes.subarray(MiB - 3))).toBe(true);
});

test('small bodies may be anything', async () => {
  const writer = new RepeatingBlobs().createWriter();
  await writer.write(Buffer.from('some'));
  await writer.write(Buffer.from('thing'));
  const blob = await writer.finish();
  expect(Buffer.concat([...(blob.read(2, 6) as Iterable<Buffer>)]).toString()).toBe('meth');
});

test('a large body with any other byte is refused', () => {
  const bytes = Buffer.from(bytesOf(0, MiB + 10));
  bytes[MiB + 4] = (bytes[MiB + 4] as number) ^ 1;
  const writer = new RepeatingBlobs().createWriter();
  expect(() => writer.write(bytes)).toThrow('differs');
});
