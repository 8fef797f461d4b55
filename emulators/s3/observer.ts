import { EventEmitter } from 'node:events';
import type { Operation } from './router.ts';

/** An authenticated request as tests see it. */
export interface RequestInfo {
  readonly requestId: string;
  readonly method: string;
  readonly operation: Operation;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  /** Of UploadPart and UploadPartCopy. */
  readonly partNumber: number | undefined;
  readonly accessKeyId: string;
  /** Of the connection that it came on. */
  readonly clientPort: number | undefined;
}

export interface FinishedRequest extends RequestInfo {
  /** The status answered; undefined when the connection ended without an answer. */
  readonly status: number | undefined;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** Every field given must hold. */
export interface RequestMatch {
  readonly method?: string;
  readonly operation?: Operation;
  readonly bucket?: string;
  readonly key?: string | RegExp;
  readonly partNumber?: number;
}

export interface OperationCounters {
  requests: number;
  /** Answers of status 400 and above, and requests without an answer. */
  failures: number;
  bytesReceived: number;
  bytesSent: number;
}

interface Events {
  /** The request is authenticated; nothing was done yet. */
  arrived: [RequestInfo];
  /** The answer was handed to the network, or the connection ended. */
  finished: [FinishedRequest];
}

/** Tells tests what the server is asked and what it answered, so that they can wait for events instead of sleeping. */
export class Observer extends EventEmitter<Events> {
  readonly #counters = new Map<Operation, OperationCounters>();

  constructor() {
    super();
    this.setMaxListeners(0);
  }

  /** Counters of one operation since the start or the last `resetCounters`. */
  counters(operation: Operation): Readonly<OperationCounters> {
    return { ...this.#countersOf(operation) };
  }

  resetCounters(): void {
    this.#counters.clear();
  }

  /**
   * Resolves with the next request that matches, or with the one that makes `count`.
   * @param options.event `arrived` by default. `signal` ends the wait with its reason.
   */
  waitFor<Name extends keyof Events = 'arrived'>(
    match: RequestMatch,
    options: { event?: Name; count?: number; signal?: AbortSignal } = {},
  ): Promise<Events[Name][0]> {
    const event = (options.event ?? 'arrived') as Name;
    let missing = options.count ?? 1;
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.off(event, listener as never);
        options.signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        stop();
        reject(options.signal?.reason);
      };
      const listener = (request: Events[Name][0]) => {
        if (!matches(request, match)) {
          return;
        }
        missing -= 1;
        if (missing === 0) {
          stop();
          resolve(request);
        }
      };
      if (options.signal?.aborted) {
        reject(options.signal.reason);
        return;
      }
      options.signal?.addEventListener('abort', onAbort);
      this.on(event, listener as never);
    });
  }

  recordArrival(request: RequestInfo): void {
    this.#countersOf(request.operation).requests += 1;
    this.emit('arrived', request);
  }

  recordEnd(request: RequestInfo, end: Omit<FinishedRequest, keyof RequestInfo>): void {
    const counters = this.#countersOf(request.operation);
    counters.bytesReceived += end.bytesReceived;
    counters.bytesSent += end.bytesSent;
    if (end.status === undefined || end.status >= 400) {
      counters.failures += 1;
    }
    if (this.listenerCount('finished') > 0) {
      this.emit('finished', { ...request, ...end });
    }
  }

  #countersOf(operation: Operation): OperationCounters {
    let counters = this.#counters.get(operation);
    if (counters === undefined) {
      counters = { requests: 0, failures: 0, bytesReceived: 0, bytesSent: 0 };
      this.#counters.set(operation, counters);
    }
    return counters;
  }
}

export function matches(request: RequestInfo, match: RequestMatch): boolean {
  return (
    (match.method === undefined || match.method === request.method) &&
    (match.operation === undefined || match.operation === request.operation) &&
    (match.bucket === undefined || match.bucket === request.bucket) &&
    (match.partNumber === undefined || match.partNumber === request.partNumber) &&
    (match.key === undefined ||
      (typeof match.key === 'string' ? match.key === request.key : match.key.test(request.key ?? '')))
  );
}
