import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KnownApp } from './auth/identities.ts';
import { TokenAuthority } from './auth/tokens.ts';
import { FaultPlan } from './faults.ts';
import { createHandler } from './handler.ts';
import { requireBucketName } from './json/buckets.ts';
import { Observer } from './observer.ts';
import { createServiceAccount } from './service-account.ts';
import { Store } from './store/store.ts';

export interface GcsServerOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** A free one by default. */
  readonly port?: number;
  /** `skyferry-test` by default. */
  readonly projectId?: string;
  /** Buckets to create. */
  readonly buckets?: readonly string[];
  /** Whether they keep generations that are replaced or deleted; false by default. */
  readonly versioning?: boolean;
  /**
   * Names of the service accounts beside `owner`, which may do everything, and the buckets each may use. The e-mail is
   * NAME@PROJECT.iam.gserviceaccount.com.
   */
  readonly serviceAccounts?: Readonly<Record<string, readonly string[]>>;
  /** Apps that people sign in by, and their grants. */
  readonly apps?: readonly KnownApp[];
  /** Who is signed in at the sign-in page and lets every app in; `person@example.com` by default. */
  readonly person?: string;
  /** How long access tokens last; an hour by default. */
  readonly tokenLifetimeMs?: number;
  /** How long resumable sessions last; a week by default. */
  readonly sessionLifetimeMs?: number;
  /** How much one rewrite request copies, in multiples of 1 MiB; 1 GiB by default. */
  readonly rewriteBytes?: number;
  /** Whether an object may change once a second only, as at Google; false by default. */
  readonly onePerSecond?: boolean;
  /** How many bytes all objects together may have; 2 GiB by default. */
  readonly maxBytes?: number;
  /** Told of failures of the server itself; written to stderr by default. */
  readonly onInternalError?: (error: unknown) => void;
}

export interface GcsServer {
  /** http://127.0.0.1:PORT, below which are both APIs. */
  readonly endpoint: string;
  readonly port: number;
  readonly projectId: string;
  /** The JSON key of a service account, `owner` by default. Throws for a name that is not known. */
  serviceAccountKey(name?: string): string;
  /** A key of the same name that is well formed, and that the server does not know. */
  strangersKey(): string;
  readonly tokens: TokenAuthority;
  /** Faults to inject. */
  readonly faults: FaultPlan;
  /** Events and counters of the requests. */
  readonly observer: Observer;
  /** Ends all connections, transfers in progress among them. */
  close(): Promise<void>;
}

const DAY_MS = 24 * 3600_000;

/** Starts a server of Cloud Storage's JSON and XML APIs, with a token endpoint. Rejects when the port is taken. */
export async function startGcsServer(options: GcsServerOptions = {}): Promise<GcsServer> {
  const projectId = options.projectId ?? 'skyferry-test';
  const store = new Store(options.maxBytes ?? 2 * 1024 ** 3, options.onePerSecond ?? false);
  for (const name of options.buckets ?? []) {
    requireBucketName(name);
    const { versioning = false } = options;
    store.createBucket({ name, projectId, location: 'US', storageClass: 'STANDARD', created: Date.now(), versioning });
  }
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const newAccount = (name: string) =>
    createServiceAccount({
      clientEmail: `${name}@${projectId}.iam.gserviceaccount.com`,
      projectId,
      tokenUri: `${endpoint}/token`,
    });
  const accounts = Object.entries({ owner: undefined, ...options.serviceAccounts }).map(([name, buckets]) => ({
    name,
    buckets,
    ...newAccount(name),
  }));
  const tokens = new TokenAuthority(
    accounts.map(({ key, publicKey, buckets }) => ({ email: key.client_email, publicKey, buckets })),
    options.apps ?? [],
    options.tokenLifetimeMs ?? 3600_000,
  );
  const faults = new FaultPlan();
  const observer = new Observer();
  const handler = createHandler({
    settings: {
      projectId,
      person: options.person ?? 'person@example.com',
      rewriteBytes: options.rewriteBytes ?? 1024 ** 3,
      sessionLifetimeMs: options.sessionLifetimeMs ?? 7 * DAY_MS,
    },
    store,
    tokens,
    faults,
    observer,
    onInternalError: options.onInternalError ?? ((error) => process.stderr.write(`${(error as Error).stack}\n`)),
  });
  server.on('request', handler);
  return {
    endpoint,
    port,
    projectId,
    serviceAccountKey(name = 'owner') {
      const account = accounts.find((one) => one.name === name);
      if (account === undefined) throw new Error(`There is no service account ${name}.`);
      return JSON.stringify(account.key, null, 2);
    },
    strangersKey: () => JSON.stringify(newAccount('owner').key, null, 2),
    tokens,
    faults,
    observer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
