import { EventEmitter } from 'node:events';

/** A request as tests see it. */
export interface RequestInfo {
  /** `files/upload`, `oauth2/token`, … */
  readonly route: string;
  /** `path` of its argument, or that of its first entry. */
  readonly path: string | undefined;
  readonly argument: unknown;
  /** Of the connection that it came on. */
  readonly clientPort: number | undefined;
}

export interface FinishedRequest extends RequestInfo {
  /** undefined when the connection ended without an answer. */
  readonly status: number | undefined;
  /** Of the body, as its headers say. */
  readonly bodyBytes: number;
}

/** Every field given must hold. */
export interface RequestMatch {
  readonly route?: string;
  readonly path?: string | RegExp;
}

interface Events {
  /** Its argument is known; nothing was done yet. */
  arrived: [RequestInfo];
  finished: [FinishedRequest];
}

/** Tells tests what the server is asked and what it answered, so that they can wait for events instead of sleeping. */
export class Observer extends EventEmitter<Events> {
  readonly #counts = new Map<string, number>();

  constructor() {
    super();
    this.setMaxListeners(0);
  }

  /** Requests of one route since the start. */
  count(route: string): number {
    return this.#counts.get(route) ?? 0;
  }

  /** Resolves with the next request that matches. */
  waitFor<Name extends keyof Events = 'arrived'>(
    match: RequestMatch,
    event: Name = 'arrived' as Name,
  ): Promise<Events[Name][0]> {
    return new Promise((resolve) => {
      const listener = (request: Events[Name][0]) => {
        if (!matches(request, match)) return;
        this.off(event, listener as never);
        resolve(request);
      };
      this.on(event, listener as never);
    });
  }

  recordArrival(request: RequestInfo): void {
    this.#counts.set(request.route, this.count(request.route) + 1);
    this.emit('arrived', request);
  }

  recordEnd(request: FinishedRequest): void {
    this.emit('finished', request);
  }
}

export function matches(request: RequestInfo, { route, path }: RequestMatch): boolean {
  return (
    (route === undefined || route === request.route) &&
    (path === undefined || (typeof path === 'string' ? path === request.path : path.test(request.path ?? '')))
  );
}
