import type { Db } from '../core/db.ts';
import { AppError } from '../core/errors.ts';
import { isOutage } from '../core/outage.ts';
import { type Keyring, open, seal } from '../core/secrets.ts';
import { orAborted, throwIfCancelled } from './http.ts';

/** A short-lived token of a cloud that signs in by OAuth. */
export interface AccessToken {
  token: string;
  expiresAt: Date;
}

/** Asks the cloud for a fresh token. Throws AppError, such as CREDENTIALS_INVALID for a grant that was taken back. */
export type RefreshToken = (signal: AbortSignal) => Promise<AccessToken>;

/** The access token of one account, which its provider asks for before each request. */
export interface AccessTokens {
  /** A token that is good for a minute at least. `refresh` runs once however many ask at the same time. */
  get(refresh: RefreshToken, signal: AbortSignal): Promise<string>;
  /** The cloud refuses this token before its time: the next `get` refreshes, unless somebody already has. */
  refused(token: string): void;
}

/** A token that is about to expire is as good as none. */
const leastLifeMs = 60_000;
const refreshTimeoutMs = 30_000;

function isGood(known: AccessToken | undefined): known is AccessToken {
  return known !== undefined && known.expiresAt.getTime() - Date.now() > leastLifeMs;
}

/** Keeps the token in this process. For credentials that no account holds (yet). */
export function localAccessTokens(): AccessTokens {
  return sharedInProcess({
    async load() {
      return undefined;
    },
    renew: (refresh, _refused, signal) => refresh(signal),
  });
}

/** A token as it is sealed. */
interface KeptToken {
  token: string;
  grant: string;
}

/**
 * Keeps the token sealed in Postgres, so that all processes share it: whoever finds it expired holds the account's lock
 * while it is refreshed, and the others wait for what that brings. `grant` names the credentials that tokens come from
 * (a hash of them): a process that still works with former ones neither uses the token of the new ones nor the other
 * way round. A disconnected account gets no token kept.
 */
export function storedAccessTokens(options: {
  db: Db;
  keyring: Keyring;
  accountId: string;
  grant: string;
}): AccessTokens {
  const { db, keyring, accountId, grant } = options;
  const read = (row: { keyId: string; sealedToken: Uint8Array; expiresAt: Date } | null): AccessToken | undefined => {
    if (row === null) return undefined;
    const kept = open(keyring, accountId, { keyId: row.keyId, bytes: row.sealedToken }) as KeptToken;
    return kept.grant === grant ? { token: kept.token, expiresAt: row.expiresAt } : undefined;
  };
  return sharedInProcess({
    load: async () => read(await db.accessToken.findUnique({ where: { accountId } })),
    renew: (refresh, refused, signal) =>
      db.$transaction(
        async (tx) => {
          await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`access-token ${accountId}`}, 0))`;
          const known = read(await tx.accessToken.findUnique({ where: { accountId } }));
          if (isGood(known) && known.token !== refused) return known;
          const fresh = await refresh(signal);
          // Waits for a disconnection under way, which locks the row.
          const connected = await tx.$queryRaw<unknown[]>`
            SELECT 1 FROM cloud_account WHERE id = ${accountId}::uuid AND key_id IS NOT NULL FOR KEY SHARE`;
          if (connected.length === 0) return fresh;
          const { keyId, bytes } = seal(keyring, accountId, { token: fresh.token, grant } satisfies KeptToken);
          const row = { keyId, sealedToken: bytes, expiresAt: fresh.expiresAt };
          await tx.accessToken.upsert({ where: { accountId }, create: { accountId, ...row }, update: row });
          return fresh;
        },
        { maxWait: 10_000, timeout: 60_000 },
      ),
  });
}

interface Source {
  load(): Promise<AccessToken | undefined>;
  renew(refresh: RefreshToken, refused: string | undefined, signal: AbortSignal): Promise<AccessToken>;
}

/** Keeps what the source gave, and asks it once for all callers of this process. */
function sharedInProcess(source: Source): AccessTokens {
  let known: AccessToken | undefined;
  let refusedToken: string | undefined;
  let pending: Promise<AccessToken> | undefined;

  const renew = async (refresh: RefreshToken) => {
    try {
      const stored = await source.load();
      if (isGood(stored) && stored.token !== refusedToken) return stored;
      // One caller's abort must not fail the others.
      return await source.renew(refresh, refusedToken, AbortSignal.timeout(refreshTimeoutMs));
    } catch (error) {
      // What the cloud refused is an AppError, whose cause can look like an outage of ours.
      if (error instanceof AppError || !isOutage(error)) throw error;
      throw new AppError('SERVICE_UNAVAILABLE', 'The database cannot be reached.', { cause: error });
    }
  };

  return {
    async get(refresh, signal) {
      throwIfCancelled(signal);
      if (isGood(known) && known.token !== refusedToken) return known.token;
      pending ??= renew(refresh).finally(() => {
        pending = undefined;
      });
      known = await orAborted(pending, signal);
      return known.token;
    },
    refused(token) {
      refusedToken = token;
    },
  };
}
