import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client, type S3ClientConfig, type S3ServiceException } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import { onTestFinished } from 'vitest';
import { type S3Server, type S3ServerOptions, startS3Server } from '../server.ts';

export const CREDENTIALS = { accessKeyId: 'AKIDSKYFERRYTEST', secretAccessKey: 'a secret/with+signs' };

/** The two kinds of store, for `describe.each`: what holds for one must hold for the other. */
export const STORES = ['memory', 'disk'] as const;

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'skyferry-s3-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A server with the bucket `bucket` that is closed at the end of the test. */
export async function startTestServer(
  options: Partial<S3ServerOptions> & { store?: (typeof STORES)[number] } = {},
): Promise<S3Server> {
  const { store, ...rest } = options;
  const server = await startS3Server({
    credentials: [CREDENTIALS],
    buckets: ['bucket'],
    ...(store === 'disk' ? { dataDirectory: temporaryDirectory() } : {}),
    ...rest,
  });
  onTestFinished(() => server.close());
  return server;
}

/** The AWS SDK as anyone would set it up for a store at an endpoint of its own. */
export function sdkClient(server: S3Server, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    credentials: CREDENTIALS,
    forcePathStyle: true,
    maxAttempts: 1,
    ...config,
  });
  onTestFinished(() => client.destroy());
  return client;
}

export async function startWithClient(
  options: Parameters<typeof startTestServer>[0] = {},
): Promise<{ server: S3Server; client: S3Client }> {
  const server = await startTestServer(options);
  return { server, client: sdkClient(server) };
}

/** The error that a call ends with, for its code and status. */
export async function failure(
  call: Promise<unknown>,
): Promise<{ code: string; status: number | undefined; error: S3ServiceException }> {
  try {
    await call;
  } catch (caught) {
    const error = caught as S3ServiceException;
    return { code: error.name, status: error.$metadata?.httpStatusCode, error };
  }
  throw new Error('The call was expected to fail.');
}

export interface RawResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** The text of the error document's Code element. */
  readonly code: string | undefined;
}

export interface RawRequest {
  readonly method?: string;
  /** Path and query as they go over the wire. */
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | string;
}

/** One plain HTTP request, nothing added but what Node adds. Header values go over the wire as UTF-8. */
export function rawRequest(
  server: S3Server,
  { method = 'GET', path, headers = {}, body }: RawRequest,
): Promise<RawResponse> {
  const encoded = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Buffer.from(value, 'utf8').toString('latin1')]),
  );
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: server.port, method, path, headers: encoded, agent: false },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const content = Buffer.concat(pieces);
          const text = content.toString('utf8');
          resolve({
            status: response.statusCode as number,
            headers: response.headers,
            body: content,
            text,
            code: /<Code>(\w+)<\/Code>/.exec(text)?.[1],
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

class NodeHash {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined
        ? createHash('sha256')
        : createHmac('sha256', typeof secret === 'string' ? secret : toBuffer(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof data === 'string' ? data : toBuffer(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
}

function toBuffer(data: ArrayBuffer | ArrayBufferView): Buffer {
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}

/** The AWS SDK's own signer, for requests that the SDK's client would not make. */
export function signer(credentials = CREDENTIALS, region = 'us-east-1'): SignatureV4 {
  return new SignatureV4({
    credentials,
    region,
    service: 's3',
    sha256: NodeHash,
    uriEscapePath: false,
    applyChecksum: false,
  });
}

/** A request signed in its headers. `payloadHash` is x-amz-content-sha256. */
export async function signedRequest(
  server: S3Server,
  request: RawRequest & { payloadHash?: string; signingDate?: Date; credentials?: typeof CREDENTIALS; region?: string },
): Promise<RawResponse> {
  const { method = 'GET', path, headers = {}, payloadHash = 'UNSIGNED-PAYLOAD' } = request;
  const url = new URL(`http://host${path}`);
  const signed = await signer(request.credentials, request.region).sign(
    {
      method,
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: server.port,
      path: path.split('?')[0] as string,
      query: Object.fromEntries(url.searchParams),
      headers: { host: `127.0.0.1:${server.port}`, ...headers, 'x-amz-content-sha256': payloadHash },
    },
    request.signingDate === undefined ? {} : { signingDate: request.signingDate },
  );
  return rawRequest(server, { ...request, headers: { ...signed.headers } });
}

/** The path and query of a presigned URL. */
export async function presignedPath(
  server: S3Server,
  options: {
    method?: string;
    path: string;
    expiresIn?: number;
    signingDate?: Date;
    query?: Record<string, string>;
    headers?: Record<string, string>;
  },
): Promise<string> {
  const presigned = await signer().presign(
    {
      method: options.method ?? 'GET',
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: server.port,
      path: options.path,
      query: options.query ?? {},
      headers: {
        host: `127.0.0.1:${server.port}`,
        'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
        ...options.headers,
      },
    },
    {
      expiresIn: options.expiresIn ?? 60,
      ...(options.signingDate === undefined ? {} : { signingDate: options.signingDate }),
    },
  );
  const query = Object.entries(presigned.query ?? {}).map(
    ([name, value]) => `${name}=${encodeURIComponent(String(value))}`,
  );
  return `${options.path}?${query.join('&')}`;
}

/** Bytes that are different everywhere and the same in every run. */
export function testBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export function md5Hex(data: Buffer | string): string {
  return createHash('md5').update(data).digest('hex');
}

/** Keys that file systems, URLs, XML or careless code treat specially. */
export const HARD_KEYS = [
  'plain.txt',
  'a//b',
  '/leading',
  'trailing/',
  '../../etc/passwd',
  './dot',
  '..',
  '.',
  ' spaces  around ',
  'plus+percent%25&amp;<xml>"quotes\'',
  'quest?ion#hash',
  'tab\tnewline\nbell\u0007',
  'Case',
  'case',
  'caf\u00e9',
  'cafe\u0301',
  '\u{1f600}',
  '\uff41',
  'nul\u0000byte',
  'back\\slash:colon*star|pipe',
  'k'.repeat(1024),
  '\u{1f600}'.repeat(256),
];
