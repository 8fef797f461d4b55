import { AppError } from '../../../core/errors.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../http.ts';
import type { UploadBody } from '../../provider.ts';
import { discardBody, plainBody } from '../body.ts';
import { type Endpoint, encodeKey, encodeValue } from '../endpoint.ts';
import type { BlobAccess } from './access.ts';
import { assertFromAzure, azureError } from './errors.ts';
import { checkContainerName } from './names.ts';

/** Version of the Storage REST API that the calls beside the SDK speak. */
const apiVersion = '2021-12-02';
/** Error documents are short; what is longer is none. */
const maxErrorBytes = 64 * 1024;

export interface BlobRequest {
  method: HttpRequest['method'];
  container: string;
  /** Absent: the container itself. */
  key?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: UploadBody;
  /** Idle time before the answer's headers, in milliseconds; for what the service works on before it answers. */
  headersTimeoutMs?: number;
  signal: AbortSignal;
}

/** The calls that carry objects and their facts, without the SDK's cost per request. */
export class BlobRest {
  readonly #http: HttpClient;
  readonly #endpoint: Endpoint;
  readonly #access: BlobAccess;

  constructor(http: HttpClient, endpoint: Endpoint, access: BlobAccess) {
    this.#http = http;
    this.#endpoint = endpoint;
    this.#access = access;
  }

  /** Resolves for 2xx, with the body still to be read; everything else is an AppError. */
  async send(request: BlobRequest): Promise<HttpResponse> {
    const { method, container, key, body, signal } = request;
    try {
      checkContainerName(container);
      const query = Object.entries(request.query ?? {}).map(([name, value]) => `${name}=${encodeValue(value)}`);
      if (this.#access.sas !== '') query.push(this.#access.sas);
      const blob = key === undefined ? '' : `/${encodeKey(key)}`;
      const path = `${this.#endpoint.basePath}/${container}${blob}${query.length > 0 ? `?${query.join('&')}` : ''}`;
      const headers: Record<string, string> = { ...request.headers, 'x-ms-version': apiVersion };
      if (body) headers['content-length'] = String(body.sizeBytes);
      await this.#access.authorize(method, this.#endpoint.origin + path, headers, signal);
      const sentAt = Date.now();
      const response = await this.#http.send({
        method,
        origin: this.#endpoint.origin,
        path,
        headers,
        signal,
        ...(request.headersTimeoutMs === undefined ? {} : { headersTimeoutMs: request.headersTimeoutMs }),
        ...(body ? { body: plainBody(body) } : {}),
      });
      if (response.status === 401) this.#access.refused(headers);
      if (response.status < 200 || response.status >= 300) throw await toError(response, sentAt);
      assertFromAzure(response.headers);
      return response;
    } catch (error) {
      if (body) discardBody(body);
      throw error;
    }
  }
}

/** What an answer that is no success says. Reads its body. `sentAt`: when the request was sent, by this process's clock. */
export async function toError(response: HttpResponse, sentAt: number): Promise<AppError> {
  const { status, headers } = response;
  let text = '';
  try {
    text = await response.body.text(maxErrorBytes);
  } catch (error) {
    if (error instanceof AppError && error.code === 'CANCELLED') return error;
  }
  const code = headers['x-ms-error-code'] ?? /<Code>([^<]+)<\/Code>/.exec(text)?.[1];
  return azureError({ status, code, message: text, headers, sentAt });
}
