import { AppError } from '../../../core/errors.ts';
import type { DigestAlgorithm } from '../../digest-algorithm.ts';
import { type HttpClient, type HttpRequest, type HttpResponse, orAborted } from '../../http.ts';
import type { UploadBody } from '../../provider.ts';
import { discardBody, plainBody } from '../body.ts';
import { queryString, type S3Address, target } from './address.ts';
import { chunked, chunkedLength } from './chunked.ts';
import { isWebPage, parseFault, s3Error } from './errors.ts';
import { toBase64 } from './properties.ts';
import { emptyPayload, type Signer, trailerPayload, unsignedPayload } from './signer.ts';

/** Error documents are short; what is longer is none. */
const maxErrorBytes = 64 * 1024;

export interface S3Request {
  method: HttpRequest['method'];
  bucket: string;
  key?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: UploadBody;
  /** Digest of the body that goes along for the store to check; absent: none does. */
  digest?: DigestAlgorithm | undefined;
  /** Idle time before the answer's headers, in milliseconds; for what a store works on before it answers. */
  headersTimeoutMs?: number;
  signal: AbortSignal;
}

/** The calls that carry objects, their facts and listings, without the SDK's cost per request. */
export class S3Rest {
  readonly #http: HttpClient;
  readonly #address: S3Address;
  readonly #signer: Signer;
  readonly #always: Record<string, string>;

  /** `always`: headers of every request, in lower case. */
  constructor(http: HttpClient, address: S3Address, signer: Signer, always: Record<string, string>) {
    this.#http = http;
    this.#address = address;
    this.#signer = signer;
    this.#always = always;
  }

  /** Resolves for 2xx, with the body still to be read; everything else is an AppError. */
  async send(request: S3Request): Promise<HttpResponse> {
    const { method, bucket, key, query = {}, body, signal } = request;
    try {
      const { origin, path, host } = target(this.#address, bucket, key);
      const payload = body ? describe(body, request.digest) : undefined;
      const own = { host, 'x-amz-content-sha256': emptyPayload, ...this.#always, ...request.headers };
      const signing = this.#signer.sign({
        method,
        path,
        query,
        headers: mergeEncoding(own, payload?.headers),
      });
      const headers = await orAborted(signing, signal);
      const sentAt = Date.now();
      const response = await this.#http.send({
        method,
        origin,
        path: path + queryString(query),
        headers,
        signal,
        ...(request.headersTimeoutMs === undefined ? {} : { headersTimeoutMs: request.headersTimeoutMs }),
        ...(payload ? { body: payload.body } : {}),
      });
      if (response.status >= 200 && response.status < 300 && !isErrorPage(response)) return response;
      throw await toError(response, sentAt);
    } catch (error) {
      if (body) discardBody(body);
      throw error;
    }
  }

  /** A URL by which anybody can read the object for so many seconds. Sends nothing. */
  async presign(bucket: string, key: string, query: Record<string, string>, seconds: number): Promise<string> {
    const { origin, path, host } = target(this.#address, bucket, key);
    const signed = await this.#signer.presign(
      { method: 'GET', path, query: { ...query, ...this.#always }, headers: { host } },
      seconds,
    );
    return origin + path + queryString(signed);
  }
}

/** An object may well be HTML; what S3 answers to anything but a read is not. */
function isErrorPage({ headers }: HttpResponse): boolean {
  return isWebPage(headers) && headers.etag === undefined;
}

interface Payload {
  headers: Record<string, string>;
  body: NonNullable<HttpRequest['body']>;
}

/**
 * A digest that is known already goes into a header, which every store reads that knows the digest at all; one of a
 * stream goes into the trailer, and MD5, which has no trailer, is left to a comparison with the ETag.
 */
function describe(body: UploadBody, digest: DigestAlgorithm | undefined): Payload {
  const isKnown = Array.isArray(body.source) || body.stated !== undefined;
  if (digest === undefined || (digest === 'md5' && !isKnown)) {
    return {
      headers: { 'content-length': String(body.sizeBytes), 'x-amz-content-sha256': unsignedPayload },
      body: plainBody(body),
    };
  }
  if (isKnown) {
    const value = toBase64(body.digest(digest));
    return {
      headers: {
        'content-length': String(body.sizeBytes),
        'x-amz-content-sha256': unsignedPayload,
        ...(digest === 'md5' ? { 'content-md5': value } : { [`x-amz-checksum-${digest}`]: value }),
      },
      body: plainBody(body),
    };
  }
  return {
    headers: {
      'content-length': String(chunkedLength(body.sizeBytes, digest)),
      'content-encoding': 'aws-chunked',
      'x-amz-content-sha256': trailerPayload,
      'x-amz-decoded-content-length': String(body.sizeBytes),
      'x-amz-trailer': `x-amz-checksum-${digest}`,
    },
    body: chunked(body, digest),
  };
}

/** The object's own encoding follows that of the transport. */
function mergeEncoding(headers: Record<string, string>, more: Record<string, string> = {}): Record<string, string> {
  const encodings = [more['content-encoding'], headers['content-encoding']].filter((one) => one !== undefined);
  return { ...headers, ...more, ...(encodings.length > 0 ? { 'content-encoding': encodings.join(',') } : {}) };
}

/** Reads the error document of an answer. `sentAt`: when the request was sent, by this process's clock. */
export async function toError(response: HttpResponse, sentAt: number): Promise<AppError> {
  const { status, headers } = response;
  let document = '';
  try {
    document = await response.body.text(maxErrorBytes);
  } catch (error) {
    if (error instanceof AppError && error.code === 'CANCELLED') return error;
  }
  return s3Error({ status, headers, sentAt, ...parseFault(document) });
}
