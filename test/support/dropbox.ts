import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished } from 'vitest';
import type { AppError, ErrorCode } from '../../core/errors.ts';
import {
  type AccountOptions,
  type DropboxServer,
  type DropboxServerOptions,
  startDropboxServer,
} from '../../emulators/dropbox/server.ts';
import { createAddressPolicy } from '../../storage/address-policy.ts';
import { bufferedBody, createDigest, streamBody } from '../../storage/digest.ts';
import type { Precondition, StorageProvider, UploadSession } from '../../storage/provider.ts';
import { openProvider } from '../../storage/registry.ts';

export const container = 'dropbox';
export const partBytes = 4 * 1024 * 1024;

export function never(): AbortSignal {
  return new AbortController().signal;
}

/** A server with `ann`, who is in a team with a team space, and `ben`; closed at the end of the test. */
export async function startServer(
  ann: Partial<AccountOptions> = {},
  options: Partial<DropboxServerOptions> = {},
): Promise<DropboxServer> {
  const server = await startDropboxServer({
    apps: [{ key: 'app' }],
    accounts: [
      { id: 'ann', teamName: 'Team', refreshTokens: ['ann'], ...ann },
      { id: 'ben', refreshTokens: ['ben'] },
    ],
    ...options,
  });
  onTestFinished(() => server.close());
  return server;
}

export function open(server: DropboxServer, refreshToken = 'ann'): StorageProvider {
  const provider = openProvider(
    { provider: 'dropbox', appKey: 'app', refreshToken, endpoint: server.endpoint },
    { addressPolicy: createAddressPolicy(['127.0.0.0/8']) },
  );
  onTestFinished(() => provider.close());
  return provider;
}

export async function startWithProvider(ann: Partial<AccountOptions> = {}) {
  const server = await startServer(ann);
  return { server, provider: open(server) };
}

export function streamOf(bytes: Uint8Array) {
  return streamBody(Readable.from([bytes]), bytes.length, ['dropbox']);
}

export function put(
  provider: StorageProvider,
  key: string,
  text: string,
  precondition?: Precondition,
  space = container,
) {
  const body = bufferedBody([Buffer.from(text)], ['dropbox']);
  return provider.write({ container: space, key, body, metadata: { user: {} }, precondition }, never());
}

export async function get(provider: StorageProvider, key: string, space = container): Promise<string> {
  const { stream } = await provider.read({ container: space, key }, never());
  return (await buffer(stream)).toString();
}

/** Every key below a prefix; folders, with a delimiter, as keys with a slash behind. */
export async function keysOf(
  provider: StorageProvider,
  request: { prefix?: string; delimiter?: '/'; limit?: number; container?: string } = {},
): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await provider.list({ container, prefix: '', ...request, cursor }, never());
    keys.push(...page.items.map((entry) => entry.key));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return keys.sort();
}

export function begin(provider: StorageProvider, key: string, sizeBytes: number): Promise<UploadSession> {
  return provider.beginUpload({ container, key, sizeBytes, metadata: { user: {} } }, never());
}

export function sendPart(provider: StorageProvider, session: UploadSession, bytes: Buffer, partNumber: number) {
  const offset = (partNumber - 1) * partBytes;
  const body = streamOf(bytes.subarray(offset, offset + partBytes));
  return provider.putPart({ session, partNumber, offset, body }, never());
}

export function hashOf(bytes: Uint8Array): { dropbox: string } {
  const digest = createDigest(['dropbox']);
  digest.update(bytes);
  return { dropbox: digest.digest().dropbox as string };
}

export async function failure(promise: Promise<unknown>, code: ErrorCode): Promise<AppError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'AppError', code });
  return error as AppError;
}
