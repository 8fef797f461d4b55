import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { Authenticator } from './auth/authenticator.ts';
import type { Credentials } from './auth/sigv4.ts';
import { FaultPlan } from './faults.ts';
import { createHandler } from './handler.ts';
import { Observer } from './observer.ts';
import { requireValidName } from './operations/buckets.ts';
import { openStore } from './store/open-store.ts';
import type { Store } from './store/store.ts';

export type { Credentials } from './auth/sigv4.ts';

export interface S3ServerOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** A free one by default. */
  readonly port?: number;
  /** Where objects live; without it they live in memory. One server at a time may use a directory. */
  readonly dataDirectory?: string;
  /** A store of the caller's own, instead: it may keep bodies in another way. */
  readonly storage?: Store;
  readonly credentials: readonly Credentials[];
  /** us-east-1 by default. Requests signed for another region are refused. */
  readonly region?: string;
  /** Buckets to create where they do not exist. */
  readonly buckets?: readonly string[];
  /** True: the buckets that it creates keep versions. False by default, as in S3. */
  readonly versioning?: boolean;
  /** Buckets are also found as `BUCKET.DOMAIN` in the Host header; `localhost` by default. */
  readonly domain?: string;
  /**
   * False: checksums other than Content-MD5 are answered with 501 NotImplemented, as some S3-compatible stores do.
   * True by default.
   */
  readonly flexibleChecksums?: boolean;
  /**
   * True: unknown keys and wrong signatures are answered with 403 AccessDenied, as some S3-compatible stores do. False by
   * default.
   */
  readonly deniesStrangers?: boolean;
  /** In PEM: the server speaks HTTPS. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /**
   * Sockets that listen at the port, for clients that come by the thousand: Node accepts one connection of each in a turn of
   * its event loop. 1 by default; more where the system has SO_REUSEPORT, as Linux does.
   */
  readonly listeners?: number;
  /** Told of failures of the server itself, such as a full disk; written to stderr by default. */
  readonly onInternalError?: (error: unknown) => void;
}

export interface S3Server {
  /** For path-style clients: http://127.0.0.1:PORT, or https. */
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  /** Faults to inject. */
  readonly faults: FaultPlan;
  /** Events and counters of the requests. */
  readonly observer: Observer;
  /** Ends all connections, transfers in progress among them. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts an S3 server. Rejects when the port is taken, or the data directory cannot be used. */
export async function startS3Server(options: S3ServerOptions): Promise<S3Server> {
  const region = options.region ?? 'us-east-1';
  const store = options.storage ?? openStore(options.dataDirectory);
  for (const name of options.buckets ?? []) {
    requireValidName(name);
    if (store.findBucket(name) === undefined) {
      store.createBucket(name);
      if (options.versioning) store.setVersioning(name, 'Enabled');
    }
  }
  const faults = new FaultPlan();
  const observer = new Observer();
  const handler = createHandler({
    settings: { region, hasFlexibleChecksums: options.flexibleChecksums ?? true },
    store,
    authenticator: new Authenticator(options.credentials, region, options.deniesStrangers ?? false),
    faults,
    observer,
    domain: (options.domain ?? 'localhost').toLowerCase(),
    onInternalError: options.onInternalError ?? ((error) => process.stderr.write(`${(error as Error).stack}\n`)),
  });
  // An upload may take hours: no limit on a whole request. Idle connections are kept for clients with slow users.
  const patience = { requestTimeout: 0, keepAliveTimeout: 60_000 };
  const { tls } = options;
  const server = tls ? createTlsServer({ ...patience, cert: tls.certificate, key: tls.key }) : createServer(patience);
  server.on('request', (request, response) => handler(request, response, false));
  server.on('checkContinue', (request, response) => handler(request, response, true));
  const host = options.host ?? '127.0.0.1';
  const others = Array.from({ length: (options.listeners ?? 1) - 1 }, () =>
    createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => server.emit('connection', socket)),
  );
  const listen = (listener: Server, port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      listener.once('error', reject);
      // Of as many as the system allows.
      listener.listen({ port, host, backlog: 4_096, reusePort: others.length > 0 }, resolve);
    });
  await listen(server, options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  for (const other of others) await listen(other, port);
  const close = async (): Promise<void> => {
    const closed = [server, ...others].map((listener) => new Promise((resolve) => listener.close(resolve)));
    server.closeAllConnections();
    await Promise.all(closed);
  };
  return {
    endpoint: `http${tls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    region,
    faults,
    observer,
    close,
    [Symbol.asyncDispose]: close,
  };
}
