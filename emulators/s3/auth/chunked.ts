import { createHash, type Hash } from 'node:crypto';
import { S3Error } from '../errors.ts';
import { type ScopedSigner, signaturesEqual } from './sigv4.ts';

const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html: every chunk but the last. */
const MINIMUM_CHUNK_BYTES = 8192;
const MAXIMUM_LINE_BYTES = 16 * 1024;

const CR = 0x0d;
const LF = 0x0a;

/** Verifies the chain of signatures that begins with the request's own: each covers the one before it. */
export class ChunkVerifier {
  readonly #signer: ScopedSigner;
  readonly #timestamp: string;
  #previous: string;

  constructor(signer: ScopedSigner, timestamp: string, seedSignature: string) {
    this.#signer = signer;
    this.#timestamp = timestamp;
    this.#previous = seedSignature;
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html */
  verifyChunk(signature: string, dataSha256: string): void {
    this.#verify(signature, 'AWS4-HMAC-SHA256-PAYLOAD', `${EMPTY_SHA256}\n${dataSha256}`);
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html */
  verifyTrailers(signature: string, canonicalTrailers: string): void {
    this.#verify(
      signature,
      'AWS4-HMAC-SHA256-TRAILER',
      createHash('sha256').update(canonicalTrailers, 'latin1').digest('hex'),
    );
  }

  #verify(signature: string, kind: string, rest: string): void {
    const expected = this.#signer.sign([kind, this.#timestamp, this.#signer.scope, this.#previous, rest].join('\n'));
    if (!signaturesEqual(expected, signature)) {
      throw new S3Error('SignatureDoesNotMatch');
    }
    this.#previous = expected;
  }
}

type State = 'header' | 'data' | 'data-end' | 'trailers' | 'finished';

/** Decodes a body of content-encoding aws-chunked as it arrives, without copying the data. */
export class AwsChunkedDecoder {
  /** Lower-case names; complete once `end` has returned. */
  readonly trailers = new Map<string, string>();
  readonly #verifier: ChunkVerifier | undefined;
  readonly #onData: (data: Buffer) => Promise<void> | undefined;
  #state: State = 'header';
  #line: number[] = [];
  #remaining = 0;
  #hasShortChunk = false;
  #chunkSignature = '';
  #chunkHash: Hash | undefined;
  #trailerSignature: string | undefined;

  /**
   * @param verifier for signed chunks; undefined where chunks are unsigned.
   * @param onData takes each piece of decoded data, and may ask to be waited for.
   */
  constructor(verifier: ChunkVerifier | undefined, onData: (data: Buffer) => Promise<void> | undefined) {
    this.#verifier = verifier;
    this.#onData = onData;
  }

  /** @throws SignatureDoesNotMatch, InvalidChunkSizeError, IncompleteBody */
  write(encoded: Buffer): Promise<void> | undefined {
    let pending: Promise<void> | undefined;
    let at = 0;
    while (at < encoded.length) {
      if (this.#state === 'data') {
        const data = encoded.subarray(at, at + this.#remaining);
        at += data.length;
        this.#remaining -= data.length;
        this.#chunkHash?.update(data);
        pending = this.#onData(data) ?? pending;
        if (this.#remaining === 0) {
          this.#state = 'data-end';
        }
        continue;
      }
      if (this.#state === 'finished') {
        throw malformed('Data follows the last chunk of the request body.');
      }
      const byte = encoded[at] as number;
      at += 1;
      if (byte !== LF) {
        this.#line.push(byte);
        if (this.#line.length > MAXIMUM_LINE_BYTES) {
          throw malformed('A chunk header of the request body is too long.');
        }
      } else {
        this.#takeLine();
      }
    }
    return pending;
  }

  /** Must be called after the last `write`. @throws IncompleteBody, SignatureDoesNotMatch */
  end(): void {
    // The empty line at the very end is optional in practice: several clients leave it out.
    if (this.#state === 'trailers' && this.#line.length === 0) {
      this.#finish();
    }
    if (this.#state !== 'finished') {
      throw new S3Error('IncompleteBody');
    }
  }

  #takeLine(): void {
    if (this.#line.pop() !== CR) {
      throw malformed('A line of the chunked request body does not end in CRLF.');
    }
    const line = Buffer.from(this.#line).toString('latin1');
    this.#line = [];
    if (this.#state === 'header') {
      this.#beginChunk(line);
    } else if (this.#state === 'data-end') {
      if (line !== '') {
        throw malformed('A chunk of the request body is longer than its header says.');
      }
      this.#endChunk();
      this.#state = 'header';
    } else if (line === '') {
      this.#finish();
    } else {
      this.#takeTrailer(line);
    }
  }

  #beginChunk(line: string): void {
    const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
    if (match === null || (this.#verifier !== undefined && match[2] === undefined)) {
      throw malformed('A chunk header of the request body is malformed.');
    }
    this.#remaining = Number.parseInt(match[1] as string, 16);
    if (this.#remaining > 0 && this.#hasShortChunk) {
      throw new S3Error('InvalidChunkSizeError');
    }
    this.#hasShortChunk = this.#remaining < MINIMUM_CHUNK_BYTES;
    if (this.#verifier !== undefined) {
      this.#chunkSignature = match[2] as string;
      this.#chunkHash = createHash('sha256');
    }
    if (this.#remaining > 0) {
      this.#state = 'data';
    } else {
      this.#endChunk();
      this.#state = 'trailers';
    }
  }

  #endChunk(): void {
    if (this.#chunkHash !== undefined) {
      this.#verifier?.verifyChunk(this.#chunkSignature, this.#chunkHash.digest('hex'));
    }
  }

  #takeTrailer(line: string): void {
    const at = line.indexOf(':');
    if (at < 1) {
      throw malformed('A trailer of the request body is malformed.');
    }
    const name = line.slice(0, at).trim().toLowerCase();
    const value = line.slice(at + 1).trim();
    if (name === 'x-amz-trailer-signature') {
      this.#trailerSignature = value;
    } else {
      this.trailers.set(name, value);
    }
  }

  #finish(): void {
    if (this.#verifier !== undefined && (this.trailers.size > 0 || this.#trailerSignature !== undefined)) {
      const canonical = [...this.trailers].map(([name, value]) => `${name}:${value}\n`).join('');
      this.#verifier.verifyTrailers(this.#trailerSignature ?? '', canonical);
    }
    this.#state = 'finished';
  }
}

function malformed(message: string): S3Error {
  return new S3Error('InvalidRequest', message);
}
