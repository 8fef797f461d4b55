import { Redis, type RedisOptions } from 'ioredis';

export type { Redis };

/**
 * A connection for ordinary commands: fails fast while Redis is away or silent, so that callers answer instead of
 * hanging.
 * ioredis reconnects by itself with back-off up to 2 s.
 */
export function createRedis(url: string): Redis {
  return connect(url, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
  });
}

/** A connection for subscribing or for BullMQ's blocking reads: waits for Redis to return and then goes on. */
export function createBlockingRedis(url: string): Redis {
  return connect(url, { maxRetriesPerRequest: null, enableOfflineQueue: true, connectTimeout: 5_000 });
}

function connect(
  url: string,
  options: Pick<RedisOptions, 'maxRetriesPerRequest' | 'enableOfflineQueue' | 'connectTimeout' | 'commandTimeout'>,
): Redis {
  const redis = new Redis(url, {
    ...options,
    retryStrategy: (times) => Math.min(times * 100, 2_000),
  });
  // Without a listener ioredis prints every failed reconnect; readiness reports the state instead.
  redis.on('error', () => {});
  return redis;
}
