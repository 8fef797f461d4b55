import type { Redis } from '../../core/redis.ts';

/** A limit that nothing has confirmed for so long is forgotten. */
const calmMs = 60_000;
/** Refusals within so long of one another are one: requests that were under way together. */
const cutIntervalMs = 1_000;
/** What a refusal leaves of the rate. */
const cutTo = 0.7;
/** How fast the rate rises again, as a share of itself per second. */
const growthPerSecond = 0.05;
const leastPerSecond = 1;

/** What Redis says of requests to a cloud. */
export interface Grant {
  /** Requests that may be made now. */
  granted: number;
  /** Milliseconds until it is worth asking again; 0 when something was granted. */
  waitMs: number;
  /** Whether there is a limit at all. */
  limited: boolean;
  /** Whether it waits because the cloud has asked for patience. */
  closed: boolean;
}

/**
 * The limit of each credential (storage/cloud-limit.ts), shared by all workers. There is none until a cloud refuses a
 * request for being one too many; then the rate that was measured is cut, a token bucket of it is drawn from by everybody,
 * and it rises until the cloud refuses again or has been calm for a minute. State is in Redis and by Redis's clock; losing
 * it costs a few refusals.
 */
export interface SharedLimit {
  /**
   * A cloud refused a request. `perSecond`: requests that this process made lately. Resolves to how long everybody
   * waits now, in milliseconds, to the number of this calamity, which `join` asks for, and to whether it began now.
   */
  refused(
    limitKey: string,
    retryAfterMs: number,
    perSecond: number,
  ): Promise<{ waitMs: number; epoch: number; isFirst: boolean }>;
  /** Adds what this process sends to the rate that another process measured; once per epoch. */
  join(limitKey: string, epoch: number, perSecond: number): Promise<void>;
  /** Asks for leave to make up to `wanted` requests. */
  take(limitKey: string, wanted: number): Promise<Grant>;
}

const keyOf = (limitKey: string) => `skyferry:cloud-limit:${limitKey}`;

const now = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** KEYS: the limit. ARGV: retry after (ms), measured rate, cut, cut interval (ms), least rate, calm (ms). */
const refusedScript = `${now}
local known = redis.call('HMGET', KEYS[1], 'rate', 'cutAt', 'until', 'epoch')
local rate, cutAt, stop, epoch = tonumber(known[1]), tonumber(known[2]), tonumber(known[3]), tonumber(known[4])
local first = rate and 0 or 1
if not rate then
  rate, cutAt, stop, epoch = tonumber(ARGV[2]) * ARGV[3], now, 0, now
elseif now - cutAt >= tonumber(ARGV[4]) then
  rate, cutAt = rate * ARGV[3], now
end
rate = math.max(rate, tonumber(ARGV[5]))
stop = math.max(stop, now + ARGV[1])
redis.call('HSET', KEYS[1], 'rate', tostring(rate), 'cutAt', cutAt, 'until', stop, 'epoch', epoch, 'tokens', 0, 'at', stop)
redis.call('PEXPIRE', KEYS[1], math.ceil(stop - now + ARGV[6]))
return {math.ceil(stop - now), epoch, first}`;

/** KEYS: the limit. ARGV: epoch, measured rate, cut. */
const joinScript = `if tonumber(redis.call('HGET', KEYS[1], 'epoch')) == tonumber(ARGV[1]) then
  redis.call('HINCRBYFLOAT', KEYS[1], 'rate', ARGV[2] * ARGV[3])
end
return 0`;

/** KEYS: the limit. ARGV: wanted, growth per second. */
const takeScript = `${now}
local known = redis.call('HMGET', KEYS[1], 'rate', 'tokens', 'at', 'until')
local rate, tokens, at, stop = tonumber(known[1]), tonumber(known[2]), tonumber(known[3]), tonumber(known[4])
if not rate then return {tonumber(ARGV[1]), 0, 0, 0} end
if stop > now then return {0, stop - now, 1, 1} end
local seconds = math.max(0, now - at) / 1000
rate = rate * (1 + ARGV[2] * seconds)
tokens = math.min(math.max(rate, 1), tokens + rate * seconds)
local granted = math.min(math.floor(tokens), tonumber(ARGV[1]))
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'rate', tostring(rate), 'tokens', tostring(tokens), 'at', now)
local wait = 0
if granted == 0 then wait = math.ceil((1 - tokens) / rate * 1000) end
return {granted, wait, 1, 0}`;

type Scripted = Redis & {
  skyferryRefused(...args: (string | number)[]): Promise<[number, number, number]>;
  skyferryJoin(...args: (string | number)[]): Promise<number>;
  skyferryTake(...args: (string | number)[]): Promise<[number, number, number, number]>;
};

/** @param redis Fails fast while Redis is away; what is asked then rejects. */
export function createSharedLimit(redis: Redis): SharedLimit {
  redis.defineCommand('skyferryRefused', { numberOfKeys: 1, lua: refusedScript });
  redis.defineCommand('skyferryJoin', { numberOfKeys: 1, lua: joinScript });
  redis.defineCommand('skyferryTake', { numberOfKeys: 1, lua: takeScript });
  const scripts = redis as Scripted;
  return {
    async refused(limitKey, retryAfterMs, perSecond) {
      const args = [Math.ceil(retryAfterMs), perSecond, cutTo, cutIntervalMs, leastPerSecond, calmMs];
      const [waitMs, epoch, first] = await scripts.skyferryRefused(keyOf(limitKey), ...args);
      return { waitMs, epoch, isFirst: first === 1 };
    },
    async join(limitKey, epoch, perSecond) {
      await scripts.skyferryJoin(keyOf(limitKey), epoch, perSecond, cutTo);
    },
    async take(limitKey, wanted) {
      const answer = await scripts.skyferryTake(keyOf(limitKey), wanted, growthPerSecond);
      const [granted, waitMs, limited, closed] = answer;
      return { granted, waitMs, limited: limited === 1, closed: closed === 1 };
    },
  };
}
