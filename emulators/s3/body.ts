import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AwsChunkedDecoder, ChunkVerifier } from './auth/chunked.ts';
import { UNSIGNED_PAYLOAD } from './auth/claims.ts';
import { type ChecksumAlgorithm, checksumHeader, createChecksum, isChecksumValue } from './checksums/checksum.ts';
import { type ExpectedChecksum, type ExpectedDigests, expectedDigests } from './checksums/expected.ts';
import type { RequestContext } from './context.ts';
import { ClientGoneError, S3Error } from './errors.ts';
import { applyToUpload } from './faults.ts';

/** The values of x-amz-content-sha256 for bodies in chunks, and whether each chunk is signed. */
const CHUNKED_PAYLOADS: Readonly<Record<string, { isSigned: boolean }>> = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { isSigned: true },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { isSigned: true },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { isSigned: false },
};

const NO_DIGESTS: ExpectedDigests = { md5: undefined, checksum: undefined };

export interface ReceiveOptions {
  /** Bytes; more is EntityTooLarge. */
  readonly maximum: number;
  /** A checksum to compute even if none was promised. */
  readonly algorithm?: ChecksumAlgorithm | undefined;
  /** False where Content-MD5 and the checksum headers speak of something else than the body. */
  readonly checksumsAreOfBody?: boolean;
}

export interface ReceivedBody {
  readonly size: number;
  readonly md5: Buffer;
  /** Verified; the algorithm is the one promised by the request, or else the one asked for. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined;
}

/**
 * Receives the body of a request piece by piece and verifies everything that is said about it: its length, the hash or
 * the chunk signatures that the request's signature covers, Content-MD5 and a checksum in a header or a trailer.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 *
 * What `take` was given is to be discarded when this rejects.
 * @param take may return a promise to slow the client down.
 */
export async function receiveBody(
  context: RequestContext,
  take: (piece: Buffer) => Promise<void> | undefined,
  options: ReceiveOptions,
): Promise<ReceivedBody> {
  const expected = options.checksumsAreOfBody === false ? NO_DIGESTS : expectedDigests(context);
  const declared = declaredSize(context);
  if (declared > options.maximum) {
    throw new S3Error('EntityTooLarge', undefined, {
      details: { ProposedSize: String(declared), MaxSizeAllowed: String(options.maximum) },
    });
  }
  const md5 = createHash('md5');
  const algorithm = expected.checksum?.algorithm ?? options.algorithm;
  const checksum = algorithm === undefined ? undefined : createChecksum(algorithm);
  let size = 0;
  const trailers = await receivePayload(context, (piece) => {
    size += piece.length;
    if (size > declared) {
      throw new S3Error('IncompleteBody');
    }
    md5.update(piece);
    checksum?.update(piece);
    return take(piece);
  });
  if (size !== declared) {
    throw new S3Error(
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length header',
    );
  }
  const md5Digest = md5.digest();
  if (expected.md5 !== undefined && !expected.md5.equals(md5Digest)) {
    throw new S3Error('BadDigest', undefined, {
      details: { ExpectedDigest: expected.md5.toString('base64'), CalculatedDigest: md5Digest.toString('base64') },
    });
  }
  if (algorithm === undefined || checksum === undefined) {
    return { size, md5: md5Digest, checksum: undefined };
  }
  const value = checksum.digest().toString('base64');
  if (expected.checksum !== undefined && promisedValue(expected.checksum, trailers) !== value) {
    throw new S3Error('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`);
  }
  return { size, md5: md5Digest, checksum: { algorithm, value } };
}

/** Receives a whole small body, for instance an XML document. @param maximum bytes; more is MalformedXML. */
export async function receiveText(
  context: RequestContext,
  maximum: number,
  options: Omit<ReceiveOptions, 'maximum'> = {},
): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  await receiveBody(
    context,
    (piece) => {
      size += piece.length;
      if (size > maximum) {
        throw new S3Error('MalformedXML');
      }
      pieces.push(piece);
      return undefined;
    },
    { ...options, maximum: Number.MAX_SAFE_INTEGER },
  );
  return Buffer.concat(pieces).toString('utf8');
}

/** Whether a body follows the headers of the request. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Bytes of the body after decoding. @throws MissingContentLength, InvalidArgument */
function declaredSize(context: RequestContext): number {
  const { headers } = context.request;
  const isChunked = CHUNKED_PAYLOADS[context.authentication.claim.payloadHash] !== undefined;
  const length = isChunked ? headers['x-amz-decoded-content-length'] : headers['content-length'];
  if (length === undefined) {
    if (!isChunked && headers['transfer-encoding'] === undefined) {
      return 0;
    }
    throw new S3Error('MissingContentLength');
  }
  if (typeof length !== 'string' || !/^\d{1,15}$/.test(length)) {
    throw new S3Error('InvalidArgument', 'The length of the body must be a number of bytes.');
  }
  return Number(length);
}

function promisedValue(expected: ExpectedChecksum, trailers: ReadonlyMap<string, string>): string {
  if (expected.value !== undefined) {
    return expected.value;
  }
  const name = checksumHeader(expected.algorithm);
  const value = trailers.get(name);
  if (value === undefined || !isChecksumValue(expected.algorithm, value)) {
    throw new S3Error('InvalidRequest', `Value for ${name} trailing header is invalid.`);
  }
  return value;
}

/** Receives the payload by the mode that x-amz-content-sha256 names; returns its trailers. */
async function receivePayload(
  context: RequestContext,
  onData: (piece: Buffer) => Promise<void> | undefined,
): Promise<ReadonlyMap<string, string>> {
  const { claim, signer } = context.authentication;
  const mode = CHUNKED_PAYLOADS[claim.payloadHash];
  if (mode !== undefined) {
    const verifier = mode.isSigned ? new ChunkVerifier(signer, claim.timestamp, claim.signature) : undefined;
    const decoder = new AwsChunkedDecoder(verifier, onData);
    await pump(context, (piece) => decoder.write(piece));
    decoder.end();
    return decoder.trailers;
  }
  if (claim.payloadHash === UNSIGNED_PAYLOAD) {
    await pump(context, onData);
    return new Map();
  }
  if (!/^[0-9a-f]{64}$/.test(claim.payloadHash)) {
    throw new S3Error(
      'InvalidArgument',
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
    );
  }
  const sha256 = createHash('sha256');
  await pump(context, (piece) => {
    sha256.update(piece);
    return onData(piece);
  });
  const computed = sha256.digest('hex');
  if (computed !== claim.payloadHash) {
    throw new S3Error('XAmzContentSHA256Mismatch', undefined, {
      details: { ClientComputedContentSHA256: claim.payloadHash, S3ComputedContentSHA256: computed },
    });
  }
  return new Map();
}

/**
 * Feeds the body to `take`, pausing the socket while a promise of it is pending.
 * Events instead of an async iterator: several times cheaper at 64 KiB a piece.
 */
function pump(context: RequestContext, take: (piece: Buffer) => Promise<void> | undefined): Promise<void> {
  const { request, response, fault, expectation } = context;
  if (expectation.isPending) {
    expectation.isPending = false;
    response.writeContinue();
  }
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown) => {
      request.off('data', onData);
      request.off('end', onEnd);
      request.off('close', onClose);
      request.off('error', onClose);
      if (error === undefined) {
        resolve();
      } else {
        reject(error);
      }
    };
    let pending: Promise<void> | undefined;
    const onData = (piece: Buffer) => {
      context.bytes.received += piece.length;
      try {
        const disturbed = fault === undefined ? undefined : applyToUpload(fault, context, piece);
        pending = disturbed === undefined ? take(piece) : disturbed.then(() => take(piece));
        if (pending !== undefined) {
          request.pause();
          pending.then(() => request.resume(), settle);
        }
      } catch (error) {
        settle(error);
      }
    };
    const onEnd = () => {
      if (pending === undefined) {
        settle();
        return;
      }
      // The end may be told while the last piece is still pending, and is followed by the close of the stream.
      request.off('close', onClose);
      pending.then(() => settle(), settle);
    };
    const onClose = () => settle(new ClientGoneError());
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('close', onClose);
    request.on('error', onClose);
  });
}
