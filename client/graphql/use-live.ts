import { CloseCode } from 'graphql-ws';
import { useEffect, useEffectEvent, useState } from 'react';
import { stringifyDocument, type TypedDocumentNode } from 'urql';
import { useConnection } from './connection.ts';
import { backOffMs } from './live-client.ts';
import { problemOfGraphQLError } from './problem.ts';

/** `live`: events arrive as they happen. `interrupted`: they do not, and it is being mended. */
export type LiveState = 'live' | 'interrupted';

interface LiveOptions<Data, Variables> {
  document: TypedDocumentNode<Data, Variables>;
  variables: Variables;
  /** Told of each event; the API sends a snapshot first, also after an interruption. */
  onEvent: (data: Data) => void;
  /** Nothing (more) to follow: subscribes only while true. */
  wanted: boolean;
}

/** A subscription refused in this span after its start is still not mended. */
const settledMs = 1_500;

/**
 * Follows a subscription for as long as the component lives, through lost connections (the socket comes back by
 * itself) and through errors and ends that the server sends (subscribed again with back-off).
 */
export function useLive<Data, Variables extends Record<string, unknown>>({
  document,
  variables,
  wanted,
  ...options
}: LiveOptions<Data, Variables>): LiveState {
  const { live, checkSession } = useConnection();
  const [state, setState] = useState<LiveState>('live');
  const onEvent = useEffectEvent(options.onEvent);
  const variablesKey = JSON.stringify(variables);

  useEffect(() => {
    if (!wanted) return;
    let ended = false;
    let retries = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stop = () => {};

    const again = () => {
      if (ended) return;
      setState('interrupted');
      timer = setTimeout(start, backOffMs(retries));
      retries += 1;
    };
    const settled = () => {
      clearTimeout(timer);
      retries = 0;
      setState('live');
    };
    const start = () => {
      stop = live.subscribe<Data>(
        { query: stringifyDocument(document), variables: JSON.parse(variablesKey) },
        {
          next(result) {
            if (result.data == null) return;
            settled();
            onEvent(result.data);
          },
          error(error) {
            clearTimeout(timer);
            // A server that stops and a session that ends may look alike: ask, and try again meanwhile.
            if (isUnauthenticated(error)) checkSession();
            again();
          },
          complete() {
            clearTimeout(timer);
            again();
          },
        },
      );
      if (retries > 0) timer = setTimeout(() => live.isConnected() && settled(), settledMs);
    };
    const unlisten = [
      live.on('connected', () => setState('live')),
      live.on('closed', (event) => {
        if ((event as CloseEvent).code !== 1000) setState('interrupted');
      }),
    ];
    start();
    return () => {
      ended = true;
      clearTimeout(timer);
      for (const off of unlisten) off();
      stop();
    };
  }, [live, checkSession, document, variablesKey, wanted]);

  return wanted ? state : 'live';
}

/** Whether an operation's errors, or the close of its socket, say that nobody is signed in. */
function isUnauthenticated(error: unknown): boolean {
  if (Array.isArray(error)) return error.some((one) => problemOfGraphQLError(one).code === 'UNAUTHENTICATED');
  return error instanceof CloseEvent && (error.code === CloseCode.Unauthorized || error.code === CloseCode.Forbidden);
}
