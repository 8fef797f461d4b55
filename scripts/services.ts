import { join } from 'node:path';
import { checkPostgres, ensureDatabase, preparePostgres, startPostgres } from './local/postgres.ts';
import { freePort, type RunningProcess, startProcess, untilReady } from './local/processes.ts';
import { checkRedis, prepareRedis, startRedis } from './local/redis.ts';
import type { Supervisor } from './local/supervisor.ts';
import { rememberedPorts, type Settings } from './settings.ts';

/** Connection strings for the product's processes. */
export interface Databases {
  databaseUrl: string;
  directDatabaseUrl: string;
  redisUrl: string;
}

/** Postgres and Redis: those of the environment, else embedded ones that outlive the stop with their data. */
export async function startDatabases(settings: Settings, supervisor: Supervisor): Promise<Databases> {
  const [databaseUrl, redisUrl] = await Promise.all([
    settings.databaseUrl ? reachablePostgres(settings.databaseUrl) : embeddedPostgres(settings, supervisor),
    settings.redisUrl ? reachableRedis(settings.redisUrl) : embeddedRedis(settings, supervisor),
  ]);
  return { databaseUrl, directDatabaseUrl: settings.directDatabaseUrl ?? databaseUrl, redisUrl };
}

async function reachablePostgres(url: string): Promise<string> {
  try {
    await checkPostgres(url);
    return url;
  } catch (cause) {
    throw new Error(
      `DATABASE_URL: this Postgres cannot be used (${(cause as Error).message}). Start it, correct the address, or leave DATABASE_URL out for an embedded one.`,
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
      `REDIS_URL: this Redis cannot be used (${(cause as Error).message}). Start it, correct the address, or leave REDIS_URL out for an embedded one.`,
      { cause },
    );
  }
}

async function embeddedPostgres(settings: Settings, supervisor: Supervisor): Promise<string> {
  const ports = rememberedPorts(settings.dataDirectory);
  const home = await preparePostgres(settings.dataDirectory);
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
    }),
  );
  ports.remember('postgres', server.port);
  await ensureDatabase(server, 'skyferry');
  return server.url('skyferry');
}

async function embeddedRedis(settings: Settings, supervisor: Supervisor): Promise<string> {
  const ports = rememberedPorts(settings.dataDirectory);
  const program = await prepareRedis(settings.dataDirectory);
  const server = await supervisor.keep('databases', () =>
    startRedis({
      program,
      directory: join(settings.dataDirectory, 'redis'),
      logFile: join(settings.dataDirectory, 'logs', 'redis.log'),
      password: settings.secrets.redisPassword,
      preferredPort: ports.preferred('redis'),
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
    startNode(settings, { name: 'The API', args, env, log: 'api.log', readyPort: Number(env.PORT) }),
  );
}

/** Starts the workers and resolves once all are ready. `nodeOptions` come before the script. */
export async function startWorkers(
  settings: Settings,
  supervisor: Supervisor,
  env: NodeJS.ProcessEnv,
  nodeOptions: readonly string[] = [],
): Promise<void> {
  const args = [...nodeOptions, 'worker/main.ts'];
  await Promise.all(
    Array.from({ length: settings.workerCount }, (_, index) => {
      const name = `Worker ${index + 1}`;
      const log = `worker-${index + 1}.log`;
      return supervisor.keep('workers', async () => {
        const readyPort = settings.metricsPort ? settings.metricsPort + index : await freePort();
        const own = { ...env, METRICS_PORT: String(readyPort) };
        return startNode(settings, { name, args, env: own, log, readyPort });
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
  /** Where it answers /readyz. */
  readyPort: number;
}

async function startNode(settings: Settings, program: NodeProgram): Promise<{ process: RunningProcess }> {
  const child = await startProcess({
    name: program.name,
    command: process.execPath,
    args: program.args,
    env: program.env,
    logFile: join(settings.dataDirectory, 'logs', program.log),
    // Workers finish or hand back what they hold.
    stopTimeoutMs: 30_000,
  });
  const url = `${localOrigin(settings.host, program.readyPort)}/readyz`;
  try {
    await untilReady(
      child,
      () =>
        fetch(url).then(
          (response) => response.ok,
          () => false,
        ),
      60_000,
    );
  } catch (error) {
    await child.kill();
    throw error;
  }
  return { process: child };
}
