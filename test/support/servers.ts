import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../scripts/local/postgres.ts';
import { preparePostgres } from '../../scripts/local/postgres-home.ts';
import { prepareRedis, type RedisServer, startRedis } from '../../scripts/local/redis.ts';
import { migrate } from '../../scripts/migrate.ts';

/** Binaries and unpacked packages are shared with `npm start`. */
const dataDirectory = process.env.DATA_DIRECTORY || '.data';
const password = 'test';

export interface TestServers {
  templateDatabaseUrl: string;
  redisUrl: string;
  stop(): Promise<void>;
}

/** The servers of one test run: those of DATABASE_URL and REDIS_URL when given, else its own below `directory`. */
export async function startServers(directory: string): Promise<TestServers> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const stopOne of stops.reverse()) await stopOne();
  };
  try {
    const [adminUrl, redisUrl] = [
      process.env.DATABASE_URL || (await ownPostgres(join(directory, 'postgres'), stops)),
      process.env.REDIS_URL || (await ownRedis(join(directory, 'redis'), stops)),
    ];
    const template = `skyferry_template_${randomBytes(6).toString('hex')}`;
    await onServer(adminUrl, `CREATE DATABASE ${template}`);
    stops.push(() => onServer(adminUrl, `DROP DATABASE ${template} WITH (FORCE)`));
    const templateDatabaseUrl = withDatabase(adminUrl, template);
    await migrate(templateDatabaseUrl);
    return { templateDatabaseUrl, redisUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ownPostgres(directory: string, stops: (() => Promise<unknown>)[]): Promise<string> {
  const server = await startTestPostgres(directory);
  stops.push(() => server.stop());
  return server.url('postgres');
}

async function ownRedis(directory: string, stops: (() => Promise<unknown>)[]): Promise<string> {
  const server = await startTestRedis(directory, { databases: 4096 });
  stops.push(() => server.stop());
  return server.url;
}

/**
 * A Postgres whose data need not outlive a crash of the machine. It outlives that of its own processes, which tests kill:
 * so commits wait until they are written, though never for a disk.
 */
export async function startTestPostgres(directory: string, preferredPort?: number): Promise<PostgresServer> {
  const home = await preparePostgres(dataDirectory);
  await mkdir(directory, { recursive: true });
  if (home.user) await chown(directory, home.user.uid, home.user.gid);
  return startPostgres({
    home,
    dataDirectory: join(directory, 'data'),
    logFile: join(directory, 'postgres.log'),
    password,
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '300' },
    ...(preferredPort === undefined ? {} : { preferredPort }),
  });
}

export async function startTestRedis(
  directory: string,
  options: { databases?: number; preferredPort?: number } = {},
): Promise<RedisServer> {
  return startRedis({
    program: await prepareRedis(dataDirectory),
    directory,
    logFile: join(directory, 'redis.log'),
    password,
    ...options,
  });
}

/** A folder below the system's temporary one that the user of Postgres may enter. */
export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'skyferry-test-'));
  await chmod(path, 0o711);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The same server, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

/** Runs one statement in a session of its own. */
export async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Runs `work` on a Redis connection of its own. */
export async function onRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
