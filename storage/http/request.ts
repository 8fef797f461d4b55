import { Readable } from 'node:stream';
import { AppError } from '../../core/errors.ts';
import type { HttpBody } from './body.ts';

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Scheme, host and port. */
  origin: string;
  /** Path and query as they go over the wire. */
  path: string;
  /** At most one `host` and one `content-length`, in lower case. */
  headers: Record<string, string>;
  /** With a stream or an iterable, `headers` state the exact content-length. */
  body?: Uint8Array | readonly Uint8Array[] | Readable | AsyncIterable<Uint8Array>;
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

export function cancelled(): AppError {
  return new AppError('CANCELLED', 'The call was cancelled.');
}

/** RFC 9110, 5.1 and 5.5; what lies beyond Latin-1 has no place in a header. */
const nameRule = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const valueRule = /^[\t\x20-\x7e\x80-\xff]*$/;
const pathRule = /^\/[\x21-\x7e]*$/;

/** Request line and headers, in Latin-1. Throws INVALID_INPUT for what would not stay within its line. */
export function headOf({ method, path, headers, origin, body }: HttpRequest): string {
  if (!pathRule.test(path)) throw new AppError('INVALID_INPUT', 'The path of a request holds what a path cannot.');
  let head = `${method} ${path} HTTP/1.1\r\n`;
  if (headers.host === undefined) head += `host: ${new URL(origin).host}\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    if (!nameRule.test(name) || !valueRule.test(value))
      throw new AppError('INVALID_INPUT', `The header ${JSON.stringify(name.slice(0, 100))} cannot be sent as it is.`);
    head += `${name}: ${value}\r\n`;
  }
  if (headers['content-length'] === undefined) {
    const length = lengthOf(body);
    if (length > 0 || method === 'PUT' || method === 'POST') head += `content-length: ${length}\r\n`;
  }
  return `${head}\r\n`;
}

function lengthOf(body: HttpRequest['body']): number {
  if (body === undefined) return 0;
  if (body instanceof Uint8Array) return body.byteLength;
  if (!(body instanceof Readable) && Array.isArray(body)) return body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  throw new TypeError('A body that flows needs a content-length.');
}

/** One request on its way, and what becomes of it. */
export class Exchange {
  readonly request: HttpRequest;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (error: AppError) => void;
  readonly #onAbort = () => this.fail(cancelled());
  #failure: AppError | undefined;
  #body: HttpBody | undefined;
  /** Ends what carries the exchange; set while something does. */
  drop: ((error: AppError) => void) | undefined;

  constructor(request: HttpRequest, resolve: (response: HttpResponse) => void, reject: (error: AppError) => void) {
    this.request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    request.signal.addEventListener('abort', this.#onAbort);
    if (request.signal.aborted) this.#onAbort();
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  get phase(): 'headers' | 'body' {
    return this.#body ? 'body' : 'headers';
  }

  respond(status: number, headers: Record<string, string>, body: HttpBody): void {
    this.#body = body;
    this.#resolve({ status, headers, body });
  }

  /** Nobody listens to the signal any more. */
  close(): void {
    this.request.signal.removeEventListener('abort', this.#onAbort);
  }

  /** Only the first failure counts. */
  fail(error: AppError): void {
    if (this.#failure) return;
    this.#failure = error;
    this.close();
    if (this.#body) this.#body.destroy(error);
    else this.#reject(error);
    this.drop?.(error);
  }
}
