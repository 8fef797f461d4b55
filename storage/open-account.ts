import { createHash } from 'node:crypto';
import type { CloudAccount, Db } from '../core/db.ts';
import { AppError } from '../core/errors.ts';
import { type Keyring, open } from '../core/secrets.ts';
import { storedAccessTokens } from './access-tokens.ts';
import type { AddressPolicy } from './address-policy.ts';
import { storedCapabilities } from './capabilities.ts';
import { type Credentials, credentialsSchema } from './credentials.ts';
import type { StorageProvider } from './provider.ts';
import { type OperatorAccess, openProvider } from './registry.ts';

/** What a process needs to open accounts. */
export interface AccountAccess {
  db: Db;
  keyring: Keyring;
  addressPolicy: AddressPolicy;
  operator: OperatorAccess;
}

/** An account that still has its credentials. */
export type ConnectedAccount = CloudAccount & {
  sealedCredentials: NonNullable<CloudAccount['sealedCredentials']>;
  keyId: string;
};

/** False for a disconnected account. */
export function isConnected(account: CloudAccount): account is ConnectedAccount {
  return account.sealedCredentials !== null && account.keyId !== null;
}

/**
 * The account's credentials in clear; keep them no longer than needed. INTERNAL when they do not open,
 * CREDENTIALS_INVALID when they are not in a form that this version knows.
 */
export function openCredentials(keyring: Keyring, account: ConnectedAccount): Credentials {
  const opened = open(keyring, account.id, { keyId: account.keyId, bytes: account.sealedCredentials });
  const parsed = credentialsSchema.safeParse(opened);
  if (parsed.success) return parsed.data;
  throw new AppError('CREDENTIALS_INVALID', 'The stored credentials are not in a form that is known. Replace them.');
}

/**
 * The provider of an account, with the access token that all processes share and the capabilities that the last check
 * found. Without a request, like `openProvider`; the caller closes it. ENDPOINT_INVALID, or INTERNAL when the
 * credentials do not open.
 */
export function openAccount(account: ConnectedAccount, access: AccountAccess): StorageProvider {
  const { db, keyring, addressPolicy, operator } = access;
  const credentials = openCredentials(keyring, account);
  const grant = createHash('sha256').update(JSON.stringify(credentials)).digest('base64url');
  return openProvider(credentials, {
    addressPolicy,
    operator,
    tokens: storedAccessTokens({ db, keyring, accountId: account.id, grant }),
    capabilities: storedCapabilities(account.capabilities),
  });
}
