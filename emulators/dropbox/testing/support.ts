import { Dropbox, type DropboxOptions, type DropboxResponseError } from 'dropbox';
import { onTestFinished } from 'vitest';
import { type DropboxServer, type DropboxServerOptions, startDropboxServer } from '../server.ts';

export const APP = { key: 'appkey', redirectUris: ['http://localhost/connected'] };
export const REFRESH_TOKEN = 'refresh-ann';

/** A server with the accounts `ann`, of a team with a team space, and `ben`; closed at the end of the test. */
export async function startTestServer(options: Partial<DropboxServerOptions> = {}): Promise<DropboxServer> {
  const server = await startDropboxServer({
    apps: [APP],
    accounts: [
      { id: 'ann', teamName: 'Team', refreshTokens: [REFRESH_TOKEN] },
      { id: 'ben', refreshTokens: ['refresh-ben'] },
    ],
    ...options,
  });
  onTestFinished(() => server.close());
  return server;
}

/** The SDK speaks https to hosts of its own: its requests are sent to the server instead, unchanged but for that. */
export function fetchFrom(server: DropboxServer): typeof fetch {
  return (input, init) => {
    const url = new URL(String(input));
    return fetch(server.endpoint + url.pathname + url.search, init);
  };
}

/** The vendor's SDK as anyone would set it up for a grant. */
export function sdkClient(server: DropboxServer, options: DropboxOptions = {}): Dropbox {
  return new Dropbox({ clientId: APP.key, refreshToken: REFRESH_TOKEN, fetch: fetchFrom(server), ...options });
}

export async function startWithClient(
  options: Partial<DropboxServerOptions> = {},
): Promise<{ server: DropboxServer; client: Dropbox }> {
  const server = await startTestServer(options);
  return { server, client: sdkClient(server) };
}

/** The error that a call ends with. */
export async function failure(
  call: Promise<unknown>,
): Promise<{ status: number; summary: string; error: unknown; headers: Headers }> {
  try {
    await call;
  } catch (caught) {
    const { status, error, headers } = caught as DropboxResponseError<{ error_summary?: string }>;
    const summary = (error as { error_summary?: string } | undefined)?.error_summary ?? String(error);
    return { status, summary, error, headers: headers as Headers };
  }
  throw new Error('The call was expected to fail.');
}

export const MiB = 1024 * 1024;

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
