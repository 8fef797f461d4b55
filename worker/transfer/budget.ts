import { AppError } from '../../core/errors.ts';

/** A share of the budget. Released once; a second release does nothing. */
export interface Lease {
  release(): void;
}

interface Waiting {
  bytes: number;
  grant(lease: Lease): void;
}

/**
 * Bytes that one process may hold in flight, over all its transfers. First come, first served: whoever asks for much
 * is not overtaken for ever by those who ask for little. Nobody asks for a second lease while holding one, so there is
 * no deadlock.
 */
export class Budget {
  readonly capacityBytes: number;
  #freeBytes: number;
  readonly #queue = new Set<Waiting>();

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
    this.#freeBytes = capacityBytes;
  }

  get usedBytes(): number {
    return this.capacityBytes - this.#freeBytes;
  }

  /** Resolves when the bytes are there. Rejects with the signal's reason on abort; OBJECT_TOO_LARGE if never possible. */
  async acquire(bytes: number, signal: AbortSignal): Promise<Lease> {
    signal.throwIfAborted();
    if (bytes > this.capacityBytes) {
      throw new AppError(
        'OBJECT_TOO_LARGE',
        `A piece of ${bytes} bytes does not fit into the worker's memory budget. Ask the operator to raise MEMORY_BUDGET_BYTES.`,
      );
    }
    if (this.#queue.size === 0 && bytes <= this.#freeBytes) return this.#take(bytes);
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        bytes,
        grant: (lease) => {
          signal.removeEventListener('abort', onAbort);
          resolve(lease);
        },
      };
      const onAbort = () => {
        this.#queue.delete(waiting);
        reject(signal.reason);
        this.#serve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(waiting);
    });
  }

  #take(bytes: number): Lease {
    this.#freeBytes -= bytes;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#freeBytes += bytes;
        this.#serve();
      },
    };
  }

  #serve(): void {
    for (const waiting of this.#queue) {
      if (waiting.bytes > this.#freeBytes) return;
      this.#queue.delete(waiting);
      waiting.grant(this.#take(waiting.bytes));
    }
  }
}
