import type { CloudAccount } from '../core/db.ts';
import { AppError } from '../core/errors.ts';
import { type AccountAccess, type ConnectedAccount, isConnected, openAccount } from '../storage/open-account.ts';
import type { StorageProvider } from '../storage/provider.ts';

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

export function createProviderCache(access: AccountAccess): ProviderCache {
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
    const entry = entries.get(key) ?? { provider: openAccount(connected(account), access), users: 0, evicted: false };
    entries.delete(key);
    entries.set(key, entry);
    for (const [oldKey, old] of entries) {
      if (entries.size <= maxOpen) break;
      evict(oldKey, old);
    }
    return entry;
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

/** The account, which still has its credentials. CONFLICT for a disconnected one. */
export function connected(account: CloudAccount): ConnectedAccount {
  if (isConnected(account)) return account;
  throw new AppError('CONFLICT', 'The account is disconnected for good. Connect its cloud as a new account to use it.');
}
