import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { configSchema, parseEnvironment } from '../../core/config.ts';
import { createDb } from '../../core/db.ts';
import { createKeyring } from '../../core/secrets.ts';
import { type Credentials, credentialsSchema } from '../../storage/credentials.ts';
import { isConnected, openCredentials } from '../../storage/open-account.ts';

const id = z.uuid();

/**
 * The credentials of a file, or of a connected account of this installation by its id. Throws an Error that says what
 * to do, without anything that the file holds.
 */
export async function readCredentials(account: string): Promise<Credentials> {
  return id.safeParse(account).success ? ofConnected(account) : ofFile(account);
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
  const settings = configSchema.pick({ DATABASE_URL: true, KEY_ENCRYPTION_KEY: true, KEY_ENCRYPTION_KEYS_OLD: true });
  const given = parseEnvironment(settings, process.env);
  const db = createDb({ url: given.DATABASE_URL, poolSize: 1 });
  try {
    const account = await db.cloudAccount.findUnique({ where: { id: accountId } });
    if (account === null || !isConnected(account)) {
      throw new Error(`There is no connected account ${accountId}. Its id is in the address of its page.`);
    }
    return openCredentials(createKeyring(given.KEY_ENCRYPTION_KEY, given.KEY_ENCRYPTION_KEYS_OLD), account);
  } finally {
    await db.$disconnect();
  }
}
