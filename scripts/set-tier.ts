import { configSchema, isTierName, parseEnvironment } from '../core/config.ts';
import type { Db } from '../core/db.ts';
import { readDatabaseUrl, withDatabase } from './installation.ts';

/**
 * Puts a user into a tier, whose limits (TIERS) hold from the next admission of his objects on. Throws an Error that says
 * what to do for a tier that cannot be one and for an address that nobody has. Idempotent.
 */
export async function setTier(db: Db, email: string, tier: string): Promise<void> {
  if (!isTierName(tier)) throw new Error(`'${tier}' is no tier: write 1 to 32 of a-z, 0-9 and -, as in TIERS.`);
  // As sign-up keeps it.
  const { count } = await db.user.updateMany({ where: { email: email.toLowerCase() }, data: { tier } });
  if (count === 0) throw new Error(`No user signs in as ${email}.`);
}

async function main([email, tier]: readonly string[]): Promise<void> {
  if (email === undefined || tier === undefined) {
    throw new Error('Name a user and a tier: npm run tier:set -- ada@example.org standard');
  }
  const { TIERS } = parseEnvironment(configSchema.pick({ TIERS: true }), process.env);
  await withDatabase(readDatabaseUrl(process.env), (db) => setTier(db, email, tier));
  const limits = TIERS.find(({ name }) => name === tier);
  console.log(
    limits === undefined
      ? `${email} is in tier ${tier}, for which TIERS has no limits here.`
      : `${email} is in tier ${tier}: at most ${limits.userObjects} objects under way, ${limits.accountObjects} of an account.`,
  );
}

if (import.meta.main) {
  await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
