import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { idOfType } from '../../api/global-id.ts';
import { configSchema, parseEnvironment } from '../../core/config.ts';
import { createDb } from '../../core/db.ts';
import { createKeyring } from '../../core/secrets.ts';
import { type Credentials, credentialsSchema } from '../../storage/credentials.ts';
import { isConnected, openCredentials } from '../../storage/open-account.ts';
import { checkPostgres, postgresUrl } from '../local/postgres.ts';
import { readSettings, rememberedPorts } from '../settings.ts';

/**
 * The credentials of a file, or of a connected account of this installation by its id: that of the API, or of its row.
 * Throws an Error that says what to do, without anything that the file holds.
 */
export async function readCredentials(account: string): Promise<Credentials> {
  const id = z.uuid().safeParse(account).data ?? idOfType('CloudAccount', account);
  return id === null ? ofFile(account) : ofConnected(id);
}

async function ofFile(path: string): Promise<Credentials> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`The account file ${path} cannot be read (${error.code}). Give a file that is there, or an id.`);
  });
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new Error(`The account file ${path} is not JSON. See \`npm run smoke -- --help\` for its form.`);
  }
  const { data, error } = credentialsSchema.safeParse(given);
  if (data !== undefined) return data;
  const problems = error.issues.map((issue) => `  ${issue.path.join('.') || 'the file'}: ${issue.message}`);
  throw new Error(
    `The account file ${path} does not hold credentials:\n${problems.join('\n')}\nSee \`npm run smoke -- --help\` for its form.`,
  );
}

async function ofConnected(accountId: string): Promise<Credentials> {
  const { databaseUrl, keyEncryptionKey, oldKeys } = installation();
  try {
    await checkPostgres(databaseUrl);
  } catch (cause) {
    const remedy = 'Start Skyferry, or set DATABASE_URL to the database that it uses.';
    throw new Error(`The database of the account cannot be reached (${(cause as Error).message}). ${remedy}`, {
      cause,
    });
  }
  const db = createDb({ url: databaseUrl, poolSize: 1 });
  try {
    const account = await db.cloudAccount.findUnique({ where: { id: accountId } });
    if (account === null || !isConnected(account)) {
      throw new Error('There is no connected account of this id. It is in the address where its keys are replaced.');
    }
    return openCredentials(createKeyring(keyEncryptionKey, oldKeys), account);
  } finally {
    await db.$disconnect();
  }
}

/** Database and keys: those of the environment; what is absent there `npm start` made for itself. */
function installation(): { databaseUrl: string; keyEncryptionKey: string; oldKeys: readonly string[] } {
  const variables = { DATABASE_URL: true, KEY_ENCRYPTION_KEY: true, KEY_ENCRYPTION_KEYS_OLD: true } as const;
  const given = parseEnvironment(
    configSchema.pick(variables).partial({ DATABASE_URL: true, KEY_ENCRYPTION_KEY: true }),
    process.env,
  );
  const { DATABASE_URL, KEY_ENCRYPTION_KEY, KEY_ENCRYPTION_KEYS_OLD: oldKeys } = given;
  if (DATABASE_URL !== undefined && KEY_ENCRYPTION_KEY !== undefined) {
    return { databaseUrl: DATABASE_URL, keyEncryptionKey: KEY_ENCRYPTION_KEY, oldKeys };
  }
  const { databaseUrl, keyEncryptionKey, dataDirectory, secrets } = readSettings(process.env);
  const port = rememberedPorts(dataDirectory).preferred('postgres');
  const embedded = postgresUrl({ port, password: secrets.postgresPassword, database: 'skyferry' });
  return { databaseUrl: databaseUrl ?? embedded, keyEncryptionKey, oldKeys };
}
