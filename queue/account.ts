import type { DbSession } from '../core/db.ts';
import type { Redis } from '../core/redis.ts';
import { type AccountChange, accountChangeSchema, type Refusal, refusalSchema, topics } from './events.ts';
import { publish } from './pubsub.ts';

/** Tells subscribers that an account has changed in Postgres. Rejects while Redis is away. */
export async function publishAccount(redis: Redis, change: AccountChange): Promise<void> {
  await publish(redis, topics.userAccounts(change.userId), accountChangeSchema, change);
}

/** Tells all workers of a refusal. Rejects while Redis is away. */
export async function publishRefusal(redis: Redis, refusal: Refusal): Promise<void> {
  await publish(redis, topics.refusals, refusalSchema, refusal);
}

/**
 * Notes with accounts until when their cloud wants fewer requests; an earlier end than the noted one changes nothing.
 * `updated_at` stays: workers keep connections by it. Returns those that have something new to show.
 */
export function noteThrottled(db: DbSession, accountIds: readonly string[], waitMs: number): Promise<AccountChange[]> {
  return db.$queryRaw<AccountChange[]>`
    UPDATE cloud_account SET throttled_until = now() + make_interval(secs => ${waitMs}::float8 / 1000)
    WHERE id = ANY(${accountIds}::uuid[])
      AND (throttled_until IS NULL OR throttled_until < now() + make_interval(secs => ${waitMs}::float8 / 1000))
    RETURNING id AS "accountId", user_id AS "userId"`;
}
