import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { blobOf } from './blob.ts';
import { FaultPlan } from './faults.ts';
import { type App, Grants } from './grants.ts';
import { createHandler } from './handler.ts';
import { Jobs } from './jobs.ts';
import { Observer } from './observer.ts';
import type { Account, Service } from './service.ts';
import { Sessions } from './sessions.ts';
import { type Commit, Forest } from './tree.ts';

export interface AccountOptions {
  /** Letters and digits. */
  readonly id: string;
  /** `<id>@example.com` by default. */
  readonly email?: string;
  /** With it the account is one of a team with a team space, whose root holds the home folder. */
  readonly teamName?: string;
  /** Grants that are there from the start, all of the first app. */
  readonly refreshTokens?: readonly string[];
  /** Those of grants; all that the server knows by default. */
  readonly scopes?: readonly string[];
  /** 4 GiB by default. What is stored here is held in memory, so this is the bound of it. */
  readonly allocatedBytes?: number;
}

export interface DropboxServerOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** A free one by default. */
  readonly port?: number;
  readonly apps: readonly App[];
  readonly accounts: readonly AccountOptions[];
  /** Whether a write to a namespace that meets another one there is refused with 429. True by default. */
  readonly commitLock?: boolean;
  /** How long a write takes, in milliseconds; 1 by default. */
  readonly commitMs?: number;
  /** Told of failures of the server itself; written to stderr by default. */
  readonly onInternalError?: (error: unknown) => void;
}

export interface DropboxServer {
  /** Stands for api.dropboxapi.com, content.dropboxapi.com and www.dropbox.com. */
  readonly endpoint: string;
  readonly port: number;
  /** Faults to inject. */
  readonly faults: FaultPlan;
  /** Events and counters of the requests. */
  readonly observer: Observer;
  /** Whoever opens /oauth2/authorize is signed in as this account, and consents; the first one by default. */
  signIn(accountId: string): void;
  /** Lets the server's clock jump: tokens, codes, sessions and links expire. */
  advance(ms: number): void;
  expireAccessTokens(): void;
  /** As when a person removes the app from their account. */
  revokeGrant(refreshToken: string): void;
  /** A file in the home of an account that cannot be downloaded, only exported. */
  plantExportOnly(accountId: string, path: string, formats: readonly string[]): void;
  /** A shared folder, mounted at a path in the homes of the accounts. */
  plantSharedFolder(path: string, accountIds: readonly string[]): void;
  /** Ends all connections, transfers in progress among them. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const ALL_SCOPES = ['account_info.read', 'files.metadata.read', 'files.content.read', 'files.content.write'];

/** Starts a Dropbox server. Rejects when the port is taken. */
export async function startDropboxServer(options: DropboxServerOptions): Promise<DropboxServer> {
  let skewMs = 0;
  const now = () => Date.now() + skewMs;
  const forest = new Forest(now);
  const grants = new Grants(options.apps, now);
  const accounts = openAccounts(options, forest, grants);
  const faults = new FaultPlan();
  const observer = new Observer();
  let signedIn = [...accounts.values()][0] as Account;
  let nextNamespace = 90_000;
  let endpoint = '';
  const service: Service = {
    origin: () => endpoint,
    forest,
    grants,
    accounts,
    sessions: new Sessions(now),
    jobs: new Jobs(now),
    copyReferences: new Map(),
    links: new Map(),
    now,
    commitLock: options.commitLock ?? true,
    commitMs: options.commitMs ?? 1,
  };
  const handler = createHandler({
    service,
    faults,
    observer,
    signedIn: () => signedIn,
    onInternalError: options.onInternalError ?? ((error) => process.stderr.write(`${(error as Error).stack}\n`)),
  });
  // A path of many characters beyond ASCII fills a header of its own.
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000, maxHeaderSize: 64 * 1024 }, handler);
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  endpoint = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const account = (id: string) => accounts.get(id) as Account;
  return {
    endpoint,
    port,
    faults,
    observer,
    signIn: (id) => {
      signedIn = account(id);
    },
    advance: (ms) => {
      skewMs += ms;
    },
    expireAccessTokens: () => grants.expireAccessTokens(),
    revokeGrant: (refreshToken) => grants.revokeGrant(refreshToken),
    plantExportOnly: (id, path, formats) => {
      const blob = blobOf([Buffer.from('# paper')]);
      const rules = { autorename: false, strictConflict: true, clientModified: undefined };
      const commit: Commit = { path, mode: { tag: 'add' }, ...rules };
      forest.commit(account(id).home, blob, commit).exportOnly = formats;
    },
    plantSharedFolder: (path, ids) => {
      nextNamespace += 1;
      const namespace = forest.createNamespace(String(nextNamespace));
      for (const id of ids) forest.mount(account(id).home, path, namespace);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function openAccounts(
  { accounts: all, apps }: DropboxServerOptions,
  forest: Forest,
  grants: Grants,
): ReadonlyMap<string, Account> {
  const accounts = new Map<string, Account>();
  for (const [index, options] of all.entries()) {
    const { id, email = `${id}@example.com`, teamName, allocatedBytes = 4 * 1024 ** 3 } = options;
    const scopes = options.scopes ?? ALL_SCOPES;
    const home = forest.createNamespace(String(10_000 + index));
    const root = teamName === undefined ? home : forest.createNamespace(String(20_000 + index));
    if (root !== home) forest.mount(root, `/${email.split('@')[0]}`, home);
    accounts.set(id, { id, email, home, root, teamName, scopes, allocatedBytes });
    for (const token of options.refreshTokens ?? []) {
      grants.plant(token, { appKey: (apps[0] as App).key, account: id, scopes });
    }
  }
  return accounts;
}
