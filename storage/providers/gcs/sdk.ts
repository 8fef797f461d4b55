import { AsyncLocalStorage } from 'node:async_hooks';
import { sign } from 'node:crypto';
import { Storage } from '@google-cloud/storage';
import { AppError } from '../../../core/errors.ts';
import type { HttpRequest } from '../../http.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ServiceAccount } from './credentials.ts';
import { notGcs } from './errors.ts';
import type { GcsRest } from './rest.ts';

/** Runs a call of the SDK under a signal, which its methods do not take, and translates what it throws. */
export type CallSdk = <T>(signal: AbortSignal, call: () => Promise<T>) => Promise<T>;

/** A call that is under way, as its requests find it. */
interface SdkCall {
  signal: AbortSignal;
  fail(error: unknown): void;
}

/** The part of a request that the SDK hands to its transport. */
interface SdkRequest {
  method?: string;
  uri: string;
  qs?: Record<string, unknown>;
  json?: unknown;
}
type SdkCallback = (error: Error | null, body?: unknown, response?: unknown) => void;

/**
 * The vendor's client for control calls. It has no option for a transport: what it sends by is replaced, the function
 * that adds its authorisation, retries and sockets, so that address policy, time-outs, closing and the account's own
 * tokens hold for it too. One attempt each. Its URLs are signed with the service account's key, without a request.
 */
export function createStorage(
  rest: GcsRest,
  endpoint: Endpoint,
  projectId: string | undefined,
  account: ServiceAccount | undefined,
): { storage: Storage; callSdk: CallSdk } {
  const calls = new AsyncLocalStorage<SdkCall>();
  const storage = new Storage({
    apiEndpoint: endpoint.origin + endpoint.basePath,
    ...(projectId === undefined ? {} : { projectId }),
    retryOptions: { autoRetry: false },
  });
  const transport = (request: SdkRequest, callback: SdkCallback) => {
    const { signal, fail } = calls.getStore() as SdkCall;
    send(rest, request, request.uri.slice(storage.baseUrl.length), signal)
      .then(
        (body) => callback(null, body, { statusCode: 200, body }),
        (error) => callback(error as Error),
      )
      // The SDK throws here at an answer that it cannot read, and settles nothing.
      .catch(fail);
  };
  const signer = {
    getCredentials: async () => ({ client_email: account?.email }),
    sign: async (text: string) => {
      if (account === undefined) throw new AppError('NOT_SUPPORTED', 'Only the key of a service account signs URLs.');
      return sign('RSA-SHA256', Buffer.from(text), account.privateKey).toString('base64');
    },
  };
  Object.assign(storage, { makeAuthenticatedRequest: transport, authClient: signer });
  const callSdk: CallSdk = <T>(signal: AbortSignal, call: () => Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      const fail = (error: unknown) => reject(toAppErrorOfSdk(error));
      calls.run({ signal, fail }, () => call().then(resolve, fail));
    });
  return { storage, callSdk };
}

function send(rest: GcsRest, request: SdkRequest, path: string, signal: AbortSignal): Promise<object> {
  const query = Object.entries(request.qs ?? {}).filter(([, value]) => value !== undefined);
  const isBare = request.json === undefined || request.json === true;
  return rest.json({
    method: (request.method ?? 'GET') as HttpRequest['method'],
    path: `/storage/v1/${path.replace(/^\/+/, '')}`,
    query: Object.fromEntries(query.map(([name, value]) => [name, String(value)])),
    ...(isBare
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(request.json)) }),
    signal,
  });
}

function toAppErrorOfSdk(error: unknown): AppError {
  return error instanceof AppError ? error : notGcs(error);
}
