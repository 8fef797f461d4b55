import type { Blob, BlobStorage, BlobWriter } from './blobs.ts';

/** Keeps blobs on the heap of this process; the garbage collector frees deleted ones. */
export class MemoryBlobStorage implements BlobStorage {
  createWriter(): BlobWriter {
    return new MemoryBlobWriter();
  }
}

class MemoryBlobWriter implements BlobWriter {
  readonly #pieces: Buffer[] = [];
  #size = 0;

  write(piece: Buffer): undefined {
    // Pieces are kept as they came from the socket: copying them together would cost half as much as hashing them. Only
    // a piece that holds on to a much larger allocation is copied out of it.
    this.#pieces.push(piece.buffer.byteLength > 2 * piece.length ? Buffer.from(piece) : piece);
    this.#size += piece.length;
  }

  async finish(): Promise<Blob> {
    return new MemoryBlob(this.#pieces, this.#size);
  }

  async abort(): Promise<void> {
    this.#pieces.length = 0;
  }
}

/** Bytes on the heap, in the pieces they came in, which must not be changed. */
export class MemoryBlob implements Blob {
  readonly size: number;
  readonly id = undefined;
  readonly #pieces: readonly Buffer[];

  constructor(pieces: readonly Buffer[], size: number) {
    this.#pieces = pieces;
    this.size = size;
  }

  *read(start: number, end: number): Iterable<Buffer> {
    let offset = 0;
    for (const piece of this.#pieces) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, piece.length);
      if (from < to) {
        yield piece.subarray(from, to);
      }
      offset += piece.length;
    }
  }

  // The garbage collector keeps the pieces for as long as a reader holds them.
  retain(): void {}
  release(): void {}
  delete(): void {}
}
