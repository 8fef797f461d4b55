import { AppError } from '../../core/errors.ts';
import type { Credentials } from '../../storage/credentials.ts';
import { type ConnectedAccount, isConnected, openCredentials } from '../../storage/open-account.ts';
import { openProvider } from '../../storage/registry.ts';
import type { Context } from '../context.ts';

/** Longest that a cloud may take to take a grant back. */
const timeoutMs = 5_000;

/**
 * Gives back the grant of credentials that are not kept, where the cloud takes back a single one, so that none lies about
 * there that nobody knows. Within 5 s, and without an error: whoever waits has something else to hear of.
 */
export function giveBack(context: Context, credentials: Credentials): Promise<void> {
  return trying(() => revoke(context, credentials));
}

/** The same for an account that was disconnected, as it was before, unless another account lives on its grant. */
export function giveBackGrantOf(context: Context, account: ConnectedAccount): Promise<void> {
  return trying(async () => {
    const { db, keyring } = context.services;
    const credentials = openCredentials(keyring, account);
    const grant = grantOf(credentials);
    if (grant === undefined) return;
    // A grant leads to one and the same store: others of the installation need not be opened.
    const { provider, identity } = account;
    const others = await db.cloudAccount.findMany({ where: { provider, identity, sealedCredentials: { not: null } } });
    const isShared = others.some((other) => isConnected(other) && grantOf(openCredentials(keyring, other)) === grant);
    if (!isShared) await revoke(context, credentials);
  });
}

function grantOf(credentials: Credentials): string | undefined {
  return 'refreshToken' in credentials ? credentials.refreshToken : undefined;
}

async function revoke(context: Context, credentials: Credentials): Promise<void> {
  const { addressPolicy, operator } = context.services;
  const provider = openProvider(credentials, { addressPolicy, operator });
  try {
    await provider.revokeGrant(AbortSignal.timeout(timeoutMs));
  } finally {
    await provider.close();
  }
}

async function trying(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
}
