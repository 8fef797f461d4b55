import { setMaxListeners } from 'node:events';
import type { TransferState } from '../../core/db.ts';
import { type AppError, toAppError } from '../../core/errors.ts';
import { type Item, stoppedError } from './item.ts';
import type { Pace } from './pace.ts';
import type { Refusals } from './refusals.ts';

/** What a run needs of the ledger that it is an entry of. */
interface LedgerEntry {
  touch(item: Item): void;
  acknowledged(bytes: number): void;
  flush(isUrgent: boolean): Promise<void>;
  readonly findings: Findings;
  readonly pace: Pace;
}

/** What the process has learnt about a transfer while it moves it. */
export interface Findings {
  /** Whether objects were last found at the destination. null: nobody has looked. */
  occupied: boolean | null;
  readonly refusals: Refusals;
}

/** One batch in this process's hands, from its taking under a fencing token to its release. */
export class BatchRun {
  readonly number: number;
  /** The fencing token. */
  readonly attempt: number;
  /** What the next write does about the batch. */
  release: 'DONE' | 'READY' | null = null;
  /** How long the batch rests when it is let go READY. */
  restMs = 0;
  renewedAt = performance.now();
  /** Whether it is to wait for nothing that batches of others hold. */
  isExpress = false;
  /** Bodies that hold, or wait for, memory. */
  bodies = 0;
  /** Bytes of bodies under way that were handed to the destination's connections. */
  bytesInFlight = 0;
  /** By performance.now(). */
  #throttledUntil = 0;
  /** The state, other than RUNNING, in which the transfer was last seen. */
  haltedBy: TransferState | null = null;
  readonly #entry: LedgerEntry;
  readonly #stop = new AbortController();
  readonly #pause = new AbortController();

  constructor(number: number, attempt: number, entry: LedgerEntry) {
    this.number = number;
    this.attempt = attempt;
    this.#entry = entry;
    // Every request under way listens to it.
    setMaxListeners(0, this.signal, this.going);
  }

  /** Aborted when work has to stop at once: halted, shutting down (CANCELLED), or the lease is lost (LEASE_LOST). */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted when nothing new may begin: no object, no part, no further try. Aborted with `signal` at the latest. */
  get going(): AbortSignal {
    return this.#pause.signal;
  }

  /** Whether the batch is in other hands. */
  get isLost(): boolean {
    return this.signal.aborted && toAppError(this.signal.reason).code === 'LEASE_LOST';
  }

  /** Nothing new begins; what is under way may end. */
  drain(): void {
    this.#pause.abort(stoppedError('The worker is shutting down.'));
  }

  stop(reason: AppError): void {
    this.#pause.abort(reason);
    this.#stop.abort(reason);
  }

  /** The transfer was paused or cancelled. */
  halt(state: TransferState): void {
    this.haltedBy = state;
    this.stop(stoppedError('The transfer was stopped.'));
  }

  /** The item as it is now will be written within 200 ms. */
  touch(item: Item): void {
    this.#entry.touch(item);
  }

  /** The destination has acknowledged so many more bytes of the item. Throws when the item has to be given up. */
  acknowledge(item: Item, bytes: number): void {
    if (item.refused) throw item.refused;
    item.acknowledgedBytes += bytes;
    this.#entry.acknowledged(bytes);
    this.touch(item);
  }

  /** A cloud asks for patience for so long: shown with the transfer. */
  throttled(waitMs: number): void {
    this.#throttledUntil = performance.now() + waitMs;
  }

  /** Milliseconds for which a cloud still asks for patience. */
  get throttledMs(): number {
    return Math.max(0, this.#throttledUntil - performance.now());
  }

  /** Shared by the transfer's batches in this process. */
  get findings(): Findings {
    return this.#entry.findings;
  }

  /** Holds the transfer to its bandwidth limit. */
  get pace(): Pace {
    return this.#entry.pace;
  }

  /** Bytes of an object have come: they pass at once (undefined), or once what is returned resolves. */
  readonly admit = (bytes: number): Promise<void> | undefined => this.pace.admit(bytes, this.signal);

  /** Writes at once; resolves once everything touched before is committed, or refused and `signal` aborted. */
  flush(): Promise<void> {
    return this.#entry.flush(true);
  }

  /** Resolves once Postgres has said that the batch is in these hands. Rejects with the reason of `signal` on abort. */
  async confirm(): Promise<void> {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const onAbort = () => resolve();
    this.signal.addEventListener('abort', onAbort);
    try {
      if (!this.signal.aborted) await Promise.race([this.flush(), stopped]);
      this.signal.throwIfAborted();
    } finally {
      this.signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Lets go of the batch, together with whatever was touched: at once when it is the last of the transfer in this process,
   * else with what is written next. Without effect once the lease is lost.
   */
  async finish(release: 'DONE' | 'READY', restMs = 0): Promise<void> {
    this.release = release;
    this.restMs = restMs;
    await this.#entry.flush(false);
  }
}
