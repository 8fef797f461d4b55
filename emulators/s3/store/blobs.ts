/**
 * An immutable sequence of bytes: the body of an object or of one uploaded part, which is never changed but replaced.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingObjects.html
 */
export interface Blob {
  readonly size: number;
  /** The bytes from `start` to before `end`, in pieces; the pieces must not be changed. */
  read(start: number, end: number): Iterable<Buffer> | AsyncIterable<Buffer>;
  /** Keeps the bytes readable, even when the blob is deleted meanwhile, until `release` was called as often. */
  retain(): void;
  release(): void;
  /** Frees the storage. Must be called once, after the last record that refers to the blob is gone. */
  delete(): void;
  /** A name to find the blob again after a restart; only blobs on disk have one. */
  readonly id: string | undefined;
}

export interface BlobWriter {
  /**
   * Takes over `chunk`, which must not be changed afterwards. A returned promise asks the caller to wait for it before
   * writing more; it rejects when the storage fails.
   */
  write(chunk: Buffer): Promise<void> | undefined;
  finish(): Promise<Blob>;
  /** Discards what was written; safe at any time before `finish` has resolved. */
  abort(): Promise<void>;
}

export interface BlobStorage {
  createWriter(): BlobWriter;
}

/** Reads bytes `start` to before `end` of the concatenation of `blobs`, which the caller retains meanwhile. */
export async function* readBlobs(blobs: readonly Blob[], start: number, end: number): AsyncGenerator<Buffer> {
  let offset = 0;
  for (const blob of blobs) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, blob.size);
    if (from < to) {
      yield* blob.read(from, to);
    }
    offset += blob.size;
    if (offset >= end) {
      return;
    }
  }
}
