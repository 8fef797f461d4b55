import { existsSync } from 'node:fs';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresHome } from './postgres-home.ts';
import { freePort, type RunningProcess, startReady } from './processes.ts';
import { runProgram } from './program.ts';

export interface PostgresServer {
  /** Connection string of the superuser for a database. */
  url(database: string): string;
  readonly port: number;
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  home: PostgresHome;
  /** Folder of the cluster, below the home or wherever its user can reach; made on first use. */
  dataDirectory: string;
  logFile: string;
  /** Password of the superuser `skyferry`; has effect when the cluster is made. */
  password: string;
  /** Taken when free. */
  preferredPort?: number;
  /** Settings of postgresql.conf. */
  settings?: Readonly<Record<string, string>>;
  /** Ends the start early. */
  signal?: AbortSignal;
}

/** Starts Postgres on a free port of 127.0.0.1; makes the cluster first when there is none. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { home, dataDirectory } = options;
  if (!existsSync(dataDirectory)) await initialise(options);
  const port = await freePort(options.preferredPort);
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    ...options.settings,
  };
  const url = (database: string) => postgresUrl({ port, password: options.password, database });
  const process = await startReady(
    {
      name: 'Postgres',
      command: join(home.binaries, 'bin', 'postgres'),
      args: ['-D', dataDirectory, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      logFile: options.logFile,
      cwd: home.directory,
      // Fast shutdown: ends sessions, loses nothing that was committed.
      stopSignal: 'SIGINT',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      signal: options.signal,
      ...(home.user ? { user: home.user } : {}),
    },
    () => accepts(url('postgres'), dataDirectory),
  );
  return { url, port, process, stop: () => process.stop() };
}

/** Connection string of the superuser. */
export function postgresUrl(to: { port: number; password: string; database: string }): string {
  return `postgresql://skyferry:${to.password}@127.0.0.1:${to.port}/${to.database}`;
}

/** Opens a session and closes it. Rejects when that fails. */
export async function checkPostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => {});
  }
}

async function accepts(url: string, dataDirectory: string): Promise<boolean> {
  try {
    await checkPostgres(url);
    return true;
  } catch (error) {
    // A wrong password never becomes right by waiting.
    if ((error as { code?: string }).code === '28P01') {
      throw new Error(
        `The database in ${dataDirectory} has another password than secrets.json in the data folder. Put the secrets.json back that belongs to it, or move ${dataDirectory} away to begin with an empty database.`,
        { cause: error },
      );
    }
    return false;
  }
}

async function initialise({ home, dataDirectory, password, signal }: PostgresOptions): Promise<void> {
  const partial = `${dataDirectory}.partial`;
  const passwordFile = `${dataDirectory}.password`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  try {
    if (home.user) {
      await chown(partial, home.user.uid, home.user.gid);
      await chown(passwordFile, home.user.uid, home.user.gid);
    }
    await runProgram(
      join(home.binaries, 'bin', 'initdb'),
      // The builtin C.UTF-8 sorts by bytes and does not change with the system's libraries.
      [
        `--pgdata=${partial}`,
        '--username=skyferry',
        '--auth=scram-sha-256',
        `--pwfile=${passwordFile}`,
        '--encoding=UTF8',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--locale=C',
        '--data-checksums',
        '--no-instructions',
      ],
      { cwd: home.directory, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, user: home.user, signal },
    );
    await rename(partial, dataDirectory);
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    signal?.throwIfAborted();
    throw new Error(`Postgres could not make its data folder ${dataDirectory}:\n${(cause as Error).message}`, {
      cause,
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** Makes the database unless it exists. */
export async function ensureDatabase(server: PostgresServer, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url('postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}
