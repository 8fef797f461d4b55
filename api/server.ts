import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Config, configSchema } from '../core/config.ts';
import { createDb } from '../core/db.ts';
import type { Logger } from '../core/log.ts';
import { createBlockingRedis, createRedis } from '../core/redis.ts';
import { createKeyring } from '../core/secrets.ts';
import { createSubscriber } from '../queue/pubsub.ts';
import { createAddressPolicy } from '../storage/address-policy.ts';
import { createHttpClient } from '../storage/http.ts';
import { operatorAccess } from '../storage/operator.ts';
import { createAuth } from './auth/auth.ts';
import { createSignInLimits } from './auth/limits.ts';
import { createMailer } from './auth/mail.ts';
import { createOrigins, type Origins } from './auth/origins.ts';
import type { RequestScope } from './errors.ts';
import { createGraphQLServer, type GraphQLServer } from './graphql-server.ts';
import { createClientAddress } from './http/client-address.ts';
import { answerDownload } from './http/downloads.ts';
import { checkDependencies, sendJson } from './http/health.ts';
import { answerManifestUpload, manifestsPath } from './http/manifests.ts';
import { createMetrics } from './http/metrics.ts';
import { sendPlayground, wantsPlayground } from './http/playground.ts';
import { setSecurityHeaders } from './http/security-headers.ts';
import { createStaticFiles, isBuiltClient } from './http/static-files.ts';
import { createAccountFeed } from './live/account-feed.ts';
import { createListening } from './live/listening.ts';
import { createSessionWatch } from './live/session-watch.ts';
import { createTransferFeed } from './live/transfer-feed.ts';
import { serveWebSockets } from './live/websocket.ts';
import { createProviderCache } from './provider-cache.ts';
import { downloadsPrefix } from './reports/documents.ts';
import { publishedKeys } from './reports/signing-key.ts';
import { currentRequest, newScope } from './request-scope.ts';
import type { Services } from './services.ts';

/** Longest wait for one statement of Postgres. */
const queryTimeoutMs = 10_000;
/** How long requests under way may take to end when the process is told to stop. */
const drainMs = 10_000;
/** Public keys that receipts are verified with. */
const receiptKeysPath = '/.well-known/skyferry-receipt-keys';
/** How often connections that fell idle are looked for meanwhile. */
const idleCheckMs = 50;

export interface ApiServer {
  /** Address that it listens on. */
  url: string;
  /** Ends subscriptions, lets requests under way finish, closes every connection. Idempotent. */
  close(): Promise<void>;
}

/** Starts the API. Rejects when the port is taken or a setting is wrong; needs neither Postgres nor Redis to start. */
export async function startApi(config: Config, log: Logger): Promise<ApiServer> {
  assertPublicUrl(config);
  assertClient(config);
  const server = createServer({ requestTimeout: 60_000, headersTimeout: 20_000, keepAliveTimeout: 65_000 });
  const url = await listen(server, config);
  try {
    return serve(server, url, config, log);
  } catch (error) {
    server.close();
    throw error;
  }
}

function serve(server: Server, url: string, config: Config, log: Logger): ApiServer {
  const { port } = new URL(url);
  const publicUrl = (config.PUBLIC_URL ?? `http://localhost:${port}`).replace(/\/+$/, '');
  const own = [url, `http://localhost:${port}`, `http://127.0.0.1:${port}`];
  const origins = createOrigins([publicUrl, ...own, ...config.ALLOWED_ORIGINS]);
  const clientAddress = createClientAddress(config.TRUSTED_PROXIES);
  const opened = openServices(config, log, publicUrl);
  const { services } = opened;
  const graphql = createGraphQLServer(services, origins);
  const sockets = serveWebSockets(server, graphql, services, origins, clientAddress);
  let closing: Promise<void> | undefined;
  server.on(
    'request',
    createHandler({
      services,
      graphql,
      origins,
      clientAddress,
      secure: publicUrl.startsWith('https://'),
      isStopping: () => closing !== undefined,
    }),
  );

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await services.sessions.close();
    await sockets.close();
    // A connection becomes idle when its last answer ends, which nothing tells.
    const idle = setInterval(() => server.closeIdleConnections(), idleCheckMs);
    const timer = setTimeout(() => server.closeAllConnections(), drainMs);
    await closed;
    clearInterval(idle);
    clearTimeout(timer);
    await opened.close();
  }
  return {
    url,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** Over plain http anybody on the way reads the session cookie. */
function assertPublicUrl({ NODE_ENV, PUBLIC_URL }: Config): void {
  if (NODE_ENV !== 'production' || PUBLIC_URL === undefined) return;
  const { protocol, hostname } = new URL(PUBLIC_URL);
  if (protocol === 'https:' || hostname === 'localhost' || hostname.startsWith('127.')) return;
  throw new Error('PUBLIC_URL: must begin with https:// in production, unless it is on this machine only.');
}

/**
 * A folder that was given holds a client, and in production the default one does. Otherwise it may be built later, or the
 * client may come from elsewhere, as `npm run dev` has it.
 */
function assertClient({ NODE_ENV, CLIENT_DIRECTORY }: Config): void {
  const isGiven = CLIENT_DIRECTORY !== configSchema.shape.CLIENT_DIRECTORY.parse(undefined);
  if ((!isGiven && NODE_ENV !== 'production') || isBuiltClient(CLIENT_DIRECTORY)) return;
  throw new Error(
    `CLIENT_DIRECTORY: ${CLIENT_DIRECTORY} holds no built client (no index.html). Set it to the folder of one, or leave it out and begin with npm start, which builds one.`,
  );
}

function listen(server: Server, config: Config): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason =
        cause.code === 'EADDRINUSE'
          ? `Port ${config.PORT} of ${config.HOST} is taken. Set PORT to another one, or to 0 for any.`
          : `Cannot listen on ${config.HOST}:${config.PORT}: ${cause.message}`;
      reject(new Error(reason, { cause }));
    });
    server.listen(config.PORT, config.HOST, () => {
      const { address, port, family } = server.address() as AddressInfo;
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
    });
  });
}

function openServices(config: Config, log: Logger, publicUrl: string) {
  const db = createDb({
    url: config.DATABASE_URL,
    poolSize: config.DATABASE_POOL_SIZE,
    queryTimeoutMs,
    isDirect: config.DIRECT_DATABASE_URL === undefined,
  });
  const redis = createRedis(config.REDIS_URL);
  const listening = createBlockingRedis(config.REDIS_URL);
  const subscriber = createSubscriber(listening, (topic, error) => log.warn({ err: error, topic }, 'odd message'));
  const live = createListening(subscriber, listening, log);
  const keyring = createKeyring(config.KEY_ENCRYPTION_KEY, config.KEY_ENCRYPTION_KEYS_OLD);
  const addressPolicy = createAddressPolicy(config.ALLOWED_PRIVATE_ADDRESSES);
  const operator = operatorAccess(config);
  const mailer = config.SMTP_URL === undefined ? null : createMailer(config.SMTP_URL, config.MAIL_FROM, log);
  const sessions = createSessionWatch(redis, subscriber, db, log);
  const auth = createAuth({
    config,
    db,
    publicUrl,
    mailer,
    onPasswordReset: (userId) => sessions.announceEnd({ userId }),
  });
  const services: Services = {
    config,
    log,
    db,
    redis,
    keyring,
    addressPolicy,
    operator,
    http: createHttpClient(addressPolicy),
    publicUrl,
    auth,
    limits: createSignInLimits(redis, config.AUTH_SECRET),
    mailer,
    providers: createProviderCache({ db, keyring, addressPolicy, operator }),
    feed: createTransferFeed(live, db),
    accountFeed: createAccountFeed(live, db),
    sessions,
  };
  return {
    services,
    async close() {
      mailer?.close();
      await Promise.all([services.providers.close(), services.http.close()]);
      listening.disconnect();
      redis.disconnect();
      await db.$disconnect();
    },
  };
}

interface HandlerOptions {
  services: Services;
  graphql: GraphQLServer;
  origins: Origins;
  clientAddress: ReturnType<typeof createClientAddress>;
  secure: boolean;
  isStopping: () => boolean;
}

function createHandler(options: HandlerOptions) {
  const { services, graphql, origins, clientAddress, secure } = options;
  const metrics = createMetrics(services.db, services.log);
  const staticFiles = createStaticFiles(services.config.CLIENT_DIRECTORY);

  /** Whether the page that a request comes from may change anything; else answers that it may not. */
  function isAdmitted(request: IncomingMessage, response: ServerResponse, scope: RequestScope): boolean {
    const headers = { get: (name: string) => [request.headers[name] ?? null].flat()[0] ?? null };
    if (origins.admits({ method: request.method ?? '', headers })) return true;
    const message = 'This origin may not call the API. The operator can list it in ALLOWED_ORIGINS.';
    sendJson(response, 403, {
      errors: [{ message, extensions: { code: 'FORBIDDEN', requestId: scope.requestId } }],
    });
    return false;
  }

  async function answerGraphQL(request: IncomingMessage, response: ServerResponse, address: string): Promise<void> {
    if (wantsPlayground(request)) return sendPlayground(request, response);
    const scope = currentRequest.getStore() ?? newScope(services.log);
    if (!isAdmitted(request, response, scope)) return;
    response.setHeader('cache-control', 'no-store');
    await graphql.handle(request, response, {
      scope,
      clientAddress: address,
      responseCookies: [],
    });
  }

  async function answer(request: IncomingMessage, response: ServerResponse, route: string, address: string) {
    switch (route) {
      case '/livez':
        return sendJson(response, 200, { live: true });
      case '/readyz': {
        const state = await checkDependencies(services.db, services.redis);
        const ready = state.postgres && state.redis && !options.isStopping();
        return sendJson(response, ready ? 200 : 503, { ready, ...state });
      }
      case '/metrics':
        return metrics.send(response);
      case '/graphql':
        return answerGraphQL(request, response, address);
      case receiptKeysPath:
        return sendJson(response, 200, await publishedKeys(services.db));
      case manifestsPath: {
        const scope = currentRequest.getStore() ?? newScope(services.log);
        if (!isAdmitted(request, response, scope)) return;
        return answerManifestUpload(services, request, response, { scope, clientAddress: address });
      }
      case downloadsPrefix:
        return answerDownload(services, request, response, {
          scope: currentRequest.getStore() ?? newScope(services.log),
          clientAddress: address,
        });
      default:
        return staticFiles(request, response);
    }
  }

  return (request: IncomingMessage, response: ServerResponse): void => {
    const scope = newScope(services.log);
    const started = performance.now();
    const address = clientAddress(request);
    // The query is left out of logs: links in mails carry tokens in it.
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const route = routeOf(path);
    response.setHeader('x-request-id', scope.requestId);
    if (options.isStopping()) response.setHeader('connection', 'close');
    setSecurityHeaders(response, secure);
    metrics.observe(request, response, route);
    response.once('close', () => {
      const durationMs = Math.round(performance.now() - started);
      const level = route === '/graphql' || route === downloadsPrefix ? 'info' : 'debug';
      scope.log[level]({ method: request.method, path, status: response.statusCode, durationMs, address }, 'request');
    });
    currentRequest.run(scope, () => {
      answer(request, response, route, address).catch((error) => {
        scope.log.error({ err: error }, 'a request failed');
        if (!response.headersSent) sendJson(response, 500, { error: 'INTERNAL', requestId: scope.requestId });
        else response.destroy();
      });
    });
  };
}

/** What requests are told apart by in metrics. */
function routeOf(path: string): string {
  if (path.startsWith(downloadsPrefix)) return downloadsPrefix;
  return ['/livez', '/readyz', '/metrics', '/graphql', manifestsPath, receiptKeysPath].includes(path) ? path : 'static';
}
