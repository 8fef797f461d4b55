import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32, crc32c } from '@node-rs/crc32';
import { AppError } from '../core/errors.ts';
import type { DigestAlgorithm, Digests } from './digest-algorithm.ts';
import type { UploadBody } from './provider.ts';

/** Hashes bytes as they pass, any number of algorithms at once. */
export interface StreamingDigest {
  update(chunk: Uint8Array): void;
  /** Lower-case hex of everything seen so far. Ends the digest: neither method may be called afterwards. */
  digest(): Digests;
}

/**
 * Repeated algorithms count once. Throws a RangeError for CRC64NVME: there is no native implementation to hand, one in
 * JavaScript costs more than MD5, and no provider asks for it.
 */
export function createDigest(algorithms: readonly DigestAlgorithm[]): StreamingDigest {
  const running = [...new Set(algorithms)].map((algorithm) => ({ algorithm, ...start(algorithm) }));
  return {
    update(chunk) {
      for (const one of running) one.update(chunk);
    },
    digest() {
      return Object.fromEntries(running.map((one) => [one.algorithm, one.hex()]));
    },
  };
}

function start(algorithm: DigestAlgorithm): { update(chunk: Uint8Array): void; hex(): string } {
  switch (algorithm) {
    case 'crc32':
    case 'crc32c': {
      const step = algorithm === 'crc32' ? crc32 : crc32c;
      let value = 0;
      return {
        update(chunk) {
          value = step(chunk, value);
        },
        hex: () => toHex(value),
      };
    }
    case 'md5':
    case 'sha256': {
      const hash = createHash(algorithm);
      return {
        update(chunk) {
          hash.update(chunk);
        },
        hex: () => hash.digest('hex'),
      };
    }
    case 'dropbox':
      return hashBlocks((blocks) => createHash('sha256').update(blocks).digest('hex'));
    case 'dropbox-blocks':
      return hashBlocks((blocks) => blocks.toString('hex'));
    case 'crc64nvme':
      throw new RangeError('CRC64NVME cannot be computed here.');
  }
}

/** Dropbox, "Content hash": blocks of this size are hashed one by one. */
export const dropboxBlockBytes = 4 * 1024 * 1024;

function hashBlocks(join: (blocks: Buffer) => string): { update(chunk: Uint8Array): void; hex(): string } {
  const blocks: Buffer[] = [];
  let current = createHash('sha256');
  let filled = 0;
  const endBlock = () => {
    blocks.push(current.digest());
    current = createHash('sha256');
    filled = 0;
  };
  return {
    update(chunk) {
      for (let at = 0; at < chunk.byteLength; ) {
        const piece = chunk.subarray(at, at + dropboxBlockBytes - filled);
        current.update(piece);
        filled += piece.byteLength;
        at += piece.byteLength;
        if (filled === dropboxBlockBytes) endBlock();
      }
    },
    hex() {
      if (filled > 0) endBlock();
      return join(Buffer.concat(blocks));
    },
  };
}

/**
 * Dropbox's content hash of a whole from the `dropbox-blocks` of its pieces in order. Each piece but the last is a
 * multiple of 4 MiB long.
 */
export function combineDropboxBlocks(pieces: readonly string[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(Buffer.from(piece, 'hex'));
  return hash.digest('hex');
}

/** CRC32C of A followed by B, from the CRCs of both and the length of B in bytes. CRCs are hex. */
export function combineCrc32c(crcA: string, crcB: string, lengthB: number): string {
  return combine(crcA, crcB, lengthB, powers32c);
}

/** CRC32 (ISO-HDLC, as zlib) of A followed by B, from the CRCs of both and the length of B in bytes. CRCs are hex. */
export function combineCrc32(crcA: string, crcB: string, lengthB: number): string {
  return combine(crcA, crcB, lengthB, powers32);
}

interface Powers {
  /** Reflected generator polynomial. */
  polynomial: number;
  /** x^(2^k) modulo the polynomial. */
  squares: readonly number[];
}

const powers32 = powersOf(0xedb88320);
const powers32c = powersOf(0x82f63b78);

/** Enough squares for lengths up to 2^53 bytes, which are 2^56 bits. */
function powersOf(polynomial: number): Powers {
  const squares: number[] = [0x40000000];
  for (let k = 1; k <= 56; k++) {
    const last = squares[k - 1] as number;
    squares.push(multiply(last, last, polynomial));
  }
  return { polynomial, squares };
}

/** a * b in GF(2)[x] modulo the polynomial; the highest bit is the lowest power, as CRCs are reflected. */
function multiply(a: number, b: number, polynomial: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ polynomial : shifted >>> 1;
  }
  return product >>> 0;
}

/** CRC(A B) = CRC(A) * x^(8 * |B|) + CRC(B), the method of zlib's crc32_combine. */
function combine(crcA: string, crcB: string, lengthB: number, { polynomial, squares }: Powers): string {
  if (!Number.isSafeInteger(lengthB) || lengthB < 0) throw new RangeError('lengthB must be a number of bytes.');
  let shift = 0x80000000;
  let remaining = lengthB;
  for (let k = 3; remaining > 0; k++) {
    if (remaining % 2 === 1) shift = multiply(squares[k] as number, shift, polynomial);
    remaining = Math.floor(remaining / 2);
  }
  return toHex((multiply(shift, fromHex(crcA), polynomial) ^ fromHex(crcB)) >>> 0);
}

function toHex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

function fromHex(crc: string): number {
  if (!/^[0-9a-f]{8}$/.test(crc)) throw new RangeError('A CRC is eight lower-case hex digits.');
  return Number.parseInt(crc, 16);
}

/**
 * A body that is hashed while it flows from `readable`. Its source fails with OBJECT_CHANGED when `readable` turns out
 * shorter or longer than `sizeBytes`, and with readable's own error when that fails; destroying the source destroys
 * `readable`. Bytes beyond `sizeBytes` are never passed on.
 *
 * @param admit Holds a chunk back until what it returns resolves; undefined: the chunk passes at once.
 */
export function streamBody(
  readable: Readable,
  sizeBytes: number,
  algorithms: readonly DigestAlgorithm[],
  admit?: (bytes: number) => Promise<void> | undefined,
): UploadBody & { readonly source: Readable } {
  const source = new MeteredStream(readable, sizeBytes, createDigest(algorithms), admit);
  return { sizeBytes, source, digest: (algorithm) => pick(source.digests, algorithm) };
}

/** A body that is in memory already; its digests are known at once. The chunks must not change until it is sent. */
export function bufferedBody(
  chunks: readonly Uint8Array[],
  algorithms: readonly DigestAlgorithm[],
): UploadBody & { readonly source: readonly Uint8Array[] } {
  const digest = createDigest(algorithms);
  let sizeBytes = 0;
  for (const chunk of chunks) {
    digest.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  const digests = digest.digest();
  return { sizeBytes, source: chunks, digest: (algorithm) => pick(digests, algorithm) };
}

/** The same body for a cloud that checks what its source states of it; made with no algorithms. */
export function statedBody({ sizeBytes, source }: UploadBody, stated: NonNullable<UploadBody['stated']>): UploadBody {
  return { sizeBytes, source, stated, digest: (algorithm) => pick(stated, algorithm) };
}

/** What of a body is stated; undefined for one that is hashed here. */
export function statedAlgorithm({ stated }: UploadBody): 'crc32c' | 'md5' | undefined {
  if (stated?.crc32c !== undefined) return 'crc32c';
  return stated?.md5 === undefined ? undefined : 'md5';
}

function pick(digests: Digests | undefined, algorithm: DigestAlgorithm): string {
  if (digests === undefined) throw new Error('The body has not been read to its end: its digest is not known yet.');
  const value = digests[algorithm];
  if (value === undefined) throw new Error(`The body was not made with ${algorithm}.`);
  return value;
}

/**
 * Passes chunks on without copying them. It listens to `data` and pauses, because reading a paused stream joins its
 * buffered chunks, which copies every byte.
 */
class MeteredStream extends Readable {
  digests: Digests | undefined;
  readonly #inner: Readable;
  readonly #sizeBytes: number;
  #seenBytes = 0;
  /** Settles once the chunk that is held back has passed. */
  #held: Promise<void> | undefined;

  constructor(
    inner: Readable,
    sizeBytes: number,
    digest: StreamingDigest,
    admit?: (bytes: number) => Promise<void> | undefined,
  ) {
    // Only what it comes from reads ahead: each stage on the way would hold 64 KiB more.
    super({ highWaterMark: 1 });
    this.#inner = inner;
    this.#sizeBytes = sizeBytes;
    // Whoever reads hears of errors through the stream; nobody may be reading yet when one arrives.
    this.on('error', () => {});
    inner.pause();
    inner.on('data', (chunk: Uint8Array) => {
      this.#seenBytes += chunk.byteLength;
      if (this.#seenBytes > sizeBytes) {
        this.destroy(this.#wrongSize('longer'));
        return;
      }
      digest.update(chunk);
      const admitted = admit?.(chunk.byteLength);
      if (admitted === undefined) {
        if (!this.push(chunk)) inner.pause();
        return;
      }
      inner.pause();
      this.#held = admitted.then(
        () => {
          this.#held = undefined;
          if (this.push(chunk)) inner.resume();
        },
        (error: Error) => void this.destroy(error),
      );
    });
    const finish = () => {
      if (this.#seenBytes < sizeBytes) {
        this.destroy(this.#wrongSize('shorter'));
        return;
      }
      this.digests = digest.digest();
      this.push(null);
    };
    inner.on('end', () => {
      if (this.#held === undefined) finish();
      else void this.#held.then(finish);
    });
    inner.on('error', (error) => this.destroy(error));
    inner.on('close', () => {
      if (!inner.readableEnded && this.digests === undefined) this.destroy(this.#wrongSize('shorter'));
    });
  }

  override _read(): void {
    if (this.#held === undefined) this.#inner.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#inner.destroy();
    callback(error);
  }

  #wrongSize(how: 'longer' | 'shorter'): AppError {
    return new AppError(
      'OBJECT_CHANGED',
      `The source is ${how} than the ${this.#sizeBytes} bytes it was listed with. It may have changed meanwhile.`,
    );
  }
}
