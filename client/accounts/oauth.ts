import type { SessionQuery } from '../app/session.ts';
import type { ResultOf } from '../graphql/graphql.ts';

export type OAuthProvider = ResultOf<typeof SessionQuery>['instance']['oauthProviders'][number];

/** What a person decided before they left for the cloud, for when they come back. No secret. */
export interface Departure {
  /** Name of a new account; '' where a grant is replaced. */
  name: string;
  projectId: string;
  /** Account whose grant is replaced; null: a new one. */
  accountId: string | null;
}

const keyOf = (state: string) => `skyferry:oauth:${state}`;

/** Keeps it in this tab, by the state that the cloud hands back. */
export function rememberDeparture(authorizationUrl: string, departure: Departure): void {
  const state = new URL(authorizationUrl).searchParams.get('state') ?? '';
  sessionStorage.setItem(keyOf(state), JSON.stringify(departure));
}

/** null: the person left from another tab or browser. */
export function recallDeparture(state: string): Departure | null {
  const kept = sessionStorage.getItem(keyOf(state));
  return kept === null ? null : (JSON.parse(kept) as Departure);
}

export function forgetDeparture(state: string): void {
  sessionStorage.removeItem(keyOf(state));
}
