import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Storage } from '@google-cloud/storage';
import { onTestFinished } from 'vitest';
import { type GcsServer, type GcsServerOptions, startGcsServer } from '../server.ts';

/** An app with a grant of one person. */
export const APP = {
  clientId: 'app.apps.googleusercontent.com',
  clientSecret: 'app-secret',
  grants: { '1//grant': 'person@example.com' },
};

/** A server with the bucket `bucket` that is closed at the end of the test. */
export async function startTestServer(options: Partial<GcsServerOptions> = {}): Promise<GcsServer> {
  const server = await startGcsServer({ buckets: ['bucket'], apps: [APP], ...options });
  onTestFinished(() => server.close());
  return server;
}

/** The vendor's SDK, unchanged but for its endpoints. One attempt each. */
export async function sdkClient(server: GcsServer): Promise<Storage> {
  const credentials = {
    type: 'authorized_user',
    client_id: APP.clientId,
    client_secret: APP.clientSecret,
    refresh_token: '1//grant',
  };
  const storage = new Storage({
    apiEndpoint: server.endpoint,
    useAuthWithCustomEndpoint: true,
    projectId: server.projectId,
    credentials,
    retryOptions: { autoRetry: false },
  });
  const client = (await storage.authClient.getClient()) as unknown as { endpoints: { oauth2TokenUrl: string } };
  client.endpoints.oauth2TokenUrl = `${server.endpoint}/token`;
  return storage;
}

export async function startWithClient(options: Partial<GcsServerOptions> = {}) {
  const server = await startTestServer(options);
  return { server, bucket: (await sdkClient(server)).bucket('bucket') };
}

/** The status and reasons that a call of the SDK ends with. */
export async function failure(call: Promise<unknown>): Promise<{ code: unknown; reason: unknown; message: string }> {
  try {
    await call;
  } catch (caught) {
    const error = caught as Error & { code?: unknown; errors?: { reason?: string }[] };
    return { code: error.code, reason: error.errors?.[0]?.reason, message: error.message };
  }
  throw new Error('The call was expected to fail.');
}

export interface RawResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** One plain HTTP request with a token that may do everything, unless another authorization is given. */
export function raw(
  server: GcsServer,
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: Buffer | string } = {},
): Promise<RawResponse> {
  const { access_token } = server.tokens.issue({ email: 'raw@example.com', mayWrite: true });
  const headers = { authorization: `Bearer ${access_token}`, ...options.headers };
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: server.port, method, path, headers, agent: false },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(pieces);
          const status = response.statusCode as number;
          resolve({ status, headers: response.headers, body, text: body.toString('utf8') });
        });
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
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
