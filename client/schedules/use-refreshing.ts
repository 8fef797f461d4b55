import { useEffect, useEffectEvent } from 'react';

/** Runs begin and end while one looks on: what is shown of schedules is read again so often. */
const refreshMs = 10_000;

/** Reads again while the page is looked at. */
export function useRefreshing(refresh: () => void): void {
  const again = useEffectEvent(refresh);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && again(), refreshMs);
    return () => clearInterval(timer);
  }, []);
}
