import { EventEmitter } from 'node:events';

/** What requests do, by the names of the two APIs' reference pages. */
export type Operation =
  | 'authorize'
  | 'token'
  | 'metadata'
  | 'userinfo'
  | 'buckets.list'
  | 'buckets.get'
  | 'buckets.insert'
  | 'buckets.delete'
  | 'buckets.testIamPermissions'
  | 'objects.list'
  | 'objects.get'
  | 'objects.download'
  | 'objects.insert'
  | 'objects.resume'
  | 'objects.delete'
  | 'objects.patch'
  | 'objects.compose'
  | 'objects.rewrite'
  | 'objects.copy'
  | 'xml.get'
  | 'xml.head'
  | 'xml.put'
  | 'xml.delete'
  | 'xml.initiate'
  | 'xml.putPart'
  | 'xml.listParts'
  | 'xml.listUploads'
  | 'xml.complete'
  | 'xml.abort';

/** A request as tests see it. */
export interface RequestInfo {
  readonly operation: Operation;
  readonly method: string;
  readonly bucket: string | undefined;
  readonly name: string | undefined;
  /** Of xml.putPart. */
  readonly partNumber: number | undefined;
  /** Of the connection that it came on. */
  readonly clientPort: number | undefined;
}

export interface FinishedRequest extends RequestInfo {
  /** undefined when the connection ended without an answer. */
  readonly status: number | undefined;
  readonly bytesReceived: number;
}

/** Every field given must hold. */
export interface RequestMatch {
  readonly operation?: Operation;
  readonly bucket?: string;
  readonly name?: string | RegExp;
}

interface Events {
  /** The request is understood; nothing was done yet. */
  arrived: [RequestInfo];
  /** The answer was handed to the network, or the connection ended. */
  finished: [FinishedRequest];
}

/** Tells tests what the server is asked, so that they can wait for events instead of sleeping. */
export class Observer extends EventEmitter<Events> {
  readonly #counts = new Map<Operation, number>();

  constructor() {
    super();
    this.setMaxListeners(0);
  }

  /** Requests of one operation since the start. */
  count(operation: Operation): number {
    return this.#counts.get(operation) ?? 0;
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

  recordEnd(request: FinishedRequest): void {
    this.emit('finished', request);
  }

  recordArrival(request: RequestInfo): void {
    this.#counts.set(request.operation, this.count(request.operation) + 1);
    this.emit('arrived', request);
  }
}

export function matches(request: RequestInfo, { operation, bucket, name }: RequestMatch): boolean {
  return (
    (operation === undefined || operation === request.operation) &&
    (bucket === undefined || bucket === request.bucket) &&
    (name === undefined || (typeof name === 'string' ? name === request.name : name.test(request.name ?? '')))
  );
}
