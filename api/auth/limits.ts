import { createHmac } from 'node:crypto';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '../../core/errors.ts';
import type { Redis } from '../../core/redis.ts';

/** Attempts within a window. Beyond them the window must pass. */
const rules = {
  signInByAddress: { points: 50, duration: 15 * 60 },
  /** Of one e-mail address from one place: nobody elsewhere locks its owner out. */
  signInByEmailAndAddress: { points: 10, duration: 15 * 60 },
  /** Of one e-mail address from everywhere: bounds guesses that come from many places. */
  signInByEmail: { points: 100, duration: 15 * 60 },
  signUpByAddress: { points: 20, duration: 3600 },
  resetByAddress: { points: 20, duration: 3600 },
  resetByEmail: { points: 5, duration: 3600 },
  testCredentialsByUser: { points: 60, duration: 10 * 60 },
  startOAuthByUser: { points: 60, duration: 10 * 60 },
} as const;

export type LimitRule = keyof typeof rules;

/** Limits on guessing, shared by all API processes through Redis. */
export interface SignInLimits {
  /**
   * Counts one attempt. Throws RATE_LIMITED, with the wait in its message, beyond the rule; rejects while Redis is
   * away, so that an outage opens no door.
   */
  count(rule: LimitRule, subject: string): Promise<void>;
  /** Takes one attempt back that turned out to be none to limit. */
  giveBack(rule: LimitRule, subject: string): Promise<void>;
  /** Forgets the attempts, after a success. */
  forget(rule: LimitRule, subject: string): Promise<void>;
}

/** `secret` keys the hash under which subjects are kept: Redis sees no e-mail address. */
export function createSignInLimits(redis: Redis, secret: string): SignInLimits {
  const limiters = Object.fromEntries(
    Object.entries(rules).map(([name, { points, duration }]) => [
      name,
      new RateLimiterRedis({ storeClient: redis, keyPrefix: `skyferry:limit:${name}`, points, duration }),
    ]),
  ) as Record<LimitRule, RateLimiterRedis>;
  const keyOf = (subject: string) => createHmac('sha256', secret).update(`limit:${subject}`).digest('base64url');
  return {
    async count(rule, subject) {
      try {
        await limiters[rule].consume(keyOf(subject));
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        throw new AppError('RATE_LIMITED', `Too many attempts. Try again in ${waitText(error.msBeforeNext)}.`, {
          retryAfterMs: error.msBeforeNext,
        });
      }
    },
    async giveBack(rule, subject) {
      await limiters[rule].reward(keyOf(subject));
    },
    async forget(rule, subject) {
      await limiters[rule].delete(keyOf(subject));
    },
  };
}

/** How long somebody has to wait, in words. */
export function waitText(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds === 1) return '1 second';
  return seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
}
