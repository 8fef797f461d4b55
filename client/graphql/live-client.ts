import { type Client, createClient } from 'graphql-ws';

/** The API's WebSocket address: the page's own host, so that the session cookie goes along. */
function liveUrl(): string {
  const url = new URL('/graphql', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/** Resolves after `milliseconds`, or at once when the browser gets its network back. */
async function waitOrOnline(milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener('online', done);
  });
}

/** Milliseconds before try number `retries` (from 0): 0.5 s doubling to 15 s, with up to a third of jitter. */
export function backOffMs(retries: number, random = Math.random()): number {
  return Math.min(15_000, 500 * 2 ** Math.min(retries, 10)) * (1 + random / 3);
}

const pingMs = 10_000;
const pongWithinMs = 5_000;

export interface LiveClient extends Client {
  /** Whether the API has acknowledged the connection, and it still stands. */
  isConnected: () => boolean;
}

/**
 * One lazy WebSocket for all subscriptions: opened with the first, closed a moment after the last, and opened again
 * for as long as a subscription wants it. A silent peer (a laptop that slept, a proxy that forgot) is noticed by ping.
 */
export function createLiveClient(): LiveClient {
  let connected = false;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({
    url: liveUrl,
    lazy: true,
    lazyCloseTimeout: 3_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: (retries) => waitOrOnline(backOffMs(retries)),
    keepAlive: pingMs,
    on: {
      ping: (received) => {
        if (received) return;
        silence = setTimeout(() => client.terminate(), pongWithinMs);
      },
      pong: (received) => {
        if (received) clearTimeout(silence);
      },
      connected: () => {
        connected = true;
      },
      closed: () => {
        connected = false;
        clearTimeout(silence);
      },
    },
  });
  return { ...client, isConnected: () => connected };
}
