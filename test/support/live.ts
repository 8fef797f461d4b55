import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { Answer } from './api.ts';

export type Transport = 'websocket' | 'sse';

export interface Live<Data> {
  /** The next event; null once the subscription has completed. Rejects after 10 s without one. */
  next(): Promise<Pick<Answer<Data>, 'data' | 'errors'> | null>;
  /** Resolves once the subscription has ended for any reason, with the code of the WebSocket where it was closed. */
  ended: Promise<number | undefined>;
  /** Ends it from the client's side. */
  close(): Promise<void>;
}

const patienceMs = 10_000;

/** Subscribes as a client does, over either transport. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
export function subscribe<Data = any>(
  url: string,
  query: string,
  variables: Record<string, unknown>,
  options: { token?: string; headers?: Record<string, string>; transport: Transport },
): Live<Data> {
  const events: (Pick<Answer<Data>, 'data' | 'errors'> | null)[] = [];
  const waiting: (() => void)[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<number | undefined>();
  const push = (event: Pick<Answer<Data>, 'data' | 'errors'> | null) => {
    events.push(event);
    waiting.shift()?.();
  };
  const start = options.transport === 'websocket' ? overWebSocket : overSse;
  const close = start(
    url,
    query,
    variables,
    options,
    (event) => push(event as Answer<Data>),
    (code) => {
      push(null);
      end(code);
    },
  );
  return {
    async next() {
      if (events.length === 0) {
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error('No event came.')), patienceMs);
          waiting.push(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
      // The end stays in place for whoever asks again.
      return events[0] === null ? null : (events.shift() ?? null);
    },
    ended,
    close,
  };
}

type Start = (
  url: string,
  query: string,
  variables: Record<string, unknown>,
  options: { token?: string; headers?: Record<string, string> },
  onEvent: (event: object) => void,
  onEnd: (code?: number) => void,
) => () => Promise<void>;

const overWebSocket: Start = (url, query, variables, { token, headers }, onEvent, onEnd) => {
  class Socket extends WebSocket {
    constructor(address: string, protocols: string) {
      super(address, protocols, { headers });
    }
  }
  let code: number | undefined;
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: Socket,
    retryAttempts: 0,
    connectionParams: token === undefined ? {} : { authorization: `Bearer ${token}` },
    on: {
      closed: (event) => {
        code = (event as { code?: number }).code;
      },
    },
  });
  const dispose = client.subscribe(
    { query, variables },
    {
      next: onEvent,
      error: (error) => {
        if (Array.isArray(error)) onEvent({ errors: error });
        else code ??= (error as { code?: number }).code;
        onEnd(code);
      },
      complete: () => onEnd(code),
    },
  );
  return async () => {
    dispose();
    await client.dispose();
  };
};

const overSse: Start = (url, query, variables, { token, headers }, onEvent, onEnd) => {
  const aborter = new AbortController();
  const run = async () => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: JSON.stringify({ query, variables }),
      signal: aborter.signal,
    });
    let buffer = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      buffer += chunk;
      for (let end = buffer.indexOf('\n\n'); end !== -1; end = buffer.indexOf('\n\n')) {
        const block = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        const event = /^event: (.*)$/m.exec(block)?.[1];
        const data = /^data: (.+)$/m.exec(block)?.[1];
        if (event === 'next' && data) onEvent(JSON.parse(data));
        if (event === 'complete') return;
      }
    }
  };
  run().then(
    () => onEnd(),
    () => onEnd(),
  );
  return async () => aborter.abort();
};
