import { useEffect, useState } from 'react';
import type { LiveState } from '../graphql/use-live.ts';
import { Notice } from './Notice.tsx';

/** An interruption shorter than this is nobody's business. */
const patienceMs = 2_000;

/** Says when figures have stopped being live, and disappears once they are again. */
export function LiveBanner({ state }: { state: LiveState }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (state === 'live') {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), patienceMs);
    return () => clearTimeout(timer);
  }, [state]);
  return (
    <div role="status" style={late ? { marginBottom: '1.25rem' } : undefined}>
      {late ? (
        <Notice tone="warn" title="Connection lost">
          What you see may be old. Skyferry keeps trying; the transfers themselves go on.
        </Notice>
      ) : null}
    </div>
  );
}
