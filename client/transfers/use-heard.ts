import { useEffect, useState } from 'react';
import type { Progress } from './progress.ts';

/** Whoever moves a transfer speaks every second. */
const silentMs = 5_000;

/**
 * The counters of a transfer that is followed live. Once nothing was heard of a running one for a while, whoever moved it is
 * gone: then it has no speed, and nobody knows when it ends.
 */
export function useHeard<Read extends Progress | null>(progress: Read, isLive: boolean): Read {
  const [silent, setSilent] = useState<string | null>(null);
  const followed = isLive && progress?.state === 'RUNNING' ? progress.sequence : null;
  useEffect(() => {
    setSilent(null);
    if (followed === null) return;
    const timer = setTimeout(() => setSilent(followed), silentMs);
    return () => clearTimeout(timer);
  }, [followed]);
  if (progress === null || silent === null || silent !== followed) return progress;
  return { ...progress, speedBytesPerSecond: '0', etaMs: null };
}
