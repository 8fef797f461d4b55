import type { CloudAccount } from '../core/db.ts';
import { AppError } from '../core/errors.ts';
import { type Keyring, open } from '../core/secrets.ts';
import type { AddressPolicy } from '../storage/address-policy.ts';
import { credentialsSchema } from '../storage/credentials.ts';
import { type StorageProvider, storedCapabilities } from '../storage/provider.ts';
import { openProvider } from '../storage/registry.ts';

/** Most accounts whose connections are kept open. */
const maxOpen = 50;

interface Entry {
  provider: StorageProvider;
  users: number;
  evicted: boolean;
}

/** Keeps the providers of recently browsed accounts open, so that each page does not begin with new connections. */
export interface ProviderCache {
  /** Runs `work` with the account's provider. CONFLICT for a disconnected account. */
  use<Result>(account: CloudAccount, work: (provider: StorageProvider) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

export function createProviderCache(keyring: Keyring, addressPolicy: AddressPolicy): ProviderCache {
  /** Least recently used first. */
  const entries = new Map<string, Entry>();

  function evict(key: string, entry: Entry): void {
    entries.delete(key);
    entry.evicted = true;
    if (entry.users === 0) void entry.provider.close();
  }

  function take(account: CloudAccount): Entry {
    // A changed account (new credentials, new capabilities) is another key; the old one falls out by disuse.
    const key = `${account.id}:${account.updatedAt.getTime()}`;
    const entry = entries.get(key) ?? { provider: openAccount(account), users: 0, evicted: false };
    entries.delete(key);
    entries.set(key, entry);
    for (const [oldKey, old] of entries) {
      if (entries.size <= maxOpen) break;
      evict(oldKey, old);
    }
    return entry;
  }

  function openAccount(account: CloudAccount): StorageProvider {
    return openProvider(openCredentials(keyring, account), {
      addressPolicy,
      capabilities: storedCapabilities(account.capabilities),
    });
  }

  return {
    async use(account, work) {
      const entry = take(account);
      entry.users += 1;
      try {
        return await work(entry.provider);
      } finally {
        entry.users -= 1;
        if (entry.evicted && entry.users === 0) void entry.provider.close();
      }
    },
    async close() {
      for (const [key, entry] of [...entries]) evict(key, entry);
    },
  };
}

/** The account's credentials in clear; keep them no longer than needed. CONFLICT for a disconnected account. */
export function openCredentials(keyring: Keyring, account: CloudAccount) {
  if (account.sealedCredentials === null || account.keyId === null) {
    throw new AppError(
      'CONFLICT',
      'The account is disconnected for good. Connect its cloud as a new account to use it.',
    );
  }
  return credentialsSchema.parse(open(keyring, account.id, { keyId: account.keyId, bytes: account.sealedCredentials }));
}
