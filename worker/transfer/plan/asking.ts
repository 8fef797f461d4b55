import { toAppError } from '../../../core/errors.ts';
import { Tries } from '../../errors.ts';
import type { OpenAccount } from '../accounts.ts';
import { pause } from '../gate.ts';

/** Asks a cloud for what a plan needs to know, with as many tries as that deserves. Throws what the last one failed with. */
export async function asking<T>({ gate }: OpenAccount, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  const tries = new Tries();
  for (;;) {
    try {
      await gate.pass(signal);
      return await gate.watch(ask());
    } catch (cause) {
      const error = toAppError(cause);
      // What cannot be had is no matter of single objects.
      const isOut = error.code === 'PROVIDER_UNAVAILABLE';
      const waitMs = tries.failed(error) ?? (isOut ? tries.outage(error) : null);
      if (waitMs === null || signal.aborted) throw error;
      await pause(waitMs, signal);
    }
  }
}

/**
 * Asks once, and not at all while the cloud wants patience: for what is good to know and must not hold a plan up. Throws what it
 * failed with.
 */
export async function askingOnce<T>({ gate }: OpenAccount, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  const impatience = new AbortController();
  await gate.pass(AbortSignal.any([signal, impatience.signal]), () => impatience.abort());
  return gate.watch(ask());
}
