import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { resetSocket } from '../reset.ts';
import { ApiError, authError, ClientGoneError, RouteError, rateLimit, type Union } from './errors.ts';
import { matches, type RequestInfo, type RequestMatch } from './observer.ts';

/** What goes wrong. Byte counts are of the request's body for routes that upload, of the answer's body otherwise. */
export type FaultAction =
  /** Answers 429 without performing the operation: as JSON with this reason, or as plain text. */
  | {
      readonly kind: 'rateLimit';
      readonly retryAfterSeconds: number;
      readonly reason?: string;
      readonly plain?: boolean;
    }
  /** Answers an error of the server without performing the operation. */
  | { readonly kind: 'status'; readonly status: 500 | 503 }
  /** Answers 409 with this union without performing the operation. */
  | { readonly kind: 'refuse'; readonly error: Union }
  /** Answers that the access token has expired. */
  | { readonly kind: 'expiredToken' }
  /** Performs the operation, and states another content hash in the answer. */
  | { readonly kind: 'wrongHash' }
  /** Resets the connection: at once, or after so many bytes of a body. */
  | { readonly kind: 'reset'; readonly afterBytes?: number }
  /** Ends the connection after so many bytes of the answer's body, short of its Content-Length. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** Goes silent, with the connection open. */
  | { readonly kind: 'stall' }
  /** Flips one bit of the body, in its first byte. */
  | { readonly kind: 'corrupt' }
  /** Limits bodies to this rate. */
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

interface Entry {
  readonly fault: Fault;
  remaining: number;
  readonly onHit: (request: RequestInfo) => void;
}

/** The faults that tests plant. A request meets at most one: the first planted that matches and is not used up. */
export class FaultPlan {
  #entries: Entry[] = [];

  /** `hit` resolves with the first request that the fault is applied to. */
  add(fault: Fault): { readonly hit: Promise<RequestInfo>; remove(): void } {
    const { promise, resolve } = Promise.withResolvers<RequestInfo>();
    const entry: Entry = { fault, remaining: fault.match.count ?? 1, onHit: resolve };
    this.#entries.push(entry);
    return {
      hit: promise,
      remove: () => {
        this.#entries = this.#entries.filter((other) => other !== entry);
      },
    };
  }

  clear(): void {
    this.#entries = [];
  }

  /** Uses up one application of the first fault that matches. */
  take(request: RequestInfo): FaultAction | undefined {
    const entry = this.#entries.find(({ fault }) => matches(request, fault.match));
    if (entry === undefined) return undefined;
    entry.remaining -= 1;
    if (entry.remaining === 0) this.#entries = this.#entries.filter((other) => other !== entry);
    entry.onHit(request);
    return entry.fault.action;
  }
}

/** What a fault does before the operation begins. @throws ApiError, RouteError or ClientGoneError */
export async function applyOnArrival(fault: FaultAction, request: IncomingMessage): Promise<void> {
  switch (fault.kind) {
    case 'rateLimit':
      throw rateLimit(fault.reason ?? 'too_many_requests', fault.retryAfterSeconds, fault.plain);
    case 'status':
      throw new ApiError(fault.status, fault.status === 503 ? 'Service Unavailable' : 'Internal Server Error');
    case 'refuse':
      throw new RouteError(fault.error);
    case 'expiredToken':
      throw authError('expired_access_token');
    case 'reset':
      if (fault.afterBytes === undefined) throw reset(request);
      break;
    case 'stall':
      await closed(request);
      throw new ClientGoneError();
    case 'hold':
      await fault.until;
      break;
  }
}

/** A piece of an uploaded body as the fault leaves it. `before`: bytes that came before. @throws ClientGoneError */
export async function applyToUpload(
  fault: FaultAction,
  request: IncomingMessage,
  piece: Buffer,
  before: number,
): Promise<Buffer> {
  if (fault.kind === 'reset' && before + piece.length >= (fault.afterBytes ?? 0)) throw reset(request);
  if (fault.kind === 'slow') await delay((piece.length / fault.bytesPerSecond) * 1000);
  return fault.kind === 'corrupt' && before === 0 ? corrupted(piece) : piece;
}

/** The pieces of an answer's body as the fault leaves them. @throws ClientGoneError */
export async function* applyToDownload(
  fault: FaultAction,
  request: IncomingMessage,
  response: ServerResponse,
  pieces: Iterable<Buffer>,
): AsyncGenerator<Buffer> {
  let offset = 0;
  for (const piece of pieces) {
    const limit = fault.kind === 'reset' || fault.kind === 'truncate' ? (fault.afterBytes ?? 0) : undefined;
    if (limit !== undefined && offset + piece.length > limit) {
      yield piece.subarray(0, limit - offset);
      await new Promise<void>((resolve) => response.socket?.write('', () => resolve()));
      if (fault.kind === 'reset') throw reset(request);
      response.socket?.destroySoon();
      throw new ClientGoneError();
    }
    if (fault.kind === 'slow') {
      const step = Math.max(1, Math.ceil(fault.bytesPerSecond / 20));
      for (let at = 0; at < piece.length; at += step) {
        await delay((Math.min(step, piece.length - at) / fault.bytesPerSecond) * 1000);
        yield piece.subarray(at, at + step);
      }
    } else {
      yield fault.kind === 'corrupt' && offset === 0 ? corrupted(piece) : piece;
    }
    offset += piece.length;
  }
}

/** Ends the connection with a TCP reset; the error to throw so that nothing more is done for the request. */
export function reset(request: IncomingMessage): ClientGoneError {
  resetSocket(request.socket);
  return new ClientGoneError();
}

function closed({ socket }: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
}

function corrupted(piece: Buffer): Buffer {
  const copy = Buffer.from(piece);
  copy[0] = (copy[0] as number) ^ 1;
  return copy;
}
