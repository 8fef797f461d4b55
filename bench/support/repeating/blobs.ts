import { createCipheriv } from 'node:crypto';
import type { Blob, BlobStorage, BlobWriter } from '../../../emulators/s3/store/blobs.ts';
import { MemoryBlob } from '../../../emulators/s3/store/memory-blobs.ts';

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

/** Bodies up to this size may be anything: the product writes such to try an account. */
const otherBytes = 16 * 1024;

/**
 * Keeps bodies of any size in no memory, and loses nothing: each byte that comes is compared with the repetition, anything
 * else is refused unless it is small, and what is read is what was written. Parts begin at multiples of the block, so it
 * would not tell one part from another of the same length; neither would a hash of the whole.
 */
export class RepeatingBlobs implements BlobStorage {
  createWriter(): BlobWriter {
    const first: Buffer[] = [];
    let size = 0;
    let isRepetition = true;
    return {
      write(piece) {
        isRepetition &&= continues(piece, size);
        size += piece.length;
        if (size <= otherBytes) first.push(piece);
        else if (!isRepetition) throw new Error('A body differs from the repetition, and is too large to be kept.');
        return undefined;
      },
      finish: async () => (isRepetition ? new RepeatingBlob(size) : new MemoryBlob(first, size)),
      abort: async () => {},
    };
  }
}

/** Whether these bytes are those that follow so many of the repetition. */
function continues(piece: Buffer, offset: number): boolean {
  for (let at = 0; at < piece.length; ) {
    const from = (offset + at) % blockBytes;
    const length = Math.min(piece.length - at, blockBytes - from);
    if (block.compare(piece, at, at + length, from, from + length) !== 0) return false;
    at += length;
  }
  return true;
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
