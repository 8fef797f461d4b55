import { AppError } from '../../../core/errors.ts';
import type { OpenAccount } from '../accounts.ts';
import type { PlanRules } from './judge.ts';

/**
 * Bytes that the destination's account has room for; null: nobody knows, or what is moved makes room as it goes. Rejects
 * when planning has to stop, and with nothing else: whether an object fits is told by the run then.
 */
export async function roomAtDestination(
  { mode, source, destination, onRequest }: Pick<PlanRules, 'mode' | 'source' | 'destination' | 'onRequest'>,
  signal: AbortSignal,
): Promise<number | null> {
  if (!destination.provider.capabilities.quota) return null;
  if (mode === 'VERIFY' || (mode === 'MOVE' && source.provider.store === destination.provider.store)) return null;
  onRequest('destination', 'read');
  try {
    return await askForRoom(destination, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    return null;
  }
}

async function askForRoom({ gate, provider }: OpenAccount, signal: AbortSignal): Promise<number | null> {
  await gate.pass(signal);
  const quota = await gate.watch(provider.quota(signal));
  return quota === null ? null : Math.max(0, quota.totalBytes - quota.usedBytes);
}

/** What is left of the room while a plan gives it away, in the order of the plan. */
export class Room {
  #leftBytes: number | null;

  /** null: without bounds. */
  constructor(leftBytes: number | null) {
    this.#leftBytes = leftBytes;
  }

  get leftBytes(): number | null {
    return this.#leftBytes;
  }

  holds(bytes: number): boolean {
    return this.#leftBytes === null || bytes <= this.#leftBytes;
  }

  /** `bytes`: below 0 where what is replaced is larger. */
  take(bytes: number): void {
    if (this.#leftBytes !== null) this.#leftBytes -= bytes;
  }

  /** QUOTA_EXCEEDED for an object of so many bytes that does not fit. */
  refusal(sizeBytes: number): AppError {
    const message = `The destination has room for ${this.#leftBytes} more bytes; this object has ${sizeBytes}.`;
    return new AppError('QUOTA_EXCEEDED', message);
  }
}
