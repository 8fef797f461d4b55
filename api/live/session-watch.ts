import { z } from 'zod';
import type { Db } from '../../core/db.ts';
import type { Logger } from '../../core/log.ts';
import type { Redis } from '../../core/redis.ts';
import { publish, type Subscriber } from '../../queue/pubsub.ts';

/** Tells every API process that sessions ended. A hint: the sweep finds out from Postgres by itself too. */
const topic = 'skyferry:sessions-ended';
const messageSchema = z.union([z.object({ sessionId: z.uuid() }), z.object({ userId: z.uuid() })]);
type Ended = z.infer<typeof messageSchema>;

/** Longest time that a live connection outlives its session when the message is lost. */
const sweepMs = 5_000;

export interface WatchedSession {
  /** Aborts when the session has ended: signed out, revoked, expired. */
  signal: AbortSignal;
  release(): void;
}

/** Ends live connections (WebSocket, server-sent events) together with the session that opened them. */
export interface SessionWatch {
  watch(sessionId: string, userId: string): WatchedSession;
  /** Tells all processes. Never rejects: without Redis the sweep does it. */
  announceEnd(ended: Ended): Promise<void>;
  close(): Promise<void>;
}

interface Entry {
  userId: string;
  controller: AbortController;
  watchers: number;
}

export function createSessionWatch(redis: Redis, subscriber: Subscriber, db: Db, log: Logger): SessionWatch {
  const entries = new Map<string, Entry>();

  function end(sessionId: string, entry: Entry): void {
    entries.delete(sessionId);
    entry.controller.abort();
  }

  async function sweep(): Promise<void> {
    if (entries.size === 0) return;
    const alive = await db.session.findMany({
      where: { id: { in: [...entries.keys()] }, expiresAt: { gt: new Date() } },
      select: { id: true },
    });
    const aliveIds = new Set(alive.map(({ id }) => id));
    for (const [id, entry] of entries) if (!aliveIds.has(id)) end(id, entry);
  }

  const receive = (ended: Ended) => {
    for (const [id, entry] of entries) {
      if ('sessionId' in ended ? ended.sessionId === id : ended.userId === entry.userId) end(id, entry);
    }
  };
  subscriber.subscribe(topic, messageSchema, receive).catch((error) => {
    log.debug({ err: error }, 'sessions that end are noticed by polling only');
  });
  const timer = setInterval(() => {
    sweep().catch((error) => log.warn({ err: error }, 'sessions could not be looked through'));
  }, sweepMs);
  timer.unref();

  return {
    watch(sessionId, userId) {
      const entry = entries.get(sessionId) ?? { userId, controller: new AbortController(), watchers: 0 };
      entries.set(sessionId, entry);
      entry.watchers += 1;
      let released = false;
      return {
        signal: entry.controller.signal,
        release() {
          if (released) return;
          released = true;
          entry.watchers -= 1;
          if (entry.watchers === 0 && entries.get(sessionId) === entry) entries.delete(sessionId);
        },
      };
    },
    async announceEnd(ended) {
      try {
        await publish(redis, topic, messageSchema, ended);
      } catch (error) {
        log.warn({ err: error }, 'the end of a session could not be announced');
      }
    },
    async close() {
      clearInterval(timer);
      for (const [id, entry] of [...entries]) end(id, entry);
    },
  };
}
