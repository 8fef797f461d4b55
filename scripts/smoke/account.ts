import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { idOfType } from '../../api/global-id.ts';
import { type Credentials, credentialsSchema } from '../../storage/credentials.ts';
import { isConnected, openCredentials } from '../../storage/open-account.ts';
import { readDatabaseUrl, readKeyring, withDatabase } from '../installation.ts';

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
  const keyring = readKeyring(process.env);
  return withDatabase(readDatabaseUrl(process.env), async (db) => {
    const account = await db.cloudAccount.findUnique({ where: { id: accountId } });
    if (account === null || !isConnected(account)) {
      throw new Error('There is no connected account of this id. It is in the address where its keys are replaced.');
    }
    return openCredentials(keyring, account);
  });
}
