import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findCommand, libraryPath, unpackDebian } from './debian.ts';
import { freePort, type RunningProcess, startReady } from './processes.ts';

/** A redis-server that can be started. */
export interface RedisProgram {
  command: string;
  env: NodeJS.ProcessEnv;
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

/**
 * The installed redis-server, else Debian's own, unpacked below `dataDirectory`. Its service is never installed or
 * touched. Throws an Error that says what to do when neither can be had.
 */
export async function prepareRedis(dataDirectory: string, signal?: AbortSignal): Promise<RedisProgram> {
  const installed = findCommand('redis-server');
  const base = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
  if (installed) return { command: installed, env: base };
  try {
    const root = await unpackDebian(['redis-server'], join(dataDirectory, 'debian'), signal);
    return { command: join(root, 'usr/bin/redis-server'), env: { ...base, LD_LIBRARY_PATH: await libraryPath(root) } };
  } catch (cause) {
    signal?.throwIfAborted();
    throw new Error(
      `There is no Redis here and none could be fetched. Install redis-server, or give a Redis 6.2 or newer in REDIS_URL.\n${(cause as Error).message}`,
      { cause },
    );
  }
}

export interface RedisOptions {
  program: RedisProgram;
  /** Folder of its append-only file. */
  directory: string;
  logFile: string;
  password: string;
  /** Taken when free. */
  preferredPort?: number;
  /** Logical databases; the product uses the first. */
  databases?: number;
  /** Ends the start early. */
  signal?: AbortSignal;
}

/** Starts Redis on a free port of 127.0.0.1, durable to a second (AOF) and never evicting, as BullMQ asks. */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const port = await freePort(options.preferredPort);
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    dir: options.directory,
    requirepass: options.password,
    appendonly: 'yes',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    save: '',
    databases: String(options.databases ?? 16),
  };
  // A file, because arguments are visible to everyone on the machine.
  const settingsFile = join(options.directory, 'redis.conf');
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)}\n`);
  await writeFile(settingsFile, lines.join(''), { mode: 0o600 });
  const url = `redis://:${options.password}@127.0.0.1:${port}`;
  const process = await startReady(
    {
      name: 'Redis',
      command: options.program.command,
      args: [settingsFile],
      logFile: options.logFile,
      env: options.program.env,
      cwd: options.directory,
      signal: options.signal,
    },
    () => accepts(url),
  );
  return { url, port, process, stop: () => process.stop() };
}

/** Connects and pings. Rejects when that fails. */
export async function checkRedis(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 5_000 });
  // Kept: a failed connect itself says no more than that the connection is closed.
  let problem: Error | undefined;
  redis.on('error', (error) => {
    problem = error;
  });
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    throw problem ?? error;
  } finally {
    redis.disconnect();
  }
}

async function accepts(url: string): Promise<boolean> {
  return checkRedis(url).then(
    () => true,
    () => false,
  );
}
