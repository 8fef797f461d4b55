import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../core/errors.ts';

/** For as long nobody asks a cloud that asked for patience without saying how much. */
const defaultMs = 1_000;

/** Holds back requests to one account for as long as its cloud asked for. */
export class Gate {
  #until = 0;

  /** Makes a request of the account; when the cloud asks for patience, nobody passes the gate for a while. */
  async watch<T>(request: Promise<T>): Promise<T> {
    try {
      return await request;
    } catch (error) {
      if (error instanceof AppError && (error.code === 'THROTTLED' || error.code === 'RATE_LIMITED')) {
        this.#until = Math.max(this.#until, Date.now() + (error.retryAfterMs ?? defaultMs));
      }
      throw error;
    }
  }

  /** Resolves once the gate is open. Rejects with the signal's reason on abort. */
  async pass(signal: AbortSignal): Promise<void> {
    while (this.#until > Date.now()) await pause(this.#until - Date.now(), signal);
  }
}

/** Resolves after so many milliseconds. Rejects with the signal's reason on abort. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    throw signal.reason;
  }
}
