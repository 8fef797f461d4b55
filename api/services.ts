import type { Config } from '../core/config.ts';
import type { Db } from '../core/db.ts';
import type { Logger } from '../core/log.ts';
import type { Redis } from '../core/redis.ts';
import type { Keyring } from '../core/secrets.ts';
import type { AddressPolicy } from '../storage/address-policy.ts';
import type { HttpClient } from '../storage/http.ts';
import type { OperatorAccess } from '../storage/registry.ts';
import type { Auth } from './auth/auth.ts';
import type { SignInLimits } from './auth/limits.ts';
import type { Mailer } from './auth/mail.ts';
import type { AccountFeed } from './live/account-feed.ts';
import type { SessionWatch } from './live/session-watch.ts';
import type { TransferFeed } from './live/transfer-feed.ts';
import type { ProviderCache } from './provider-cache.ts';

/** What one API process holds for all its requests. */
export interface Services {
  config: Config;
  log: Logger;
  db: Db;
  redis: Redis;
  keyring: Keyring;
  addressPolicy: AddressPolicy;
  operator: OperatorAccess;
  /** For addresses beside those of storage: token endpoints. */
  http: HttpClient;
  /** Where people reach the app, without a slash at its end. */
  publicUrl: string;
  auth: Auth;
  limits: SignInLimits;
  /** null: no mail server is configured. */
  mailer: Mailer | null;
  providers: ProviderCache;
  feed: TransferFeed;
  accountFeed: AccountFeed;
  sessions: SessionWatch;
}
