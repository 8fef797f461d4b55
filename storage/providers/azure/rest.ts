import { AppError } from '../../../core/errors.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../http.ts';
import type { Precondition, UploadBody, Version } from '../../provider.ts';
import { discardBody, plainBody } from '../body.ts';
import { type Endpoint, encodeKey, encodeValue } from '../endpoint.ts';
import { assertFromAzure, azureError } from './errors.ts';
import { checkContainerName } from './names.ts';
import type { SharedKeySigner } from './signer.ts';

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
  signal: AbortSignal;
}

/** The calls that carry objects and their facts, without the SDK's cost per request. */
export class BlobRest {
  readonly #http: HttpClient;
  readonly #endpoint: Endpoint;
  readonly #signer: SharedKeySigner | undefined;
  readonly #sas: string;

  /** `sas`: query string without `?`, or '' with a signer. */
  constructor(http: HttpClient, endpoint: Endpoint, signer: SharedKeySigner | undefined, sas: string) {
    this.#http = http;
    this.#endpoint = endpoint;
    this.#signer = signer;
    this.#sas = sas;
  }

  /** Resolves for 2xx, with the body still to be read; everything else is an AppError. */
  async send(request: BlobRequest): Promise<HttpResponse> {
    const { method, container, key, body, signal } = request;
    try {
      checkContainerName(container);
      const query = Object.entries(request.query ?? {}).map(([name, value]) => `${name}=${encodeValue(value)}`);
      if (this.#sas !== '') query.push(this.#sas);
      const blob = key === undefined ? '' : `/${encodeKey(key)}`;
      const path = `${this.#endpoint.basePath}/${container}${blob}${query.length > 0 ? `?${query.join('&')}` : ''}`;
      const headers: Record<string, string> = { ...request.headers, 'x-ms-version': apiVersion };
      if (body) headers['content-length'] = String(body.sizeBytes);
      this.#signer?.sign(method, this.#endpoint.origin + path, headers);
      const response = await this.#http.send({
        method,
        origin: this.#endpoint.origin,
        path,
        headers,
        signal,
        ...(body ? { body: plainBody(body) } : {}),
      });
      if (response.status < 200 || response.status >= 300) throw await toError(response);
      assertFromAzure(response.headers);
      return response;
    } catch (error) {
      if (body) discardBody(body);
      throw error;
    }
  }
}

async function toError(response: HttpResponse): Promise<AppError> {
  const { status, headers } = response;
  let text = '';
  try {
    text = await response.body.text(maxErrorBytes);
  } catch (error) {
    if (error instanceof AppError && error.code === 'CANCELLED') return error;
  }
  const code = headers['x-ms-error-code'] ?? /<Code>([^<]+)<\/Code>/.exec(text)?.[1];
  return azureError({ status, code, message: text, headers });
}

/** Headers of a precondition on what is there now. */
export function conditionHeaders(precondition: Precondition | undefined): Record<string, string> {
  return {
    ...(precondition?.ifAbsent ? { 'if-none-match': '*' } : {}),
    ...(precondition?.ifMatch ? { 'if-match': requireEtag(precondition.ifMatch) } : {}),
  };
}

export function requireEtag(version: Version): string {
  if (version.etag !== undefined) return version.etag;
  throw new AppError('INVALID_INPUT', 'The version of an Azure blob must hold its ETag.');
}
