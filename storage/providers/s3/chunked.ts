import { Readable } from 'node:stream';
import type { DigestAlgorithm } from '../../digest-algorithm.ts';
import type { UploadBody } from '../../provider.ts';
import { toBase64 } from './properties.ts';

/**
 * aws-chunked with a checksum in the trailer ("Uploading objects with unsigned payload and trailing checksum" in the
 * SigV4 reference of S3): the body is sent once, and its checksum is known only when its last byte has gone.
 *
 * Chunks have a fixed size, so that the length of the whole is known at its start. S3 asks for 8 KiB at least;
 * compatible stores refuse those beyond 16 MiB.
 */
const chunkBytes = 1024 * 1024;
const lineEnd = Buffer.from('\r\n');

/** Length on the wire. */
export function chunkedLength(sizeBytes: number, algorithm: DigestAlgorithm): number {
  const full = Math.floor(sizeBytes / chunkBytes);
  const rest = sizeBytes % chunkBytes;
  const frame = (bytes: number) => bytes.toString(16).length + 2 + bytes + 2;
  return (
    full * frame(chunkBytes) + (rest > 0 ? frame(rest) : 0) + 3 + trailer(algorithm, emptyDigest(algorithm)).length
  );
}

/** The body in chunks, none of its bytes copied. Fails as its source does. */
export function chunked(body: UploadBody, algorithm: DigestAlgorithm): Readable {
  const source = body.source instanceof Readable ? body.source : Readable.from(body.source);
  return new ChunkedStream(source, body.sizeBytes, () => `0\r\n${trailer(algorithm, body.digest(algorithm))}`);
}

/** It listens to `data` and pauses, because reading a paused stream joins its buffered pieces, which copies every byte. */
class ChunkedStream extends Readable {
  readonly #source: Readable;
  #remaining: number;
  /** Bytes that the chunk under way still takes. */
  #room = 0;

  /** @param last Makes what follows the bytes, once all of them have passed. */
  constructor(source: Readable, sizeBytes: number, last: () => string) {
    // Only what it comes from reads ahead.
    super({ highWaterMark: 1 });
    this.#source = source;
    this.#remaining = sizeBytes;
    // Whoever sends it hears of errors through the stream; nobody may be sending it any more when one arrives.
    this.on('error', () => {});
    source.pause();
    source.on('data', (piece: Uint8Array) => {
      if (!this.#frame(piece)) source.pause();
    });
    source.on('end', () => {
      this.push(last());
      this.push(null);
    });
    source.on('error', (error) => this.destroy(error));
    source.on('close', () => {
      if (!source.readableEnded) this.destroy(source.errored ?? new Error('The body was closed before its end.'));
    });
  }

  override _read(): void {
    this.#source.resume();
  }

  /** Returns whether more may come. */
  #frame(piece: Uint8Array): boolean {
    let isWanted = true;
    for (let at = 0; at < piece.byteLength; ) {
      if (this.#room === 0) {
        this.#room = Math.min(chunkBytes, this.#remaining);
        this.push(`${this.#room.toString(16)}\r\n`);
      }
      const part = piece.subarray(at, at + this.#room);
      isWanted = this.push(part);
      at += part.byteLength;
      this.#room -= part.byteLength;
      this.#remaining -= part.byteLength;
      if (this.#room === 0) isWanted = this.push(lineEnd);
    }
    return isWanted;
  }
}

function trailer(algorithm: DigestAlgorithm, hex: string): string {
  return `x-amz-checksum-${algorithm}:${toBase64(hex)}\r\n\r\n`;
}

const hexDigits: Partial<Record<DigestAlgorithm, number>> = { crc32: 8, crc32c: 8, crc64nvme: 16, sha256: 64 };

/** Stands in for a digest of the algorithm's length. */
function emptyDigest(algorithm: DigestAlgorithm): string {
  const digits = hexDigits[algorithm];
  if (digits === undefined) throw new RangeError(`S3 has no trailer for ${algorithm}.`);
  return '0'.repeat(digits);
}
