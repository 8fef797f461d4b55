import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import type { PostgresServer } from '../../scripts/local/postgres.ts';
import { ensureDatabase } from '../../scripts/local/postgres.ts';
import type { RedisServer } from '../../scripts/local/redis.ts';
import { migrate } from '../../scripts/migrate.ts';
import { onRedis, onServer, startTestPostgres, startTestRedis, temporaryDirectory, withDatabase } from './servers.ts';

export interface TestDatabase {
  url: string;
  /** Ends every session of it and removes it. */
  drop(): Promise<void>;
}

/** A database of the caller's own, migrated and empty: a copy of the run's template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const templateUrl = inject('templateDatabaseUrl');
  const template = new URL(templateUrl).pathname.slice(1);
  const name = `skyferry_test_${randomBytes(8).toString('hex')}`;
  const admin = withDatabase(templateUrl, 'postgres');
  await onServer(admin, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  return {
    url: withDatabase(templateUrl, name),
    drop: () => onServer(admin, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/** Runs `work` while no other file of the run is in one: a file that dies lets the next one in. */
export async function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: withDatabase(inject('templateDatabaseUrl'), 'postgres') });
  await session.connect();
  try {
    await session.query('SELECT pg_advisory_lock(1)');
    return await work();
  } finally {
    await session.end();
  }
}

export interface TestRedis {
  url: string;
  /** Empties this logical database. */
  flush(): Promise<void>;
}

/**
 * A logical database of the run's Redis for the caller alone, empty. Keys are its own; pub/sub channels are shared by
 * the whole server. Tests that stop Redis or publish on fixed channels take `startPrivateRedis`.
 */
export async function createTestRedis(): Promise<TestRedis> {
  const server = inject('redisUrl');
  const index = await onRedis(server, async (redis) => {
    const [, databases] = (await redis.config('GET', 'databases')) as [string, string];
    const turn = await redis.incr('skyferry:test:databases');
    return 1 + (turn % (Number(databases) - 1));
  });
  const url = withDatabase(server, String(index));
  const flush = () => onRedis(url, async (redis) => void (await redis.flushdb()));
  await flush();
  return { url, flush };
}

/** A server of one test's own that can fall and return at the same address, with its data. */
export interface PrivateServer {
  url: string;
  /** Orderly stop. */
  stop(): Promise<void>;
  /** As a crash: SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again at the same address; without effect while it runs. */
  start(): Promise<void>;
  /** Stops it for good and removes its data. */
  dispose(): Promise<void>;
}

export interface PrivateRedis extends PrivateServer {
  /** FLUSHALL. */
  flush(): Promise<void>;
}

export async function startPrivateRedis(): Promise<PrivateRedis> {
  const { server, url } = await privateServer(
    (directory, preferredPort) => startTestRedis(directory, preferredPort === undefined ? {} : { preferredPort }),
    (redis) => redis.url,
  );
  return { ...server, url, flush: () => onRedis(url, async (redis) => void (await redis.flushall())) };
}

/** Holds one migrated database, `skyferry`. */
export async function startPrivatePostgres(): Promise<PrivateServer> {
  const { server, url } = await privateServer(
    async (directory, preferredPort) => {
      const postgres = await startTestPostgres(directory, preferredPort);
      if (preferredPort === undefined) await ensureDatabase(postgres, 'skyferry');
      return postgres;
    },
    (postgres) => postgres.url('skyferry'),
    crashPostgres,
  );
  await migrate(url);
  return { ...server, url };
}

/**
 * SIGKILL to the server and to every process of a session: those are in process groups of their own, and one that works
 * at that moment would answer once more.
 */
async function crashPostgres({ process: postmaster }: PostgresServer): Promise<void> {
  const { pid } = postmaster;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  await postmaster.kill();
  for (const child of children.split(' ').filter(Boolean)) {
    try {
      process.kill(Number(child), 'SIGKILL');
    } catch (error) {
      // It followed its parent by itself.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function privateServer<Server extends RedisServer | PostgresServer>(
  launch: (directory: string, preferredPort?: number) => Promise<Server>,
  urlOf: (server: Server) => string,
  crash: (server: Server) => Promise<void> = (server) => server.process.kill(),
): Promise<{ server: Omit<PrivateServer, 'url'>; url: string }> {
  const directory = await temporaryDirectory();
  let current: Server;
  try {
    current = await launch(join(directory.path, 'server'));
  } catch (error) {
    await directory.remove();
    throw error;
  }
  const url = urlOf(current);
  const { port } = current;
  const server = {
    stop: () => current.process.stop(),
    kill: () => crash(current),
    start: async () => {
      if (current.process.running) return;
      current = await launch(join(directory.path, 'server'), port);
      if (current.port !== port) throw new Error(`Port ${port} was taken while the server was down.`);
    },
    dispose: async () => {
      await current.process.stop();
      await directory.remove();
    },
  };
  return { server, url };
}
