import { createCipheriv } from 'node:crypto';
import type { Blob, BlobStorage, BlobWriter } from '../../../emulators/s3/store/blobs.ts';

/** Every body is the beginning of this block, again and again: random bytes, the same in every process. */
const blockBytes = 1024 * 1024;
const block = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16)).update(Buffer.alloc(blockBytes));
const pieceBytes = 64 * 1024;

/** Bytes `start` to before `end` of an endless repetition of the block, without a copy of it. */
export function* repetition(start: number, end: number): Generator<Buffer> {
  for (let at = start; at < end; ) {
    const from = at % blockBytes;
    const piece = block.subarray(from, Math.min(from + pieceBytes, blockBytes, from + end - at));
    yield piece;
    at += piece.length;
  }
}

/**
 * Keeps bodies of any size in no memory at all, and loses nothing: each byte that comes is compared with the repetition,
 * anything else is refused, and what is read is what was written. Parts begin at multiples of the block, so it would not
 * tell one part from another of the same length; the hash of the whole is of the same bytes then, too.
 */
export class RepeatingBlobs implements BlobStorage {
  createWriter(): BlobWriter {
    let size = 0;
    return {
      write(piece) {
        for (let at = 0; at < piece.length; ) {
          const from = (size + at) % blockBytes;
          const length = Math.min(piece.length - at, blockBytes - from);
          if (block.compare(piece, at, at + length, from, from + length) !== 0) {
            throw new Error(`A body differs from the repetition behind byte ${size + at}.`);
          }
          at += length;
        }
        size += piece.length;
        return undefined;
      },
      finish: async () => new RepeatingBlob(size),
      abort: async () => {},
    };
  }
}

/** So many bytes of the repetition. */
export class RepeatingBlob implements Blob {
  readonly size: number;
  readonly id = undefined;

  constructor(size: number) {
    this.size = size;
  }

  read(start: number, end: number): Iterable<Buffer> | AsyncIterable<Buffer> {
    return repetition(start, end);
  }

  retain(): void {}
  release(): void {}
  delete(): void {}
}
