import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity } from './auth/identities.ts';
import type { TokenAuthority } from './auth/tokens.ts';
import { GcsError } from './errors.ts';
import type { FaultAction } from './faults.ts';
import type { Operation } from './observer.ts';
import type { Store } from './store/store.ts';

export interface Settings {
  readonly projectId: string;
  /** Who is signed in at the sign-in page. */
  readonly person: string;
  /** How much of an object one rewrite request copies at most, in bytes. */
  readonly rewriteBytes: number;
  /** How long a resumable session lasts. */
  readonly sessionLifetimeMs: number;
}

/** One request on its way through the server. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly settings: Settings;
  readonly store: Store;
  readonly tokens: TokenAuthority;
  readonly operation: Operation;
  readonly method: string;
  /** Scheme and host that the client knows the server by. */
  readonly origin: string;
  /** Path and query as they came over the wire. */
  readonly target: string;
  readonly query: URLSearchParams;
  readonly bucket: string | undefined;
  readonly name: string | undefined;
  /** Where an object is copied to. */
  readonly destination: { readonly bucket: string; readonly name: string } | undefined;
  readonly fault: FaultAction | undefined;
  readonly bytes: { received: number; sent: number };
  identity: Identity;
}

export function header(exchange: Exchange, name: string): string | undefined {
  const value = exchange.request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The bucket of the request, once it is known that the caller may use it. @throws noSuchBucket, forbidden */
export function requireBucket(exchange: Exchange, name = exchange.bucket): string {
  const { identity, store } = exchange;
  if (name === undefined || store.findBucket(name) === undefined) throw new GcsError('noSuchBucket');
  if (identity.buckets !== undefined && !identity.buckets.includes(name)) {
    throw new GcsError(
      'forbidden',
      `${identity.email} does not have storage.objects access to the Google Cloud Storage bucket.`,
    );
  }
  return name;
}

/** https://cloud.google.com/storage/docs/objects#naming. @throws required, invalid */
export function requireName(name: string | undefined | null): string {
  if (name === undefined || name === null || name === '') throw new GcsError('required', 'Required');
  const isWrong =
    Buffer.byteLength(name) > 1024 ||
    /[\r\n]/.test(name) ||
    name === '.' ||
    name === '..' ||
    name.startsWith('.well-known/acme-challenge/');
  if (isWrong) throw new GcsError('invalid', `Invalid object name: ${JSON.stringify(name)}`);
  return name;
}
