import { reset, type FaultAction as StoreFault, silence } from '../s3/faults.ts';
import { GcsError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { matches, type RequestInfo, type RequestMatch } from './observer.ts';

/**
 * What goes wrong, as at any store (see emulators/s3/faults.ts). For an expired token it answers 401 authError; the wrong
 * hashes are CRC32C and MD5.
 */
export type FaultAction = Exclude<StoreFault, { kind: 'slowDown' }>;

export interface Fault {
  /** The requests it applies to; without any field, all of them. `count`: how many of those, 1 by default. */
  readonly match: RequestMatch & { readonly count?: number };
  readonly action: FaultAction;
}

export interface FaultHandle {
  /** Resolves with the first request that the fault is applied to. */
  readonly hit: Promise<RequestInfo>;
  remove(): void;
}

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
      remove: () => {
        this.#entries = this.#entries.filter((other) => other !== entry);
      },
    };
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

/** What a fault does before the operation begins. @throws GcsError or ClientGoneError */
export async function applyOnArrival(fault: FaultAction, exchange: Exchange): Promise<void> {
  switch (fault.kind) {
    case 'status': {
      const kinds = { 429: 'rateLimitExceeded', 500: 'internalError', 503: 'serviceUnavailable' } as const;
      const seconds = fault.retryAfterSeconds;
      throw new GcsError(
        kinds[fault.status],
        undefined,
        seconds === undefined ? {} : { 'retry-after': String(seconds) },
      );
    }
    case 'expiredToken':
      throw new GcsError('authError');
    case 'reset':
      if (fault.afterBytes === undefined) throw reset(exchange);
      break;
    case 'stall':
      if (fault.afterBytes === undefined) throw await silence(exchange);
      break;
    case 'hold':
      await fault.until;
      break;
  }
}
