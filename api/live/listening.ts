import type { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Redis } from '../../core/redis.ts';
import type { Subscriber } from '../../queue/pubsub.ts';

const subscribeTimeoutMs = 5_000;
/** A commit becomes visible later than it is dated, and a connection is missed later than it is lost. */
const marginMs = 10_000;

/** Topics on Redis as live subscriptions need them: who listens hears, too, when messages may have been lost. */
export interface Listening {
  /**
   * Calls `receive` with each message, and `onReturn` whenever Redis was away, with how many milliseconds back messages may be
   * missing. Resolves, once nothing more is missed, to what ends it. Rejects with SERVICE_UNAVAILABLE while Redis is away.
   */
  listen<Schema extends z.ZodType>(
    topic: string,
    schema: Schema,
    receive: (message: z.output<Schema>) => void,
    onReturn: (agoMs: number) => void,
  ): Promise<() => void>;
}

/** `connection` is the one that `subscriber` listens on; its reconnects are followed here. */
export function createListening(subscriber: Subscriber, connection: Redis, log: Logger): Listening {
  const returns = new Set<(agoMs: number) => void>();
  /** By performance.now(), which no step of the machine's clock moves. */
  let lostAt: number | undefined;
  connection.on('close', () => {
    lostAt ??= performance.now() - marginMs;
  });
  connection.on('ready', () => {
    const since = lostAt;
    if (since === undefined) return;
    // Subscriptions are renewed before this command: from its answer on nothing is missed.
    connection.ping().then(
      () => {
        lostAt = undefined;
        for (const onReturn of returns) onReturn(performance.now() - since);
      },
      (error) => log.warn({ err: error }, 'Redis went away again'),
    );
  });
  return {
    async listen(topic, schema, receive, onReturn) {
      if (connection.status !== 'ready') throw new AppError('SERVICE_UNAVAILABLE', 'Redis is away.');
      const stop = await withTimeout(subscriber.subscribe(topic, schema, receive));
      returns.add(onReturn);
      return () => {
        returns.delete(onReturn);
        stop().catch((error) => log.debug({ err: error, topic }, 'a topic could not be left'));
      };
    },
  };
}

async function withTimeout<Result>(work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new AppError('SERVICE_UNAVAILABLE', 'Redis does not answer.');
    timer = setTimeout(() => reject(error), subscribeTimeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
