import { combineCrcs } from '../../s3/checksums/combine-crc.ts';
import type { Blob } from '../../s3/store/blobs.ts';
import { MemoryBlob } from '../../s3/store/memory-blobs.ts';
import type { Content } from './records.ts';

export function contentOf(pieces: readonly Buffer[], crc: number, md5: string): Content {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const blobs: Blob[] = [new MemoryBlob(pieces, size)];
  return { blobs, size, crc32c: crcText(crc), md5 };
}

/** Base64 of a CRC32C in big-endian byte order. https://cloud.google.com/storage/docs/hashes-etags */
export function crcText(crc: number): string {
  const raw = Buffer.alloc(4);
  raw.writeUInt32BE(crc >>> 0);
  return raw.toString('base64');
}

/** Several contents one after another: such objects have a CRC32C and no MD5. */
export function joined(contents: readonly Content[], componentCount?: number): Content {
  const crc = combineCrcs(
    'CRC32C',
    contents.map(({ crc32c, size }) => ({ crc: Buffer.from(crc32c, 'base64'), length: size })),
  );
  return {
    blobs: contents.flatMap(({ blobs }) => blobs),
    size: contents.reduce((sum, { size }) => sum + size, 0),
    crc32c: crc.toString('base64'),
    md5: undefined,
    ...(componentCount === undefined ? {} : { componentCount }),
  };
}
