import { useEffect, useState } from 'react';
import { formatDateTime, formatRelative } from './format.ts';

/** The clock, told every `everyMs` milliseconds. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** An instant as `5 minutes ago`, its exact time in the tooltip and for machines. */
export function RelativeTime({ time }: { time: string }) {
  const now = useNow(30_000);
  return (
    <time dateTime={time} title={formatDateTime(time)}>
      {formatRelative(time, Math.max(now, Date.now()))}
    </time>
  );
}
