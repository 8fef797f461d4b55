import {
  AnonymousCredential,
  BlobServiceClient,
  type HttpOperationResponse,
  newPipeline,
  type WebResource,
} from '@azure/storage-blob';
import { AppError } from '../../../core/errors.ts';
import type { HttpClient } from '../../http.ts';
import type { Endpoint } from '../endpoint.ts';
import type { BlobAccess } from './access.ts';
import { assertFromAzure, notAzure } from './errors.ts';
import { toError } from './rest.ts';

/** Largest answer that is read for the SDK: a page of 5,000 blobs or a list of 50,000 blocks is far below. */
const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * The vendor's client for calls whose answers or bodies are XML. Its requests go through our connections, so that
 * address policy, time-outs and closing hold for them too. It makes one attempt and follows no redirect.
 */
export function createServiceClient(endpoint: Endpoint, access: BlobAccess, http: HttpClient): BlobServiceClient {
  const pipeline = newPipeline(access.key ?? new AnonymousCredential(), {
    httpClient: { sendRequest: (request) => sendThrough(http, access, request) },
    retryOptions: { maxTries: 1 },
  });
  const sas = access.sas === '' ? '' : `?${access.sas}`;
  return new BlobServiceClient(endpoint.origin + endpoint.basePath + sas, pipeline);
}

async function sendThrough(http: HttpClient, access: BlobAccess, request: WebResource): Promise<HttpOperationResponse> {
  const url = new URL(request.url);
  const signal = (request.abortSignal as AbortSignal | undefined) ?? new AbortController().signal;
  const sent = request.headers.toJson();
  // What the account's key signs, the pipeline has signed already.
  if (access.key === undefined) await access.authorize(request.method, request.url, sent, signal);
  const sentAt = Date.now();
  const response = await http.send({
    method: request.method as 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE',
    origin: url.origin,
    path: url.pathname + url.search,
    headers: sent,
    ...(typeof request.body === 'string' ? { body: Buffer.from(request.body) } : {}),
    signal,
  });
  if (response.status === 401) access.refused(sent);
  // Before the SDK sees it: words of a proxy without a Content-Type it would try to read as XML, whatever the status.
  if (response.status < 200 || response.status >= 300) throw await toError(response, sentAt);
  const bodyAsText = await response.body.text(maxAnswerBytes);
  assertFromAzure(response.headers);
  const headers = request.headers.clone();
  for (const name of headers.headerNames()) headers.remove(name);
  for (const [name, value] of Object.entries(response.headers)) headers.set(name, value);
  return { request, status: response.status, headers, bodyAsText };
}

/** Runs one call of the SDK and translates what it throws. */
export async function callSdk<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw sdkError(error);
  }
}

function sdkError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return new AppError('CANCELLED', 'The call was cancelled.', { cause: error });
  }
  return notAzure(error);
}
