import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { Provider, useQuery } from 'urql';
import { ConnectionContext, connect } from '../graphql/connection.ts';
import { PageSkeleton } from './PageSkeleton.tsx';
import { type Session, SessionContext, SessionQuery } from './session.ts';
import { UnavailablePage } from './UnavailablePage.tsx';

/** Keeps one connection to the API per session and tells everything below who is signed in. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const [generation, setGeneration] = useState(0);
  const renew = useCallback(() => setGeneration((count) => count + 1), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each generation is a connection of its own
  const connection = useMemo(() => connect(renew), [generation, renew]);

  return (
    <ConnectionContext value={connection}>
      <Provider value={connection.client}>
        <SessionGate key={generation} renew={renew}>
          {children}
        </SessionGate>
      </Provider>
    </ConnectionContext>
  );
}

function SessionGate({ renew, children }: { renew: () => void; children: ReactNode }) {
  const [{ data, error }, refetch] = useQuery({ query: SessionQuery });
  const session = useMemo<Session | null>(() => (data === undefined ? null : { ...data, renew }), [data, renew]);

  if (session !== null) return <SessionContext value={session}>{children}</SessionContext>;
  if (error !== undefined) return <UnavailablePage error={error} retry={refetch} />;
  return <PageSkeleton />;
}
