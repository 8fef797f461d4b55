import { AppError } from '../../core/errors.ts';
import type { Refusal } from '../../queue/events.ts';
import { type LimitedAccount, limitKey } from '../../storage/cloud-limit.ts';
import { type AccountAccess, type ConnectedAccount, isConnected, openAccount } from '../../storage/open-account.ts';
import type { StorageProvider } from '../../storage/provider.ts';
import { Gate } from './gate.ts';
import type { SharedLimit } from './shared-limit.ts';
import type { AccountReference } from './take-batch.ts';

const idleMs = 60_000;

/** An account as one piece of work uses it. */
export interface OpenAccount {
  provider: StorageProvider;
  gate: Gate;
  /** The work is done. Called once. */
  release(): void;
}

interface Entry {
  key: string;
  limitKey: string;
  provider: StorageProvider;
  gate: Gate;
  users: number;
  idle: NodeJS.Timeout | undefined;
}

function keyOf({ id, updatedAt }: AccountReference): string {
  return `${id}:${updatedAt.getTime()}`;
}

export interface AccountsOptions extends AccountAccess {
  limit: SharedLimit;
  /** For `limitKey`. */
  secret: string;
  /** Tells everybody that the cloud of an account, as it was opened, refused a request. Never throws. */
  tell(account: LimitedAccount, refusal: Refusal): void;
}

/**
 * The process's connections to accounts, shared by all its transfers and closed when unused for a minute. Each piece of
 * work names the state in which it found the account, so that changed credentials and a disconnection take effect with
 * the next batch.
 */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /** Somebody's request was refused. */
  heard(refusal: Refusal): void {
    for (const { limitKey, gate } of this.#entries.values()) if (limitKey === refusal.limitKey) gate.heard(refusal);
  }

  /** Throws CREDENTIALS_INVALID for a disconnected account, ENDPOINT_INVALID, or INTERNAL when they do not open. */
  async use(reference: AccountReference): Promise<OpenAccount> {
    const entry = this.#entries.get(keyOf(reference)) ?? this.#entry(await this.#load(reference));
    clearTimeout(entry.idle);
    entry.users += 1;
    const { provider, gate } = entry;
    return { provider, gate, release: () => this.#release(entry) };
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { idle } of entries) clearTimeout(idle);
    await Promise.all(entries.map(({ provider }) => provider.close()));
  }

  async #load({ id }: AccountReference): Promise<ConnectedAccount> {
    const account = await this.#options.db.cloudAccount.findUnique({ where: { id } });
    if (account === null || !isConnected(account)) {
      const message =
        'The account is disconnected for good. Connect the cloud as a new account and start a new transfer.';
      throw new AppError('CREDENTIALS_INVALID', message);
    }
    return account;
  }

  /** A changed account is another entry; the old one falls out by disuse. */
  #entry(account: ConnectedAccount): Entry {
    const key = keyOf(account);
    const known = this.#entries.get(key);
    if (known) return known;
    const { limit, secret, tell } = this.#options;
    const provider = openAccount(account, this.#options);
    const ownLimitKey = limitKey(secret, account);
    const gate = new Gate({ limitKey: ownLimitKey, limit, tell: (refusal) => tell(account, refusal) });
    const entry = {
      key,
      limitKey: ownLimitKey,
      provider,
      gate,
      users: 0,
      idle: undefined,
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #release(entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0 || !this.#entries.has(entry.key)) return;
    entry.idle = setTimeout(() => {
      this.#entries.delete(entry.key);
      void entry.provider.close();
    }, idleMs);
    entry.idle.unref();
  }
}
