import { AppError } from '../../core/errors.ts';

/** A share of the budget. Released once; a second release does nothing. */
export interface Lease {
  release(): void;
}

interface Waiting {
  bytes: number;
  grant(lease: Lease): void;
}

/** The part of the budget that is kept for express leases: as much as the largest part (partSizeFor). */
const reservedShare = 1 / 8;

/**
 * Bytes that one process may hold in flight, over all its transfers. First come, first served: whoever asks for much
 * is not overtaken for ever by those who ask for little. Express leases come before, and take from a share that others
 * leave free. Nobody asks for a second lease while holding one, so there is no deadlock.
 */
export class Budget {
  readonly capacityBytes: number;
  #freeBytes: number;
  readonly #queue = new Set<Waiting>();
  readonly #express = new Set<Waiting>();
  readonly #reservedBytes: number;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
    this.#freeBytes = capacityBytes;
    this.#reservedBytes = Math.floor(capacityBytes * reservedShare);
  }

  get usedBytes(): number {
    return this.capacityBytes - this.#freeBytes;
  }

  /** Resolves when the bytes are there. Rejects with the signal's reason on abort; OBJECT_TOO_LARGE if never possible. */
  async acquire(bytes: number, signal: AbortSignal, isExpress = false): Promise<Lease> {
    signal.throwIfAborted();
    if (bytes > this.capacityBytes) {
      throw new AppError(
        'OBJECT_TOO_LARGE',
        `A piece of ${bytes} bytes does not fit into the worker's memory budget. Ask the operator to raise MEMORY_BUDGET_BYTES.`,
      );
    }
    const queue = isExpress ? this.#express : this.#queue;
    const isFirst = this.#express.size === 0 && (isExpress || this.#queue.size === 0);
    if (isFirst && this.#fits(bytes, isExpress)) return this.#take(bytes);
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        bytes,
        grant: (lease) => {
          signal.removeEventListener('abort', onAbort);
          resolve(lease);
        },
      };
      const onAbort = () => {
        queue.delete(waiting);
        reject(signal.reason);
        this.#serve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      queue.add(waiting);
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

  /** What is larger than all that is not reserved has its turn when nothing else is held. */
  #fits(bytes: number, isExpress: boolean): boolean {
    return bytes <= this.#freeBytes - (isExpress || this.usedBytes === 0 ? 0 : this.#reservedBytes);
  }

  #serve(): void {
    for (const queue of [this.#express, this.#queue]) {
      for (const waiting of queue) {
        if (!this.#fits(waiting.bytes, queue === this.#express)) return;
        queue.delete(waiting);
        waiting.grant(this.#take(waiting.bytes));
      }
    }
  }
}
