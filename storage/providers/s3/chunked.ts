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

/** The body in chunks, none of its bytes copied. */
export async function* chunked(body: UploadBody, algorithm: DigestAlgorithm): AsyncGenerator<Uint8Array> {
  let remaining = body.sizeBytes;
  let room = 0;
  for await (let piece of body.source) {
    while (piece.byteLength > 0) {
      if (room === 0) {
        room = Math.min(chunkBytes, remaining);
        yield Buffer.from(`${room.toString(16)}\r\n`);
      }
      const part = piece.subarray(0, room);
      yield part;
      piece = piece.subarray(part.byteLength);
      room -= part.byteLength;
      remaining -= part.byteLength;
      if (room === 0) yield lineEnd;
    }
  }
  yield Buffer.from(`0\r\n${trailer(algorithm, body.digest(algorithm))}`);
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
