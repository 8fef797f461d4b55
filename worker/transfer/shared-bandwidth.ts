import { randomUUID } from 'node:crypto';
import type { Redis } from '../../core/redis.ts';

/** What was not drawn for so long does not pile up: a transfer that rested makes up for no more. */
const burstMs = 250;
/** A process that has not drawn for so long shares no longer. */
const shareMs = 10_000;

/** What Redis says of bytes of a transfer. */
interface Draw {
  /** Bytes that may pass: all that were wanted, or none. */
  granted: number;
  /** Milliseconds until it is worth asking again. */
  waitMs: number;
  /** Processes that have drawn lately, this one among them. */
  processes: number;
}

/** The bandwidth of each transfer that has a limit, shared by all workers. */
export interface SharedBandwidth {
  /** Asks to pass `wanted` bytes of a transfer that may pass `limit` a second. Rejects while Redis is away. */
  draw(transferId: string, limit: number, wanted: number): Promise<Draw>;
}

/**
 * A token bucket that may be overdrawn once: so pieces larger than it pass too, and are waited for afterwards. What is
 * owed when the limit changes is waited for by the larger limit of the two.
 *
 * KEYS: the bucket, its processes. ARGV: limit, wanted, burst (ms), process, share (ms).
 */
const drawScript = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local known = redis.call('HMGET', KEYS[1], 'seconds', 'at', 'limit')
local seconds, at, before = tonumber(known[1]) or 0, tonumber(known[2]) or now, tonumber(known[3]) or limit
seconds = math.min(ARGV[3] / 1000, seconds + math.max(0, now - at) / 1000)
if limit > before then seconds = seconds * before / limit end
local granted = 0
if seconds >= 0 then
  granted = wanted
  seconds = seconds - wanted / limit
end
local wait = math.max(0, math.ceil(-seconds * 1000))
redis.call('HSET', KEYS[1], 'seconds', tostring(seconds), 'at', now, 'limit', ARGV[1])
redis.call('PEXPIRE', KEYS[1], wait + ARGV[5])
redis.call('ZADD', KEYS[2], now, ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {granted, wait, redis.call('ZCARD', KEYS[2])}`;

type Scripted = Redis & { skyferryDraw(...args: (string | number)[]): Promise<[number, number, number]> };

/** @param redis Fails fast while Redis is away. */
export function createSharedBandwidth(redis: Redis): SharedBandwidth {
  redis.defineCommand('skyferryDraw', { numberOfKeys: 2, lua: drawScript });
  const scripts = redis as Scripted;
  const process = randomUUID();
  return {
    async draw(transferId, limit, wanted) {
      const key = `skyferry:bandwidth:{${transferId}}`;
      const args = [limit, wanted, burstMs, process, shareMs];
      const [granted, waitMs, processes] = await scripts.skyferryDraw(key, `${key}:processes`, ...args);
      return { granted, waitMs, processes };
    },
  };
}
