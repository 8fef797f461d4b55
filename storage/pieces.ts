import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { giveBack } from './http/read-memory.ts';

/**
 * Reads a stream to its end. `use` sees each piece as it came, must not throw, and must not keep it: its memory is read into
 * again. Iterating the stream would join the pieces that wait, which copies them and loses their memory. Rejects with
 * what the stream fails with.
 */
export async function eachPiece(stream: Readable, use: (piece: Uint8Array) => void): Promise<void> {
  stream.on('data', (piece: Uint8Array) => {
    use(piece);
    giveBack(piece);
  });
  // Somebody who stopped reading may have paused it.
  stream.resume();
  await finished(stream);
}
