import { isIP, type OnReadOpts, connect as openTcp, type Socket } from 'node:net';
import { DEFAULT_CIPHERS, connect as openTls } from 'node:tls';
import type { AppError } from '../../core/errors.ts';
import type { AddressPolicy } from '../address-policy.ts';
import { Connection } from './connection.ts';
import { networkError } from './errors.ts';
import type { Exchange } from './request.ts';

/**
 * A bound beyond which something has gone wrong, and below what a process may have open. How much is under way at a time is
 * for those to say who begin it.
 */
export const usualConnections = 16_384;
const keepAliveDelayMs = 60_000;
/**
 * Node's own, with AES-128 ahead of AES-256 in TLS 1.3 as it is in TLS 1.2 and as browsers have it: beyond every attack that is
 * known, for two thirds of the CPU time. The server has the last word.
 */
const ciphers = `TLS_AES_128_GCM_SHA256:${DEFAULT_CIPHERS}`;

/** The connections to one origin. What finds none free, and may open none, waits its turn. */
export class Pool {
  readonly #origin: URL;
  readonly #policy: AddressPolicy;
  readonly #most: number;
  readonly #open = new Set<Connection>();
  readonly #free: Connection[] = [];
  readonly #waiting: Exchange[] = [];
  /** Of TLS, for the next connection to resume. */
  #session: Buffer | undefined;

  constructor(origin: string, policy: AddressPolicy, most: number) {
    this.#origin = new URL(origin);
    this.#policy = policy;
    this.#most = most;
  }

  run(exchange: Exchange): void {
    const free = this.#free.pop();
    if (free) free.start(exchange);
    else if (this.#open.size < this.#most) this.#connect(exchange);
    else this.#waiting.push(exchange);
  }

  /** Everything under way fails with the error, and what waits. */
  close(error: AppError): void {
    for (const exchange of this.#waiting.splice(0)) exchange.fail(error);
    for (const connection of [...this.#open]) connection.abandon(error);
  }

  #connect(exchange: Exchange): void {
    const { host, hostname } = this.#origin;
    const address = hostname.replace(/^\[|\]$/g, '');
    try {
      // Node resolves names through the policy's lookup, but never asks it about a host that is an address already.
      if (isIP(address) !== 0) this.#policy.assertAllowed(address, hostname);
    } catch (error) {
      exchange.fail(networkError(error, host));
      return;
    }
    const events = {
      onFree: (connection: Connection) => {
        connection.rest();
        // For one turn of the event loop, in which the farewell of a server that answers and leaves is heard.
        setImmediate(() => {
          if (!this.#open.has(connection)) return;
          const next = this.#next();
          if (next) connection.start(next);
          else this.#free.push(connection);
        });
      },
      onGone: (connection: Connection) => {
        this.#open.delete(connection);
        const at = this.#free.indexOf(connection);
        if (at >= 0) this.#free.splice(at, 1);
        const next = this.#next();
        if (next) this.run(next);
      },
    };
    const connect = (onread: OnReadOpts, opened: () => void) => this.#socket(address, onread, opened);
    this.#open.add(new Connection({ host, isTls: this.#isTls }, exchange, events, connect));
  }

  #socket(host: string, onread: OnReadOpts, opened: () => void): Socket {
    const isTls = this.#isTls;
    const options = {
      host,
      port: Number(this.#origin.port) || (isTls ? 443 : 80),
      lookup: this.#policy.lookup,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelayMs,
      onread,
    };
    if (!isTls) return openTcp(options, opened);
    const socket = openTls(
      {
        ...options,
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(this.#session ? { session: this.#session } : {}),
        ALPNProtocols: ['http/1.1'],
        ciphers,
      },
      opened,
    );
    socket.on('session', (session) => {
      this.#session = session;
    });
    return socket;
  }

  get #isTls(): boolean {
    return this.#origin.protocol === 'https:';
  }

  #next(): Exchange | undefined {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) if (!next.failed) return next;
    return undefined;
  }
}
