import { AppError } from '../../../core/errors.ts';
import type { AccessTokens, RefreshToken } from '../../access-tokens.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../http.ts';
import type { UploadBody } from '../../provider.ts';
import { discardBody, plainBody } from '../body.ts';
import { type Endpoint, encodeValue } from '../endpoint.ts';
import { gcsError, notGcs, parseFault } from './errors.ts';

/** Error documents are short; what is longer is none. */
const maxErrorBytes = 64 * 1024;
/** A page of 1,000 objects with names of 1,024 bytes each is far below. */
const maxAnswerBytes = 32 * 1024 * 1024;

export interface GcsRequest {
  method: HttpRequest['method'];
  /** Below the endpoint, percent-encoded. */
  path: string;
  query?: Record<string, string | undefined>;
  headers?: Record<string, string>;
  /** An object's or a part's bytes, or a document. */
  body?: UploadBody | Buffer;
  headersTimeoutMs?: number;
  signal: AbortSignal;
}

/** Requests to both APIs with the account's access token, over our own connections. */
export class GcsRest {
  readonly #http: HttpClient;
  readonly #endpoint: Endpoint;
  readonly #tokens: AccessTokens;
  readonly #refresh: RefreshToken;

  constructor(http: HttpClient, endpoint: Endpoint, tokens: AccessTokens, refresh: RefreshToken) {
    this.#http = http;
    this.#endpoint = endpoint;
    this.#tokens = tokens;
    this.#refresh = refresh;
  }

  /** The account's access token. */
  token(signal: AbortSignal): Promise<string> {
    return this.#tokens.get(this.#refresh, signal);
  }

  /**
   * One request of either API. Resolves for 2xx, with the body still to be read; everything else is an AppError. A token
   * that is refused is refreshed, and the request sent once more unless its body was a stream.
   */
  async send(request: GcsRequest, api: 'json' | 'xml' = 'xml'): Promise<HttpResponse> {
    const { body } = request;
    try {
      const token = await this.token(request.signal);
      const response = await this.#sendWith(token, request);
      if (response.status !== 401) return await accept(response, api);
      this.#tokens.refused(token);
      const isStream = body !== undefined && !Buffer.isBuffer(body) && !Array.isArray(body.source);
      if (isStream) {
        response.body.destroy();
        throw new AppError('PROVIDER_UNAVAILABLE', 'The access token ran out; a new one is asked for. Try again.');
      }
      response.body.destroy();
      const fresh = await this.token(request.signal);
      return await accept(await this.#sendWith(fresh, request), api);
    } catch (error) {
      if (body !== undefined && !Buffer.isBuffer(body)) discardBody(body);
      throw error;
    }
  }

  /** One call of the JSON API. Resolves to its document; `{}` for an answer that has none by its status (204). */
  async json<T extends object>(request: GcsRequest): Promise<T> {
    const response = await this.send(request, 'json');
    const text = await response.body.text(maxAnswerBytes);
    if (response.status === 204) return {} as T;
    try {
      const document = JSON.parse(text) as unknown;
      if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document as T;
    } catch {
      // Told below.
    }
    throw notGcs();
  }

  #sendWith(token: string, request: GcsRequest): Promise<HttpResponse> {
    const { method, path, query = {}, headers = {}, body, headersTimeoutMs, signal } = request;
    const pairs = Object.entries(query)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${encodeValue(value ?? '')}`);
    const size = body === undefined ? undefined : Buffer.isBuffer(body) ? body.length : body.sizeBytes;
    return this.#http.send({
      method,
      origin: this.#endpoint.origin,
      path: this.#endpoint.basePath + path + (pairs.length > 0 ? `?${pairs.join('&')}` : ''),
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        ...(size === undefined ? {} : { 'content-length': String(size) }),
      },
      ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? body : plainBody(body) }),
      ...(headersTimeoutMs === undefined ? {} : { headersTimeoutMs }),
      signal,
    });
  }
}

async function accept(response: HttpResponse, api: 'json' | 'xml'): Promise<HttpResponse> {
  if (response.status >= 200 && response.status < 300) return response;
  const { status, headers } = response;
  let document = '';
  try {
    document = await response.body.text(maxErrorBytes);
  } catch (error) {
    if (error instanceof AppError && error.code === 'CANCELLED') throw error;
  }
  const fault = parseFault(document, api);
  throw gcsError({ status, headers, reason: fault?.reason, message: fault?.message ?? '' }, fault !== undefined);
}
