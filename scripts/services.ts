import { join } from 'node:path';
import { checkPostgres, ensureDatabase, startPostgres } from './local/postgres.ts';
import { leftoverHomes, preparePostgres } from './local/postgres-home.ts';
import { answers, freePort, type RunningProcess, startReady } from './local/processes.ts';
import { checkRedis, prepareRedis, startRedis } from './local/redis.ts';
import type { Supervisor } from './local/supervisor.ts';
import { workerArguments } from './local/worker-command.ts';
import { rememberedPorts, requirePort, type Settings } from './settings.ts';

/** Connection strings for the product's processes. */
export interface Databases {
  databaseUrl: string;
  directDatabaseUrl: string;
  redisUrl: string;
  /** Lines for people: where the embedded database lies if not in the data folder, and such that nobody uses. */
  notes: readonly string[];
}

/** Postgres and Redis: those of the environment, else embedded ones that outlive the stop with their data. */
export async function startDatabases(settings: Settings, supervisor: Supervisor): Promise<Databases> {
  const [{ url: databaseUrl, notes }, directDatabaseUrl, redisUrl] = await supervisor.all([
    settings.databaseUrl
      ? reachablePostgres('DATABASE_URL', settings.databaseUrl, 'leave it out for an embedded one').then(noNotes)
      : embeddedPostgres(settings, supervisor),
    settings.directDatabaseUrl &&
      reachablePostgres('DIRECT_DATABASE_URL', settings.directDatabaseUrl, 'leave it out: DATABASE_URL is used then'),
    settings.redisUrl ? reachableRedis(settings.redisUrl) : embeddedRedis(settings, supervisor),
  ]);
  return { databaseUrl, directDatabaseUrl: directDatabaseUrl ?? databaseUrl, redisUrl, notes };
}

const noNotes = (url: string) => ({ url, notes: [] });

async function reachablePostgres(variable: string, url: string, otherwise: string): Promise<string> {
  try {
    await checkPostgres(url);
    return url;
  } catch (cause) {
    throw new Error(
      `${variable}: this Postgres cannot be used (${reasonOf(cause as Error)}). Start it, correct the address, or ${otherwise}.`,
      { cause },
    );
  }
}

async function reachableRedis(url: string): Promise<string> {
  try {
    await checkRedis(url);
    return url;
  } catch (cause) {
    throw new Error(
      `REDIS_URL: this Redis cannot be used (${reasonOf(cause as Error)}). Start it, correct the address, or leave REDIS_URL out for an embedded one.`,
      { cause },
    );
  }
}

/** Of a host with several addresses, none of which answers, Node gives the code alone. */
const reasonOf = (error: NodeJS.ErrnoException): string => error.message || (error.code ?? 'unknown');

async function embeddedPostgres(settings: Settings, supervisor: Supervisor): Promise<{ url: string; notes: string[] }> {
  const ports = rememberedPorts(settings.dataDirectory);
  const home = await preparePostgres(settings.dataDirectory, supervisor.signal);
  // Each process holds a pool and a few connections beside it (LISTEN, migrations).
  const connections = (settings.workerCount + 1) * (settings.databasePoolSize + 4) + 20;
  const server = await supervisor.keep('databases', () =>
    startPostgres({
      home,
      dataDirectory: join(home.directory, 'data'),
      logFile: join(settings.dataDirectory, 'logs', 'postgres.log'),
      password: settings.secrets.postgresPassword,
      preferredPort: ports.preferred('postgres'),
      settings: { max_connections: String(Math.max(100, connections)), shared_buffers: '256MB' },
      signal: supervisor.signal,
    }),
  );
  ports.remember('postgres', server.port);
  await ensureDatabase(server, 'skyferry');
  const notes = home.user ? [`Database    ${home.directory}`, ...(await leftoverHomes(settings.dataDirectory))] : [];
  return { url: server.url('skyferry'), notes };
}

async function embeddedRedis(settings: Settings, supervisor: Supervisor): Promise<string> {
  const ports = rememberedPorts(settings.dataDirectory);
  const program = await prepareRedis(settings.dataDirectory, supervisor.signal);
  const server = await supervisor.keep('databases', () =>
    startRedis({
      program,
      directory: join(settings.dataDirectory, 'redis'),
      logFile: join(settings.dataDirectory, 'logs', 'redis.log'),
      password: settings.secrets.redisPassword,
      preferredPort: ports.preferred('redis'),
      signal: supervisor.signal,
    }),
  );
  ports.remember('redis', server.port);
  return server.url;
}

/** The environment of the product's own processes. */
export function productEnvironment(
  settings: Settings,
  databases: Databases,
  own: { port: number; publicUrl: string },
): NodeJS.ProcessEnv {
  // The demo's clouds listen on this machine; production has none.
  const demoAddresses = settings.production ? [] : ['127.0.0.1/32'];
  return {
    ...process.env,
    DATABASE_URL: databases.databaseUrl,
    DIRECT_DATABASE_URL: databases.directDatabaseUrl,
    REDIS_URL: databases.redisUrl,
    KEY_ENCRYPTION_KEY: settings.keyEncryptionKey,
    KEY_ENCRYPTION_KEYS_OLD: settings.oldKeys.join(','),
    AUTH_SECRET: settings.authSecret,
    PORT: String(own.port),
    PUBLIC_URL: own.publicUrl,
    ALLOWED_PRIVATE_ADDRESSES: [...settings.allowedPrivateAddresses, ...demoAddresses].join(','),
  };
}

/** Starts the API and resolves once it is ready. `nodeOptions` come before the script. */
export async function startApi(
  settings: Settings,
  supervisor: Supervisor,
  env: NodeJS.ProcessEnv,
  nodeOptions: readonly string[] = [],
): Promise<void> {
  const args = [...nodeOptions, 'api/main.ts'];
  await supervisor.keep('api', () =>
    startNode(settings, supervisor, {
      name: 'The API',
      args,
      env,
      log: 'api.log',
      ready: { variable: 'PORT', port: Number(env.PORT) },
    }),
  );
}

/** Starts the workers and resolves once all are ready. `nodeOptions` come before the script. */
export async function startWorkers(
  settings: Settings,
  supervisor: Supervisor,
  env: NodeJS.ProcessEnv,
  nodeOptions: readonly string[] = [],
): Promise<void> {
  const args = [...nodeOptions, ...workerArguments];
  await supervisor.all(
    Array.from({ length: settings.workerCount }, (_, index) => {
      const name = `Worker ${index + 1}`;
      const log = `worker-${index + 1}.log`;
      return supervisor.keep('workers', async () => {
        const port = settings.metricsPort ? settings.metricsPort + index : await freePort(0, settings.host);
        const own = { ...env, METRICS_PORT: String(port) };
        return startNode(settings, supervisor, {
          name,
          args,
          env: own,
          log,
          ready: { variable: 'METRICS_PORT', port },
        });
      });
    }),
  );
}

/** Where this machine reaches a server that listens on `host`. */
export function localOrigin(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

interface NodeProgram {
  name: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  log: string;
  /** Where it answers /readyz, and the variable that says so. */
  ready: { variable: 'PORT' | 'METRICS_PORT'; port: number };
}

async function startNode(
  settings: Settings,
  supervisor: Supervisor,
  { name, args, env, log, ready }: NodeProgram,
): Promise<{ process: RunningProcess }> {
  // Whoever else listens there would be taken for it.
  await requirePort(ready.variable, ready.port, settings.host);
  const url = `${localOrigin(settings.host, ready.port)}/readyz`;
  const child = await startReady(
    {
      name,
      command: process.execPath,
      args,
      env,
      logFile: join(settings.dataDirectory, 'logs', log),
      // Workers finish or hand back what they hold.
      stopTimeoutMs: 30_000,
      signal: supervisor.signal,
    },
    () => answers(url),
    60_000,
  );
  return { process: child };
}
