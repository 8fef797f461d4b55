import { resolve } from 'node:path';
import { configSchema, parseEnvironment } from '../core/config.ts';
import { createDb, type Db } from '../core/db.ts';
import { createKeyring, type Keyring } from '../core/secrets.ts';
import { checkPostgres, postgresUrl } from './local/postgres.ts';
import { type LocalSecrets, withOwnKey } from './local/secrets.ts';
import { stateFile } from './local/state.ts';
import { rememberedPorts } from './settings.ts';

/*
 * What commands need of the installation that they work on comes from the environment. What is absent there `npm start` made
 * for itself and keeps in its data folder; not in production, which has nothing of the kind. Nothing is made here.
 */

/** Throws an Error when there is none. */
export function readDatabaseUrl(env: NodeJS.ProcessEnv): string {
  const schema = configSchema.pick({ DATABASE_URL: true }).partial();
  const { postgresPassword: password } = ownSecrets(env);
  const port = rememberedPorts(ownDirectory(env)).preferred('postgres');
  const own = password === undefined || port === 0 ? undefined : postgresUrl({ port, password, database: 'skyferry' });
  return parseEnvironment(schema, env).DATABASE_URL ?? own ?? missing('DATABASE_URL');
}

/** Throws an Error when there is no key. */
export function readKeyring(env: NodeJS.ProcessEnv): Keyring {
  const schema = configSchema
    .pick({ KEY_ENCRYPTION_KEY: true, KEY_ENCRYPTION_KEYS_OLD: true })
    .partial({ KEY_ENCRYPTION_KEY: true });
  const { KEY_ENCRYPTION_KEY, KEY_ENCRYPTION_KEYS_OLD } = parseEnvironment(schema, env);
  const { keyEncryptionKey: own } = ownSecrets(env);
  const current = KEY_ENCRYPTION_KEY ?? own ?? missing('KEY_ENCRYPTION_KEY');
  return createKeyring(current, withOwnKey(KEY_ENCRYPTION_KEYS_OLD, current, own));
}

function ownDirectory(env: NodeJS.ProcessEnv): string {
  return resolve(parseEnvironment(configSchema.pick({ DATA_DIRECTORY: true }), env).DATA_DIRECTORY);
}

function ownSecrets(env: NodeJS.ProcessEnv): Partial<LocalSecrets> {
  return env.NODE_ENV === 'production' ? {} : stateFile<LocalSecrets>(ownDirectory(env), 'secrets.json').read();
}

function missing(name: string): never {
  throw new Error(
    `${name}: is required. Set what Skyferry itself runs with, or DATA_DIRECTORY to the data folder of \`npm start\`.`,
  );
}

/** Runs `work` with the database. Throws an Error that says what to do when it cannot be opened. */
export async function withDatabase<T>(databaseUrl: string, work: (db: Db) => Promise<T>): Promise<T> {
  try {
    await checkPostgres(databaseUrl);
  } catch (cause) {
    const { message, code = 'unknown' } = cause as NodeJS.ErrnoException;
    // 28: "Invalid Authorization Specification", in Appendix A of Postgres's documentation.
    const remedy = code.startsWith('28')
      ? 'Correct its user and password in DATABASE_URL.'
      : 'Start Skyferry, or set DATABASE_URL to the database that it uses.';
    throw new Error(`The database cannot be used (${message || code}). ${remedy}`, { cause });
  }
  const db = createDb({ url: databaseUrl, poolSize: 1 });
  try {
    return await work(db);
  } finally {
    await db.$disconnect();
  }
}
