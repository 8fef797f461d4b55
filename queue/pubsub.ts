import type { z } from 'zod';
import type { Redis } from '../core/redis.ts';

/** Sends a message to everyone who listens at this moment. Rejects while Redis is away; nothing is kept for later. */
export async function publish<Schema extends z.ZodType>(
  redis: Redis,
  topic: string,
  schema: Schema,
  message: z.output<Schema>,
): Promise<void> {
  await redis.publish(topic, JSON.stringify(schema.encode(message)));
}

export interface Subscriber {
  /**
   * Calls `listener` with each valid message of the topic until the returned function is called. Resolves once Redis
   * has confirmed the subscription; it is renewed by itself after Redis was away (messages of the meantime are lost).
   */
  subscribe<Schema extends z.ZodType>(
    topic: string,
    schema: Schema,
    listener: (message: z.output<Schema>) => void,
  ): Promise<() => Promise<void>>;
}

/**
 * Shares one connection, which must not be used for anything else, among any number of subscriptions. `onInvalid`
 * hears of messages that do not fit their topic's schema; listeners do not.
 */
export function createSubscriber(redis: Redis, onInvalid: (topic: string, error: unknown) => void): Subscriber {
  const listeners = new Map<string, Set<(text: string) => void>>();
  redis.on('message', (topic: string, text: string) => {
    for (const listener of listeners.get(topic) ?? []) listener(text);
  });
  return {
    async subscribe(topic, schema, listener) {
      const receive = (text: string) => {
        let message: z.output<typeof schema>;
        try {
          message = schema.parse(JSON.parse(text));
        } catch (error) {
          onInvalid(topic, error);
          return;
        }
        listener(message);
      };
      const known = listeners.get(topic);
      if (known) {
        known.add(receive);
      } else {
        listeners.set(topic, new Set([receive]));
      }
      await redis.subscribe(topic);
      return async () => {
        const left = listeners.get(topic);
        left?.delete(receive);
        if (left?.size !== 0) return;
        listeners.delete(topic);
        await redis.unsubscribe(topic);
      };
    },
  };
}
