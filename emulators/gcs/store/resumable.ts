import { createHash, type Hash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { contentOf } from './content.ts';
import type { Content, ObjectAttributes } from './records.ts';

/**
 * A resumable upload; its bytes are kept chunk by chunk until the last.
 * https://cloud.google.com/storage/docs/resumable-uploads
 */
export class ResumableSession {
  readonly id: string;
  readonly bucket: string;
  readonly name: string;
  readonly attributes: ObjectAttributes;
  /** Query of the request that began it: its preconditions hold when the object is made. */
  readonly query: URLSearchParams;
  /** Hashes that the object must have, base64. */
  readonly expected: { crc32c?: string | undefined; md5?: string | undefined };
  readonly expiresAt: number;
  readonly #pieces: Buffer[] = [];
  readonly #md5: Hash = createHash('md5');
  #crc = 0;
  #size = 0;

  constructor(
    init: Pick<ResumableSession, 'id' | 'bucket' | 'name' | 'attributes' | 'query' | 'expected' | 'expiresAt'>,
  ) {
    this.id = init.id;
    this.bucket = init.bucket;
    this.name = init.name;
    this.attributes = init.attributes;
    this.query = init.query;
    this.expected = init.expected;
    this.expiresAt = init.expiresAt;
  }

  get size(): number {
    return this.#size;
  }

  append(pieces: readonly Buffer[]): void {
    for (const piece of pieces) {
      this.#pieces.push(piece);
      this.#md5.update(piece);
      this.#crc = crc32c(piece, this.#crc);
      this.#size += piece.length;
    }
  }

  /** Ends the session's hashes; may be called once. */
  finish(): Content {
    return contentOf(this.#pieces, this.#crc, this.#md5.digest('base64'));
  }
}
