import { setTimeout as delay } from 'node:timers/promises';
import type { TestStore } from './engine.ts';

/** Nothing new begins so long after a transfer was stopped. */
const stopMs = 2_000;
/** What would begin in spite of that is waited for so long. */
const watchMs = 1_000;

/** Notes from now on when the stores are asked for what. */
export function watchArrivals(...stores: TestStore[]) {
  let arrivals: { operation: string; at: number }[] = [];
  for (const { server } of stores) {
    server.observer.on('arrived', ({ operation }) => arrivals.push({ operation, at: performance.now() }));
  }
  return {
    /**
     * What begins later than 2 s after now, when a transfer was stopped, within a second.
     *
     * @param atStop What is let go at that time, for whoever still waits for it to go on.
     */
    async afterStop(atStop: () => void = () => {}): Promise<string[]> {
      const stopped = performance.now() + stopMs;
      arrivals = [];
      await delay(stopMs);
      atStop();
      await delay(watchMs);
      return arrivals.filter(({ at }) => at > stopped).map(({ operation }) => operation);
    },
  };
}
