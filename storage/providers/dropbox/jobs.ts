import { setTimeout as delay } from 'node:timers/promises';
import { throwIfCancelled } from '../../http.ts';

const firstWaitMs = 50;
const longestWaitMs = 2000;

/** Asks for the result of a job until it is there, at growing intervals. CANCELLED. */
export async function resultOf<T extends { '.tag': string }>(
  check: () => Promise<T>,
  signal: AbortSignal,
): Promise<Exclude<T, { '.tag': 'in_progress' }>> {
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    const status = await check();
    if (status['.tag'] !== 'in_progress') return status as Exclude<T, { '.tag': 'in_progress' }>;
    await delay(waitMs, undefined, { signal }).catch(() => throwIfCancelled(signal));
  }
}
