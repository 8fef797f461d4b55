import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { configSchema, parseEnvironment } from '../core/config.ts';
import { type Place, requireDiskSpace } from './local/disk.ts';
import { sharedParent } from './local/postgres-home.ts';
import { freePort } from './local/processes.ts';
import { type LocalSecrets, localSecrets, withOwnKey } from './local/secrets.ts';
import { stateFile } from './local/state.ts';

/** What `npm start` brings itself may be absent from the environment. */
const startSchema = configSchema
  .partial({ DATABASE_URL: true, REDIS_URL: true, KEY_ENCRYPTION_KEY: true, AUTH_SECRET: true })
  .extend({
    PORT: configSchema.shape.PORT.unwrap()
      .optional()
      .describe(configSchema.shape.PORT.description ?? ''),
  });
/** In production nobody makes up keys. */
const productionSchema = startSchema.required({ KEY_ENCRYPTION_KEY: true, AUTH_SECRET: true });

export interface Settings {
  /** As given; absent where the embedded one is meant. */
  databaseUrl: string | undefined;
  directDatabaseUrl: string | undefined;
  databasePoolSize: number;
  redisUrl: string | undefined;
  host: string;
  /** As given, 0 included; absent where any will do. */
  port: number | undefined;
  publicUrl: string | undefined;
  workerCount: number;
  /** First of the workers' consecutive metrics ports; absent where any will do. */
  metricsPort: number | undefined;
  allowedPrivateAddresses: readonly string[];
  keyEncryptionKey: string;
  oldKeys: readonly string[];
  authSecret: string;
  /** Absolute. */
  dataDirectory: string;
  /** False when a folder of a built client is given. */
  buildsClient: boolean;
  production: boolean;
  secrets: LocalSecrets;
}

/** Reads the environment; throws an Error that names every wrong variable. Makes the data folder and its secrets. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const production = env.NODE_ENV === 'production';
  const given = parseEnvironment(production ? productionSchema : startSchema, env);
  const buildsClient = given.CLIENT_DIRECTORY === configSchema.shape.CLIENT_DIRECTORY.parse(undefined);
  if (!buildsClient && !existsSync(join(given.CLIENT_DIRECTORY, 'index.html'))) {
    throw new Error(
      `CLIENT_DIRECTORY: ${given.CLIENT_DIRECTORY} holds no built client (no index.html). Correct it, or leave it out and the app is built.`,
    );
  }
  const dataDirectory = makeDataDirectory(given.DATA_DIRECTORY);
  const secrets = localSecrets(dataDirectory);
  if (production && sameKey(given.KEY_ENCRYPTION_KEY, secrets.keyEncryptionKey)) {
    throw new Error(
      'KEY_ENCRYPTION_KEY: must not be the demo key of this data folder, whatever its id, in production; make one with: npm run keys:new',
    );
  }
  const keyEncryptionKey = given.KEY_ENCRYPTION_KEY ?? secrets.keyEncryptionKey;
  return {
    databaseUrl: given.DATABASE_URL,
    directDatabaseUrl: given.DIRECT_DATABASE_URL,
    databasePoolSize: given.DATABASE_POOL_SIZE,
    redisUrl: given.REDIS_URL,
    host: given.HOST,
    port: given.PORT,
    publicUrl: given.PUBLIC_URL,
    workerCount: given.WORKER_COUNT,
    metricsPort: given.METRICS_PORT,
    allowedPrivateAddresses: given.ALLOWED_PRIVATE_ADDRESSES,
    keyEncryptionKey,
    oldKeys: withOwnKey(
      given.KEY_ENCRYPTION_KEYS_OLD,
      keyEncryptionKey,
      production ? undefined : secrets.keyEncryptionKey,
    ),
    authSecret: given.AUTH_SECRET ?? secrets.authSecret,
    dataDirectory,
    buildsClient,
    production,
    secrets,
  };
}

const sameKey = (one: string | undefined, other: string): boolean => one?.split(':')[1] === other.split(':')[1];

/** Makes the folder that DATA_DIRECTORY names; returns its absolute path. Throws an Error that names the variable. */
export function makeDataDirectory(given: string): string {
  const directory = resolve(given);
  try {
    makeDirectory(directory);
    // The dot makes a file there an error.
    accessSync(`${directory}/.`, constants.R_OK | constants.W_OK | constants.X_OK);
    return directory;
  } catch (cause) {
    throw new Error(
      `DATA_DIRECTORY: ${directory} is no folder that can be written to (${(cause as NodeJS.ErrnoException).code}). Set it to one that can.`,
      { cause },
    );
  }
}

/** Step by step: Node's own recursive mkdir never returns where the system will not have a folder, as below /proc. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeDirectory(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

type PortName = 'postgres' | 'redis' | 'api' | 's3' | 'azure';

/** The ports of the last start, taken again while they are free: connected accounts and bookmarks keep working. */
export function rememberedPorts(dataDirectory: string) {
  const file = stateFile<Record<PortName, number>>(dataDirectory, 'ports.json');
  return {
    preferred: (name: PortName, otherwise = 0): number => file.read()[name] ?? otherwise,
    remember: (name: PortName, port: number): void => file.update({ [name]: port }),
  };
}

/**
 * The API's port: the given one, which must be free, else the last one or 4000, else any. Says so when it is another
 * than people would expect.
 */
export async function apiPort(settings: Settings, say: (line: string) => void): Promise<number> {
  const ports = rememberedPorts(settings.dataDirectory);
  const wanted = settings.port ?? ports.preferred('api', configSchema.shape.PORT.parse(undefined));
  if (settings.port) await requirePort('PORT', wanted, settings.host);
  const port = await freePortOf('PORT', wanted, settings.host);
  if (settings.port === undefined && port !== wanted) {
    say(`Port ${wanted} is taken by another program; the app is at ${port} this time. PORT chooses another.`);
  }
  ports.remember('api', port);
  return port;
}

/** Throws an Error that names METRICS_PORT unless each worker can have its own. */
export async function requireMetricsPorts(settings: Settings, ownPort: number): Promise<void> {
  if (!settings.metricsPort) return;
  const last = settings.metricsPort + settings.workerCount - 1;
  if (last > 65_535 || (settings.metricsPort <= ownPort && ownPort <= last)) {
    throw new Error(
      `METRICS_PORT: ${settings.workerCount} workers take the ports ${settings.metricsPort} to ${last}, which must end at 65535 and leave out ${ownPort}, the API's. Set it to another.`,
    );
  }
  for (let port = settings.metricsPort; port <= last; port += 1) {
    await requirePort('METRICS_PORT', port, settings.host);
  }
}

/** Throws an Error that names the variable when its port of `host` cannot be had. */
export async function requirePort(variable: 'PORT' | 'METRICS_PORT', port: number, host: string): Promise<void> {
  if ((await freePortOf(variable, port, host)) === port) return;
  const range = variable === 'METRICS_PORT' ? ' (each worker takes the next one)' : '';
  throw new Error(
    `${variable}: ${port} is taken by another program. Stop that one, or set ${variable} to a free port or 0${range}.`,
  );
}

async function freePortOf(variable: string, preferred: number, host: string): Promise<number> {
  try {
    return await freePort(preferred, host);
  } catch (cause) {
    const { code } = (cause as Error).cause as NodeJS.ErrnoException;
    if (code === 'EACCES') {
      throw new Error(`${variable}: this user may not take port ${preferred}. Set it to one above 1023.`, { cause });
    }
    throw new Error(`HOST: ${host} is no address of this machine that a port can be taken on (${code}).`, { cause });
  }
}

const mebibyte = 1024 * 1024;
/** Both clouds with their samples. */
const sampleBytes = 768 * mebibyte;
/** Logs, and what Postgres keeps for recovery. */
const runningBytes = 256 * mebibyte;

/** Where a start writes. */
export function places({ dataDirectory, databaseUrl }: Settings): Place[] {
  const database = process.getuid?.() === 0 && databaseUrl === undefined;
  return [
    { directory: dataDirectory, remedy: 'Free some space, or set DATA_DIRECTORY to a folder on another disk.' },
    ...(database
      ? [{ directory: sharedParent, remedy: 'Free some space, or give a Postgres elsewhere in DATABASE_URL.' }]
      : []),
    { directory: process.cwd(), remedy: 'Free some space there.' },
    { directory: tmpdir(), remedy: 'Free some space, or set TMPDIR to a folder on another disk.' },
  ];
}

/** Throws an Error that names the disk when the data folder or the embedded database has too little space. */
export function requireDisks(settings: Settings): void {
  const [data, ...others] = places(settings) as [Place, ...Place[]];
  // The first transfer is remembered there.
  const hasSample = settings.production || existsSync(join(settings.dataDirectory, 'demo.json'));
  requireDiskSpace(data, runningBytes + (hasSample ? 0 : sampleBytes));
  for (const place of others.filter(({ directory }) => directory === sharedParent)) {
    requireDiskSpace(place, runningBytes);
  }
}
