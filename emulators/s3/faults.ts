import { setTimeout as delay } from 'node:timers/promises';
import { resetSocket } from '../reset.ts';
import type { RequestContext } from './context.ts';
import { ClientGoneError, S3Error } from './errors.ts';
import { matches, type RequestInfo, type RequestMatch } from './observer.ts';

/** What goes wrong. Byte counts are of the request's body for operations that upload, of the answer's body otherwise. */
export type FaultAction =
  /** Answers an error without performing the operation. 503 is ServiceUnavailable. */
  | { readonly kind: 'status'; readonly status: 429 | 500 | 503; readonly retryAfterSeconds?: number }
  /** Answers 503 SlowDown without performing the operation. */
  | { readonly kind: 'slowDown'; readonly retryAfterSeconds?: number }
  /** Answers 400 ExpiredToken, as for a session token that has expired before its time. */
  | { readonly kind: 'expiredToken' }
  /** Answers this error without performing the operation: as in a bucket that is gone, or a store that is full. */
  | { readonly kind: 'refuse'; readonly code: 'NoSuchBucket' | 'QuotaExceeded' }
  /** Performs the operation, and states another ETag and other checksums than those of the bytes. */
  | { readonly kind: 'wrongHash' }
  /** Resets the connection: at once, or after so many bytes of a body. */
  | { readonly kind: 'reset'; readonly afterBytes?: number }
  /** Ends the connection after so many bytes of the answer's body, short of its Content-Length. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** Goes silent, with the connection open: at once, or after so many bytes of a body. */
  | { readonly kind: 'stall'; readonly afterBytes?: number }
  /** Flips one bit of the body on its way, in the byte at that offset (0 by default); the headers stay truthful. */
  | { readonly kind: 'corrupt'; readonly atByte?: number }
  /** Limits both bodies to this rate. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** Performs the operation, then resets the connection instead of answering. */
  | { readonly kind: 'loseAnswer' }
  /** Performs the operation only once the promise has resolved. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> };

export interface Fault {
  /** The requests it applies to; without any field, all of them. `count`: how many of those, 1 by default. */
  readonly match: RequestMatch & { readonly count?: number };
  readonly action: FaultAction;
}

export interface FaultHandle {
  /** Resolves with the first request that the fault is applied to. */
  readonly hit: Promise<RequestInfo>;
  /** How many requests it will still be applied to. */
  readonly remaining: number;
  remove(): void;
}

/** A fault as applied to one request. */
export type ActiveFault = FaultAction;

/** What a fault gets at of the request that it spoils; other servers have it too. */
export type FaultContext = Pick<RequestContext, 'request' | 'response' | 'bytes'>;

interface Entry {
  readonly fault: Fault;
  remaining: number;
  readonly onHit: (request: RequestInfo) => void;
}

/** The faults that tests plant. A request meets at most one: the first planted that matches and is not used up. */
export class FaultPlan {
  #entries: Entry[] = [];

  add(fault: Fault): FaultHandle {
    const { promise, resolve } = Promise.withResolvers<RequestInfo>();
    const entry: Entry = { fault, remaining: fault.match.count ?? 1, onHit: resolve };
    this.#entries.push(entry);
    return {
      hit: promise,
      get remaining() {
        return entry.remaining;
      },
      remove: () => {
        this.#entries = this.#entries.filter((other) => other !== entry);
        entry.remaining = 0;
      },
    };
  }

  clear(): void {
    this.#entries = [];
  }

  /** Uses up one application of the first fault that matches. */
  take(request: RequestInfo): ActiveFault | undefined {
    const entry = this.#entries.find(({ fault }) => matches(request, fault.match));
    if (entry === undefined) {
      return undefined;
    }
    entry.remaining -= 1;
    if (entry.remaining === 0) {
      this.#entries = this.#entries.filter((other) => other !== entry);
    }
    entry.onHit(request);
    return entry.fault.action;
  }
}

/**
 * What a fault does before the operation begins.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * @throws S3Error or ClientGoneError
 */
export async function applyOnArrival(fault: ActiveFault, context: RequestContext): Promise<void> {
  switch (fault.kind) {
    case 'status': {
      const code =
        fault.status === 429 ? 'TooManyRequests' : fault.status === 500 ? 'InternalError' : 'ServiceUnavailable';
      throw new S3Error(code, undefined, { headers: retryAfter(fault.retryAfterSeconds) });
    }
    case 'slowDown':
      throw new S3Error('SlowDown', undefined, { headers: retryAfter(fault.retryAfterSeconds) });
    case 'expiredToken':
      throw new S3Error('ExpiredToken');
    case 'refuse':
      throw new S3Error(fault.code);
    case 'reset':
      if (fault.afterBytes === undefined) {
        throw reset(context);
      }
      break;
    case 'stall':
      if (fault.afterBytes === undefined) {
        throw await silence(context);
      }
      break;
    case 'hold':
      await fault.until;
      break;
  }
}

/** What a fault does to a piece of an uploaded body, before it is taken. @throws ClientGoneError */
export function applyToUpload(fault: ActiveFault, context: FaultContext, piece: Buffer): Promise<void> | undefined {
  switch (fault.kind) {
    case 'reset':
      if (context.bytes.received >= (fault.afterBytes ?? 0)) {
        throw reset(context);
      }
      return undefined;
    case 'stall':
      if (context.bytes.received < (fault.afterBytes ?? 0)) {
        return undefined;
      }
      return silence(context).then((error) => {
        throw error;
      });
    case 'corrupt': {
      const index = (fault.atByte ?? 0) - (context.bytes.received - piece.length);
      if (index >= 0 && index < piece.length) piece[index] = (piece[index] as number) ^ 1;
      return undefined;
    }
    case 'slow':
      return delay((piece.length / fault.bytesPerSecond) * 1000);
    default:
      return undefined;
  }
}

/** The pieces of an answer's body as the fault leaves them. @throws ClientGoneError */
export async function* applyToDownload(
  fault: ActiveFault,
  context: FaultContext,
  pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  let offset = 0;
  for await (const piece of pieces) {
    switch (fault.kind) {
      case 'reset':
      case 'stall':
      case 'truncate': {
        const limit = fault.afterBytes ?? 0;
        if (offset + piece.length < limit || hasUploadedBody(context)) {
          yield piece;
          break;
        }
        yield piece.subarray(0, limit - offset);
        await flushed(context);
        if (fault.kind === 'truncate') {
          context.response.socket?.destroySoon();
          throw new ClientGoneError();
        }
        throw fault.kind === 'reset' ? reset(context) : await silence(context);
      }
      case 'corrupt':
        yield corrupted(piece, (fault.atByte ?? 0) - offset);
        break;
      case 'slow':
        yield* paced(piece, fault.bytesPerSecond);
        break;
      default:
        yield piece;
    }
    offset += piece.length;
  }
}

const HASH_HEADER = /^(etag|x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256))$/;
const HASH_ELEMENT = /(<(?:ETag|Checksum(?:CRC32|CRC32C|CRC64NVME|SHA1|SHA256))>(?:&quot;)?)(\w)/g;

/** The headers of an answer as the fault leaves them. */
export function applyToHeaders<Value extends string | number>(
  fault: ActiveFault | undefined,
  headers: Readonly<Record<string, Value>>,
): Record<string, Value | string> {
  if (fault?.kind !== 'wrongHash') return headers;
  const spoiled = ([name, value]: [string, Value]) =>
    [name, HASH_HEADER.test(name) ? String(value).replace(/\w/, another) : value] as const;
  return Object.fromEntries(Object.entries(headers).map(spoiled));
}

/** The document of an answer as the fault leaves it. */
export function applyToDocument(fault: ActiveFault | undefined, xml: string): string {
  return fault?.kind === 'wrongHash'
    ? xml.replace(HASH_ELEMENT, (_, before: string, digit: string) => before + another(digit))
    : xml;
}

/** A digit in hexadecimal and in base64. */
function another(digit: string): string {
  return digit === '0' ? '1' : '0';
}

/** Ends the connection with a TCP reset; the error to throw so that nothing more is done for the request. */
export function reset(context: FaultContext): ClientGoneError {
  resetSocket(context.request.socket);
  return new ClientGoneError();
}

function hasUploadedBody(context: FaultContext): boolean {
  return context.bytes.received > 0;
}

function retryAfter(seconds: number | undefined): Record<string, string> {
  return seconds === undefined ? {} : { 'retry-after': String(seconds) };
}

/** Resolves when the client, or the server's end, has closed the connection. */
export function silence({ request }: FaultContext): Promise<ClientGoneError> {
  return new Promise((resolve) => {
    if (request.socket.destroyed) {
      resolve(new ClientGoneError());
    } else {
      request.socket.once('close', () => resolve(new ClientGoneError()));
    }
  });
}

/** Resolves when everything written so far has been handed to the network. */
function flushed({ response }: FaultContext): Promise<void> {
  return new Promise((resolve) => {
    response.socket?.write('', () => resolve());
  });
}

function corrupted(piece: Buffer, index: number): Buffer {
  if (index < 0 || index >= piece.length) {
    return piece;
  }
  const copy = Buffer.from(piece);
  copy[index] = (copy[index] as number) ^ 1;
  return copy;
}

async function* paced(piece: Buffer, bytesPerSecond: number): AsyncGenerator<Buffer> {
  const step = Math.max(1, Math.ceil(bytesPerSecond / 20));
  for (let at = 0; at < piece.length; at += step) {
    const slice = piece.subarray(at, at + step);
    await delay((slice.length / bytesPerSecond) * 1000);
    yield slice;
  }
}
