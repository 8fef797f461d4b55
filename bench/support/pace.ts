import { setTimeout as sleep } from 'node:timers/promises';

/** Calls `begin` so many times at an even pace, whether or not what it began has ended; what came late follows at once. */
export async function atPace(count: number, intervalMs: number, begin: (index: number) => void): Promise<void> {
  const startedAt = performance.now();
  for (let index = 0; index < count; index++) {
    const restMs = startedAt + index * intervalMs - performance.now();
    if (restMs >= 1) await sleep(restMs);
    begin(index);
  }
}
