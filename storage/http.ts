import { AppError } from '../core/errors.ts';
import type { AddressPolicy } from './address-policy.ts';
import { Pool, usualConnections } from './http/pool.ts';
import { cancelled, Exchange, type HttpRequest, type HttpResponse } from './http/request.ts';

export type { HttpRequest, HttpResponse } from './http/request.ts';

/** Every connection of a provider goes through one of these, those of a vendor's SDK too. */
export interface HttpClient {
  /**
   * Sends one request, as it stands: nothing is retried, no redirect is followed, no path is normalised, no body is
   * decoded. Resolves when the headers are there. Rejects with an AppError: CANCELLED within a tick of the signal,
   * ADDRESS_NOT_ALLOWED, ENDPOINT_UNREACHABLE, ENDPOINT_INVALID, PROVIDER_UNAVAILABLE, INVALID_INPUT for a path or
   * header that would not stay within its line, or the AppError that the request's body failed with. A body that was
   * not read to its end is left to the caller to destroy, after errors and after answers that come early.
   */
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Closes all sockets at once; whatever is under way fails with CANCELLED. */
  close(): Promise<void>;
}

/**
 * HTTP/1.1 of our own on Node's sockets, because what carries every byte of every transfer decides their cost: it reads
 * in large strides, copies nothing, and needs a third of the CPU time of a general client (bench `relay`).
 *
 * @param mostConnections To each origin; requests beyond wait their turn.
 */
export function createHttpClient(policy: AddressPolicy, mostConnections = usualConnections): HttpClient {
  const pools = new Map<string, Pool>();
  let closed: AppError | undefined;
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        const exchange = new Exchange(request, resolve, reject);
        if (closed) exchange.fail(closed);
        if (exchange.failed) return;
        let pool = pools.get(request.origin);
        if (!pool) {
          pool = new Pool(request.origin, policy, mostConnections);
          pools.set(request.origin, pool);
        }
        pool.run(exchange);
      }),
    async close() {
      closed ??= new AppError('CANCELLED', 'The connection was closed.');
      for (const pool of pools.values()) pool.close(closed);
    },
  };
}

/** Throws CANCELLED; for calls that send nothing. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled();
}

/** Rejects with CANCELLED as soon as the signal is aborted; what it waits for goes on. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancelled());
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
