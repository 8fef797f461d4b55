import { statfs } from 'node:fs/promises';
import { resolve } from 'node:path';
import { configSchema, parseEnvironment } from '../core/config.ts';
import { freePort } from './local/processes.ts';
import { type LocalSecrets, localSecrets } from './local/secrets.ts';
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
  authSecret: string;
  /** Absolute. */
  dataDirectory: string;
  /** False when a folder of a built client is given. */
  buildsClient: boolean;
  production: boolean;
  secrets: LocalSecrets;
}

/** Reads the environment; throws an Error that names every wrong variable. Makes the data folder's secrets. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const production = env.NODE_ENV === 'production';
  const given = parseEnvironment(production ? productionSchema : startSchema, env);
  const dataDirectory = resolve(given.DATA_DIRECTORY);
  const secrets = localSecrets(dataDirectory);
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
    keyEncryptionKey: given.KEY_ENCRYPTION_KEY ?? secrets.keyEncryptionKey,
    authSecret: given.AUTH_SECRET ?? secrets.authSecret,
    dataDirectory,
    buildsClient: given.CLIENT_DIRECTORY === configSchema.shape.CLIENT_DIRECTORY.parse(undefined),
    production,
    secrets,
  };
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

/** The API's port: the given one, which must be free, else the last one or 4000, else any. */
export async function apiPort(settings: Settings): Promise<number> {
  const ports = rememberedPorts(settings.dataDirectory);
  const wanted = settings.port ?? ports.preferred('api', configSchema.shape.PORT.parse(undefined));
  const port = await freePort(wanted, settings.host);
  if (settings.port !== undefined && settings.port !== 0 && port !== settings.port) {
    throw new Error(
      `PORT: ${settings.port} is taken by another program. Stop that one, or set PORT to a free port or 0.`,
    );
  }
  ports.remember('api', port);
  return port;
}

const mebibyte = 1024 * 1024;

/** Throws an Error when the disk of the data folder has less than `bytes` free. */
export async function requireDiskSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new Error(
    `The disk of ${directory} has ${Math.floor(free / mebibyte)} MiB free; ${Math.ceil(bytes / mebibyte)} MiB are needed. Free some, or set DATA_DIRECTORY to a folder on another disk.`,
  );
}
