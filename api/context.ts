import type { User } from '../core/db.ts';
import type { Logger } from '../core/log.ts';
import type { Services } from './services.ts';

/** Who is signed in. */
export type Viewer = User;

/** What every resolver gets. */
export interface Context {
  services: Services;
  /** null: nobody is signed in. */
  viewer: Viewer | null;
  /** Id of the session that the request carries, where it is valid. */
  sessionId: string | null;
  requestId: string;
  log: Logger;
  /** Address of the caller, proxies that are trusted looked through. */
  clientAddress: string;
  /** The caller's own headers that sign-in needs: cookie, authorization, user-agent. */
  headers: Headers;
  /** Cookies to set with the answer, as Set-Cookie values. Without effect over WebSocket. */
  responseCookies: string[];
  /** Aborts when the caller is gone or its session has ended. */
  signal: AbortSignal;
}

/** The signed-in user, for resolvers behind the scope `signedIn`. */
export function viewerOf(context: Context): Viewer {
  if (context.viewer === null) throw new Error('A resolver that needs a viewer lacks the scope signedIn.');
  return context.viewer;
}
