import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { AppError } from '../core/errors.ts';
import type { AddressPolicy } from './address-policy.ts';
import { networkError } from './http-errors.ts';

/** Every connection of a provider goes through one of these, those of a vendor's SDK too. */
export interface HttpClient {
  /**
   * Sends one request, as it stands: nothing is retried, no redirect is followed, no path is normalised, no body is
   * decoded. Resolves when the headers are there. Rejects with an AppError: CANCELLED within a tick of the signal,
   * ADDRESS_NOT_ALLOWED, ENDPOINT_UNREACHABLE, ENDPOINT_INVALID, PROVIDER_UNAVAILABLE, or the AppError that the
   * request's body failed with. A body that was not read to its end is left to the caller to destroy, after errors
   * and after answers that come early.
   */
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Closes all sockets at once; whatever is under way fails with CANCELLED. */
  close(): Promise<void>;
}

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Scheme, host and port. */
  origin: string;
  /** Path and query as they go over the wire. */
  path: string;
  headers: Record<string, string>;
  /** With a stream or an iterable, `headers` state the exact content-length. */
  body?: Uint8Array | Readable | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** Idle time before the answer's headers, in milliseconds. Default: 60,000. */
  headersTimeoutMs?: number;
  signal: AbortSignal;
}

export interface HttpResponse {
  status: number;
  /** Names in lower case; repeated headers joined by a comma. */
  headers: Record<string, string>;
  /** Read it to its end or destroy it: until then it holds a connection. */
  body: HttpBody;
}

const connectTimeoutMs = 10_000;
const headersTimeoutMs = 60_000;
/** Longest silence within a body that somebody is reading. */
const bodyTimeoutMs = 60_000;
const connectionsPerOrigin = 256;
/** Dropbox states a file's path in a header, twice and with six characters for one: more than the usual 16 KiB. */
const maxHeaderBytes = 64 * 1024;

export function createHttpClient(policy: AddressPolicy): HttpClient {
  const connect = buildConnector({ timeout: connectTimeoutMs, allowH2: false, lookup: policy.lookup });
  const agent = new Agent({
    connect(options, callback) {
      // Node resolves names through the policy's lookup, but never asks it about a host that is an address already.
      const host = options.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0 && !policy.allows(host)) {
        try {
          policy.assertAllowed(host, options.hostname);
        } catch (error) {
          callback(error as Error, null);
          return;
        }
      }
      connect(options, callback);
    },
    connections: connectionsPerOrigin,
    pipelining: 1,
    headersTimeout: headersTimeoutMs,
    bodyTimeout: bodyTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
  });
  return {
    send: (request) => new Promise((resolve, reject) => start(agent, request, resolve, reject)),
    close: () => agent.destroy(new AppError('CANCELLED', 'The connection was closed.')),
  };
}

function cancelled(): AppError {
  return new AppError('CANCELLED', 'The call was cancelled.');
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

function start(
  agent: Agent,
  request: HttpRequest,
  resolve: (response: HttpResponse) => void,
  reject: (error: AppError) => void,
): void {
  const { signal } = request;
  const host = request.origin.replace(/^https?:\/\//, '');
  if (signal.aborted) {
    reject(cancelled());
    return;
  }
  let controller: Dispatcher.DispatchController | undefined;
  let body: HttpBody | undefined;
  let failure: AppError | undefined;

  const fail = (error: AppError) => {
    if (failure) return;
    failure = error;
    signal.removeEventListener('abort', onAbort);
    if (body) body.destroy(error);
    else reject(error);
    controller?.abort(error);
  };
  const onAbort = () => fail(cancelled());
  signal.addEventListener('abort', onAbort);

  agent.dispatch(
    {
      origin: request.origin,
      path: request.path,
      method: request.method,
      headers: request.headers,
      // undici takes iterables as well, which its types do not say.
      body: (request.body as Uint8Array | Readable | undefined) ?? null,
      ...(request.headersTimeoutMs === undefined ? {} : { headersTimeout: request.headersTimeoutMs }),
    },
    {
      onRequestStart(started) {
        controller = started;
        if (failure) started.abort(failure);
      },
      onResponseStart(current, status, headers) {
        if (status < 200 || failure) return;
        body = new HttpBody(current, () => signal.removeEventListener('abort', onAbort));
        resolve({ status, headers: flatten(headers), body });
      },
      onResponseData(current, chunk) {
        if (body && !body.accept(chunk)) current.pause();
      },
      onResponseEnd() {
        body?.finish();
      },
      onResponseError(_current, error) {
        fail(networkError(error, host, body ? 'body' : 'headers'));
      },
    },
  );
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

/** Body of an answer, straight from the socket. Destroying it before its end closes the connection. */
export class HttpBody extends Readable {
  readonly #controller: Dispatcher.DispatchController;
  readonly #onClose: () => void;
  #expectedBytes: number | undefined;
  #seenBytes = 0;
  #finished = false;

  constructor(controller: Dispatcher.DispatchController, onClose: () => void) {
    super({ highWaterMark: 256 * 1024 });
    this.#controller = controller;
    this.#onClose = onClose;
    // Whoever reads hears of errors through the stream; nobody may be reading yet when one arrives.
    this.on('error', () => {});
  }

  /**
   * Makes the stream fail with PROVIDER_UNAVAILABLE unless exactly so many bytes come. Bytes are counted by HTTP
   * already where the answer has a Content-Length; this covers those that end with the connection.
   */
  expect(bytes: number): void {
    this.#expectedBytes = bytes;
  }

  /** Takes a chunk from the connection; false asks it to pause. */
  accept(chunk: Uint8Array): boolean {
    this.#seenBytes += chunk.byteLength;
    return this.push(chunk);
  }

  finish(): void {
    this.#finished = true;
    if (this.#expectedBytes !== undefined && this.#seenBytes !== this.#expectedBytes) {
      this.destroy(
        new AppError(
          'PROVIDER_UNAVAILABLE',
          `The answer ended after ${this.#seenBytes} of ${this.#expectedBytes} bytes.`,
        ),
      );
      return;
    }
    this.push(null);
  }

  /** The whole body as text. Fails with ENDPOINT_INVALID beyond `maxBytes`. */
  async text(maxBytes: number): Promise<string> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this) {
      size += chunk.byteLength;
      if (size > maxBytes)
        throw new AppError('ENDPOINT_INVALID', 'The endpoint answers more than a storage service would.');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  override _read(): void {
    this.#controller.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#onClose();
    if (!this.#finished) this.#controller.abort(error ?? cancelled());
    callback(error);
  }
}
