import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { AppError } from '../../../core/errors.ts';
import { type HttpClient, type HttpRequest, orAborted } from '../../http.ts';
import { requireWholeXml } from '../xml.ts';
import type { S3Address, S3Credentials } from './address.ts';
import { queryString } from './address.ts';
import { isWebPage, notS3, s3Error } from './errors.ts';
import { toError } from './rest.ts';
import { requestHeaders } from './settings.ts';
import type { KeySource } from './signer.ts';

/** Largest answer that is read for the SDK: a page of 1,000 parts is far below. */
const maxAnswerBytes = 16 * 1024 * 1024;
/** Joining thousands of parts takes a store minutes, and not all send anything before they are done. */
const completeTimeoutMs = 10 * 60_000;

/**
 * The vendor's client for calls whose bodies or answers are XML. Its requests go through our connections, so that
 * address policy, time-outs and closing hold for them too, and their errors are read in one place. One attempt each.
 */
export function createS3Client(credentials: S3Credentials, address: S3Address, http: HttpClient): S3Client {
  const { accessKeyId, secretAccessKey, sessionToken, region } = credentials;
  const always = requestHeaders(credentials);
  const client = new S3Client({
    region,
    endpoint: address.endpoint.origin + address.endpoint.basePath,
    forcePathStyle: address.pathStyle,
    // Without keys the SDK asks its chain of providers, which end with the machine's own identity.
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
    maxAttempts: 1,
    // Compatible stores answer 501 to checksums that they do not know; what we want checked we ask for ourselves.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      handle: async (request: SdkRequest, options?: { abortSignal?: unknown }) => ({
        response: await sendThrough(http, request, options?.abortSignal),
      }),
      updateHttpClientConfig: () => {},
      httpHandlerConfigs: () => ({}),
    },
  });
  // DeleteObjects must carry a digest of its body. Every store knows Content-MD5, some refuse the SDK's CRC32.
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as { body?: unknown; headers: Record<string, string> };
      Object.assign(request.headers, always);
      if (context.commandName === 'DeleteObjectsCommand' && typeof request.body === 'string') {
        for (const name of Object.keys(request.headers)) if (/checksum/i.test(name)) delete request.headers[name];
        request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
      }
      return next(args);
    },
    // After the SDK's own digests, before the signature.
    { step: 'build', priority: 'low', name: 'headersOfOurOwn' },
  );
  return client;
}

/**
 * The keys that the client signs with. Throws CREDENTIALS_INVALID where the machine has no identity that AWS knows, or
 * cannot be asked for it.
 */
export function keysOf(client: S3Client): KeySource {
  return async () => {
    try {
      return await client.config.credentials();
    } catch (error) {
      throw sdkError(error);
    }
  };
}

interface SdkRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number | undefined;
  path: string;
  query?: Record<string, string | string[] | null> | undefined;
  headers: Record<string, string>;
  body?: unknown;
}

async function sendThrough(http: HttpClient, request: SdkRequest, abortSignal: unknown) {
  const query = Object.entries(request.query ?? {}).map(([name, value]) => [name, String(value ?? '')]);
  const sentAt = Date.now();
  const response = await http.send({
    method: request.method as HttpRequest['method'],
    origin: `${request.protocol}//${request.hostname}${request.port === undefined ? '' : `:${request.port}`}`,
    path: request.path + queryString(Object.fromEntries(query)),
    headers: request.headers,
    ...(typeof request.body === 'string' && request.body !== '' ? { body: Buffer.from(request.body) } : {}),
    ...(request.method === 'POST' ? { headersTimeoutMs: completeTimeoutMs } : {}),
    signal: (abortSignal as AbortSignal | undefined) ?? new AbortController().signal,
  });
  if (response.status < 200 || response.status >= 300 || isWebPage(response.headers))
    throw await toError(response, sentAt);
  // S3 answers CompleteMultipartUpload with 200 at once, and sends blanks for as long as it joins the parts.
  const text = await response.body.text(maxAnswerBytes, request.method === 'POST' ? completeTimeoutMs : undefined);
  if (request.method === 'GET' && !/^\s*<[?A-Za-z]/.test(text)) throw notS3();
  requireWholeXml(text);
  // By the date of an answer the SDK would sign whatever follows. A clock that is set while a request is under way would then
  // be taken for one that is wrong, for as long as the process lives: refusals, which would tell, it does not get to see.
  const { date: _, ...headers } = response.headers;
  return { statusCode: response.status, headers, body: Readable.from([Buffer.from(text)]) };
}

/**
 * Runs one call of the SDK and translates what it throws. The signal is the call's own too: what the SDK does before it
 * sends, such as asking for the machine's keys, knows nothing of it.
 */
export async function callSdk<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  try {
    return await orAborted(call(), signal);
  } catch (error) {
    throw sdkError(error);
  }
}

function sdkError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  // CompleteMultipartUpload may fail after its 200 has gone: the SDK reads that from the body.
  // What it cannot read, such as a date that is none, it throws as an error of JavaScript with the same metadata.
  if (error instanceof Error && '$metadata' in error && '$fault' in error) {
    const { httpStatusCode = 500 } = error.$metadata as { httpStatusCode?: number };
    return s3Error({ status: Math.max(httpStatusCode, 500), code: error.name, headers: {} }, error);
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new AppError('CANCELLED', 'The call was cancelled.', { cause: error });
  }
  // Errors of its chain of providers, of whichever kind, say whether the next is to be tried.
  if (error instanceof Error && 'tryNextLink' in error) {
    return new AppError(
      'CREDENTIALS_INVALID',
      'This machine has no identity at AWS, or it cannot be read. Give its instance a role, or use an access key.',
      { cause: error },
    );
  }
  return notS3(error);
}
