import { createHash } from 'node:crypto';

/** Bytes of a file as they arrived; shared by its copies. */
export interface Blob {
  readonly chunks: readonly Buffer[];
  readonly size: number;
  readonly contentHash: string;
}

export const BLOCK_BYTES = 4 * 1024 * 1024;

export function blobOf(chunks: readonly Buffer[]): Blob {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { chunks, size, contentHash: contentHash(chunks) };
}

/** SHA-256 over the SHA-256 of each 4 MiB: https://www.dropbox.com/developers/reference/content-hash */
export function contentHash(chunks: readonly Buffer[]): string {
  const whole = createHash('sha256');
  let block = createHash('sha256');
  let filled = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + BLOCK_BYTES - filled);
      block.update(piece);
      filled += piece.length;
      at += piece.length;
      if (filled === BLOCK_BYTES) {
        whole.update(block.digest());
        block = createHash('sha256');
        filled = 0;
      }
    }
  }
  if (filled > 0) whole.update(block.digest());
  return whole.digest('hex');
}

/** The bytes from `start` up to, not including, `end`. */
export function* slice({ chunks }: Blob, start: number, end: number): Generator<Buffer> {
  let at = 0;
  for (const chunk of chunks) {
    const piece = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
    if (piece.length > 0) yield piece;
    at += chunk.length;
    if (at >= end) return;
  }
}
