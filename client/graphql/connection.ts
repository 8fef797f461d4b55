import { createContext, useContext } from 'react';
import { type Client, cacheExchange, createClient, fetchExchange, mapExchange } from 'urql';
import { graphql } from './graphql.ts';
import { createLiveClient, type LiveClient } from './live-client.ts';

const ViewerQuery = graphql(`
  query Viewer {
    viewer {
      id
    }
  }
`);

/** Everything that talks to the API on behalf of one signed-in (or not yet signed-in) person. */
export interface Connection {
  /** Queries and mutations. */
  client: Client;
  /** Subscriptions. Its socket closes by itself once nothing subscribes any more. */
  live: LiveClient;
  /** Asks whether somebody is still signed in; `onSessionEnd` follows when nobody is. */
  checkSession: () => void;
}

/**
 * Makes a connection with empty caches: one per session, so that nothing of a former user is ever shown.
 * `onSessionEnd` is called when the API says that nobody is signed in any more.
 */
export function connect(onSessionEnd: () => void): Connection {
  let signedIn = false;
  const client = createClient({
    url: '/graphql',
    preferGetMethod: false,
    fetchOptions: { credentials: 'same-origin' },
    requestPolicy: 'cache-and-network',
    exchanges: [
      cacheExchange,
      mapExchange({
        onResult({ data }) {
          if (typeof data !== 'object' || data === null || !('viewer' in data)) return;
          // A query for the viewer's things is answered with nobody's once the session has ended.
          if (data.viewer === null && signedIn) onSessionEnd();
          signedIn = data.viewer !== null;
        },
        onError(error) {
          if (error.graphQLErrors.some((one) => one.extensions.code === 'UNAUTHENTICATED')) onSessionEnd();
        },
      }),
      fetchExchange,
    ],
  });
  return {
    client,
    live: createLiveClient(),
    checkSession: () => void client.query(ViewerQuery, {}, { requestPolicy: 'network-only' }).toPromise(),
  };
}

export const ConnectionContext = createContext<Connection | null>(null);

export function useConnection(): Connection {
  const connection = useContext(ConnectionContext);
  if (connection === null) throw new Error('useConnection is used outside of a session.');
  return connection;
}
