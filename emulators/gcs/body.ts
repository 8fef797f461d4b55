import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { ClientGoneError } from '../s3/errors.ts';
import { applyToUpload } from '../s3/faults.ts';
import { GcsError } from './errors.ts';
import { type Exchange, header } from './exchange.ts';
import { contentOf, crcText } from './store/content.ts';
import type { Content } from './store/records.ts';

/** https://cloud.google.com/storage/quotas#objects; far more than this server has memory for. */
const MAXIMUM_OBJECT_BYTES = 5 * 1024 ** 4;

/** Feeds the body of a request to `take`, piece by piece. @throws ClientGoneError, GcsError */
export async function receive(exchange: Exchange, take: (piece: Buffer) => void): Promise<void> {
  const { request, bytes } = exchange;
  const declared = header(exchange, 'content-length');
  if (declared === undefined && header(exchange, 'transfer-encoding') === undefined && /^P/.test(exchange.method)) {
    throw new GcsError('lengthRequired');
  }
  if (Number(declared ?? 0) > MAXIMUM_OBJECT_BYTES) throw new GcsError('entityTooLarge');
  const { fault } = exchange;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      bytes.received += piece.length;
      if (fault !== undefined) await applyToUpload(fault, exchange, piece);
      take(piece);
    }
  } catch (error) {
    if (error instanceof GcsError || error instanceof ClientGoneError) throw error;
    throw new ClientGoneError();
  }
}

/** Receives a body whole as content, with its hashes. */
export async function receiveContent(exchange: Exchange): Promise<Content> {
  const hashing = new HashedPieces();
  await receive(exchange, (piece) => hashing.take(piece));
  return hashing.finish();
}

const MAXIMUM_TEXT_BYTES = 4 * 1024 * 1024;

/** Receives a small body, such as a JSON or XML document. @throws entityTooLarge */
export async function receiveText(exchange: Exchange): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  await receive(exchange, (piece) => {
    size += piece.length;
    if (size > MAXIMUM_TEXT_BYTES) throw new GcsError('entityTooLarge');
    pieces.push(piece);
  });
  return Buffer.concat(pieces).toString('utf8');
}

/** Keeps bytes and hashes them as they come. */
export class HashedPieces {
  readonly #pieces: Buffer[] = [];
  readonly #md5 = createHash('md5');
  #crc = 0;

  take(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#md5.update(piece);
    this.#crc = crc32c(piece, this.#crc);
  }

  finish(): Content {
    return contentOf(this.#pieces, this.#crc, this.#md5.digest('base64'));
  }
}

/** Hashes that a writer claims, base64. */
export interface ExpectedHashes {
  crc32c?: string | undefined;
  md5?: string | undefined;
}

/** Compares content with what its writer claims. https://cloud.google.com/storage/docs/hashes-etags. @throws badDigest */
export function verifyHashes(content: Content, expected: ExpectedHashes): void {
  if (expected.crc32c !== undefined && expected.crc32c !== content.crc32c) {
    throw new GcsError(
      'badDigest',
      `Provided CRC32C "${expected.crc32c}" doesn't match calculated CRC32C "${content.crc32c}".`,
    );
  }
  if (expected.md5 !== undefined && expected.md5 !== content.md5) {
    throw new GcsError(
      'badDigest',
      `Provided MD5 hash "${expected.md5}" doesn't match calculated MD5 hash "${content.md5}".`,
    );
  }
}

/**
 * Hashes in the headers of a request: `x-goog-hash: crc32c=…,md5=…` and Content-MD5.
 * https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash. @throws invalid
 */
export function hashHeaders(exchange: Exchange): ExpectedHashes {
  const expected: ExpectedHashes = { md5: header(exchange, 'content-md5') };
  for (const item of (header(exchange, 'x-goog-hash') ?? '').split(',')) {
    const [, algorithm, value] = /^\s*(crc32c|md5)=([A-Za-z0-9+/]+=*)\s*$/.exec(item) ?? [];
    if (algorithm === undefined && item.trim() !== '') throw new GcsError('invalid', 'Invalid x-goog-hash header.');
    if (algorithm !== undefined) expected[algorithm as 'crc32c' | 'md5'] = value;
  }
  return expected;
}

/** The hashes that an answer states; a fault makes them wrong. */
export function statedHashes(
  { fault }: Exchange,
  { crc32c: crc, md5 }: Pick<Content, 'crc32c' | 'md5'>,
): ExpectedHashes {
  if (fault?.kind !== 'wrongHash') return { crc32c: crc, md5 };
  return {
    crc32c: crcText(~Buffer.from(crc, 'base64').readUInt32BE()),
    md5: md5 === undefined ? undefined : createHash('md5').update(md5).digest('base64'),
  };
}
