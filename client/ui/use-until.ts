import { useEffect, useState } from 'react';

/** Timers of browsers end at 2^31 - 1 milliseconds. */
const longestTimerMs = 2_147_483_647;

/** Whether the instant is still to come; turns false by itself when it does. null: it never was. */
export function useUntil(time: string | null): boolean {
  const end = time === null ? Number.NEGATIVE_INFINITY : Date.parse(time);
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const leftMs = end - Date.now();
    setNow(Date.now());
    if (!(leftMs > 0)) return;
    const timer = setTimeout(() => setNow(Date.now()), Math.min(leftMs + 1, longestTimerMs));
    return () => clearTimeout(timer);
  }, [end]);
  return end > now;
}
