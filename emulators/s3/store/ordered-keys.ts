import type { ByteString } from '../keys.ts';

const CHUNK_CAPACITY = 512;

/** Reads an ordered set of keys forwards. Valid only until the set changes. */
export interface KeyCursor {
  next(): ByteString | undefined;
  /** Moves to the first key that is not below `key`. */
  seek(key: ByteString): void;
}

/**
 * A set of keys in byte order, in which S3 lists them (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ListingKeysUsingAPIs.html): sorted chunks of at most 512 keys, found by binary search, so that an insertion moves a
 * few hundred entries even among millions.
 */
export class OrderedKeys {
  readonly #chunks: ByteString[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a key; adding one that is there changes nothing. */
  add(key: ByteString): void {
    if (this.#chunks.length === 0) {
      this.#chunks.push([key]);
      this.#size = 1;
      return;
    }
    const position = this.#chunkOf(key);
    const chunk = this.#chunks[position] as ByteString[];
    const index = lowerBound(chunk, key);
    if (chunk[index] === key) {
      return;
    }
    chunk.splice(index, 0, key);
    this.#size += 1;
    if (chunk.length > CHUNK_CAPACITY) {
      // Keys often arrive in order: leaving the left part nearly full keeps the chunks dense then.
      const isAppend = position === this.#chunks.length - 1 && index === chunk.length - 1;
      const at = isAppend ? chunk.length - 1 : chunk.length >> 1;
      this.#chunks.splice(position + 1, 0, chunk.splice(at));
    }
  }

  delete(key: ByteString): void {
    if (this.#chunks.length === 0) {
      return;
    }
    const position = this.#chunkOf(key);
    const chunk = this.#chunks[position] as ByteString[];
    const index = lowerBound(chunk, key);
    if (chunk[index] !== key) {
      return;
    }
    chunk.splice(index, 1);
    this.#size -= 1;
    if (chunk.length === 0) {
      this.#chunks.splice(position, 1);
    }
  }

  /** A cursor whose first key is the first that is not below `from`. */
  cursor(from: ByteString): KeyCursor {
    let position = 0;
    let index = 0;
    const chunks = this.#chunks;
    const seek = (key: ByteString): void => {
      if (chunks.length === 0) {
        return;
      }
      position = this.#chunkOf(key);
      index = lowerBound(chunks[position] as ByteString[], key);
    };
    seek(from);
    return {
      seek,
      next(): ByteString | undefined {
        let chunk = chunks[position];
        if (chunk !== undefined && index >= chunk.length) {
          position += 1;
          index = 0;
          chunk = chunks[position];
        }
        if (chunk === undefined) {
          return undefined;
        }
        const key = chunk[index];
        index += 1;
        return key;
      },
    };
  }

  /** The chunk that holds `key` or into which it belongs: the last one whose first key is not above it. */
  #chunkOf(key: ByteString): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#chunks[middle]?.[0] as ByteString) <= key) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
}

function lowerBound(chunk: readonly ByteString[], key: ByteString): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunk[middle] as ByteString) < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
