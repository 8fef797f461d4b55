import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { streamBody } from '../../digest.ts';
import { chunked, chunkedLength } from './chunked.ts';

const MiB = 1024 ** 2;

/** A body that comes in pieces of one stretch of memory, all of which wait at once. */
function bodyOf(bytes: Buffer, pieceBytes: number) {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return streamBody(Readable.from(pieces), bytes.length, ['crc32c']);
}

it.each([
  [0, 16 * 1024],
  [1, 16 * 1024],
  [MiB, 16 * 1024],
  [2 * MiB + 1, 100_000],
])('frames %i bytes as S3 reads them, in the length that was announced', async (size, pieceBytes) => {
  const bytes = Buffer.alloc(size, 'what is sent ');
  const body = bodyOf(bytes, pieceBytes);
  const sent = await buffer(chunked(body, 'crc32c'));
  expect(sent.length).toBe(chunkedLength(size, 'crc32c'));
  const read: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = sent.indexOf('\r\n', at);
    const length = Number.parseInt(sent.toString('latin1', at, lineEnd), 16);
    at = lineEnd + 2;
    if (length === 0) break;
    read.push(sent.subarray(at, at + length));
    at += length;
    expect(sent.toString('latin1', at, at + 2)).toBe('\r\n');
    at += 2;
  }
  expect(Buffer.concat(read).equals(bytes)).toBe(true);
  const value = Buffer.from(body.digest('crc32c'), 'hex').toString('base64');
  expect(sent.toString('latin1', at)).toBe(`x-amz-checksum-crc32c:${value}\r\n\r\n`);
});

it('passes on the memory that it was given, however many pieces wait', async () => {
  const bytes = Buffer.allocUnsafeSlow(MiB);
  const passed: number[] = [];
  const slow = new Writable({
    highWaterMark: 1,
    write(piece: Buffer, _encoding, done) {
      if (piece.buffer === bytes.buffer) passed.push(piece.length);
      setImmediate(done);
    },
  });
  const framed = chunked(bodyOf(bytes, 16 * 1024), 'crc32c');
  framed.on('data', (piece) => {
    if (slow.write(piece)) return;
    framed.pause();
    slow.once('drain', () => framed.resume());
  });
  framed.once('end', () => slow.end());
  await new Promise((resolve) => slow.once('finish', resolve));
  expect(passed).toEqual(Array.from({ length: 64 }, () => 16 * 1024));
});

it('fails as its source does', async () => {
  const failing = Readable.from(
    (async function* () {
      yield Buffer.alloc(10);
      throw new Error('the source broke');
    })(),
  );
  await expect(buffer(chunked(streamBody(failing, 20, ['crc32c']), 'crc32c'))).rejects.toThrow('the source broke');
});
