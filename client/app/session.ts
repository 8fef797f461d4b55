import { createContext, useContext } from 'react';
import { graphql, type ResultOf } from '../graphql/graphql.ts';

export const SessionQuery = graphql(`
  query Session {
    viewer {
      id
      email
      name
      role
    }
    instance {
      version
      signUpOpen
      passwordResetAvailable
      needsFirstUser
      oauthProviders
      machineIdentityAllowed
    }
  }
`);

type SessionData = ResultOf<typeof SessionQuery>;

/** Who is signed in, and what this installation offers. */
export interface Session {
  /** null: nobody is signed in. */
  viewer: SessionData['viewer'];
  instance: SessionData['instance'];
  /** Starts over with empty caches: after signing in or out, or when the API says that the session ended. */
  renew: () => void;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('useSession is used outside of SessionProvider.');
  return session;
}
