import type { SharedBandwidth } from './shared-bandwidth.ts';

/** Large limits are drawn in pieces of so many milliseconds: few requests to Redis, and an even flow. */
const pieceMs = 50;
/** One body more is begun only where each gets so many bytes a second: those that trickle fall to the clouds' time-outs. */
const leastOfBody = 256 * 1024;
/** Whoever waits looks so often whether he still has to. */
const longestRestMs = 1_000;

interface Waiter {
  bytes: number;
  resolve(): void;
}

/**
 * Lets a transfer's bytes through this process no faster than its bandwidth limit, which all workers share. Bytes pass in
 * the order in which they came. Without a limit everything passes, and nobody is asked.
 */
export class Pace {
  readonly #transferId: string;
  readonly #shared: SharedBandwidth;
  #limit: number | null = null;
  /** Drawn, and not yet passed. */
  #drawn = 0;
  readonly #waiting = new Set<Waiter>();
  #isDrawing = false;
  #wake: () => void = () => {};
  #bodies = 0;
  #bytes = 0;
  readonly #outside = new Set<Waiter>();
  /** What this process draws by while Redis is away: its share, as far as it was known. */
  readonly #alone = { processes: 1, freeAt: 0 };

  constructor(transferId: string, shared: SharedBandwidth) {
    this.#transferId = transferId;
    this.#shared = shared;
  }

  /** Bytes that have come so far. */
  get bytes(): number {
    return this.#bytes;
  }

  get isLimited(): boolean {
    return this.#limit !== null;
  }

  /** From now on so many bytes pass in a second; null: any number. */
  change(limit: number | null): void {
    if (limit === this.#limit) return;
    this.#limit = limit;
    this.#drawn = 0;
    this.#wake();
    void this.#serve();
    this.#letIn();
  }

  /** Resolves once one more body may be under way, until its `leave` is called. Rejects with the signal's reason on abort. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#outside.size > 0 || !this.#hasRoom()) await wait(this.#outside, 0, signal);
    else this.#bodies += 1;
  }

  leave(): void {
    this.#bodies -= 1;
    this.#letIn();
  }

  /** undefined: so many bytes may pass at once. Else resolves when they may; rejects with the signal's reason on abort. */
  admit(bytes: number, signal: AbortSignal): Promise<void> | undefined {
    this.#bytes += bytes;
    if (this.#limit === null) return undefined;
    if (this.#waiting.size === 0 && this.#drawn >= bytes) {
      this.#drawn -= bytes;
      return undefined;
    }
    const admitted = wait(this.#waiting, bytes, signal);
    void this.#serve();
    return admitted;
  }

  #hasRoom(): boolean {
    return this.#limit === null || this.#bodies < Math.max(1, Math.floor(this.#limit / leastOfBody));
  }

  #letIn(): void {
    for (const waiter of this.#outside) {
      if (!this.#hasRoom()) return;
      this.#bodies += 1;
      this.#outside.delete(waiter);
      waiter.resolve();
    }
  }

  /** Draws for all who wait, until nobody does. One at a time. */
  async #serve(): Promise<void> {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    for (let first = next(this.#waiting); first !== undefined; first = next(this.#waiting)) {
      const limit = this.#limit;
      if (limit === null) {
        this.#pass(first);
        continue;
      }
      const wanted = Math.max(first.bytes - this.#drawn, Math.ceil((limit * pieceMs) / 1_000));
      const { granted, waitMs } = await this.#draw(limit, wanted);
      // What was drawn under another limit counts for nothing, and is made up for by the shared bucket.
      if (this.#limit !== limit) continue;
      this.#drawn += granted;
      for (const waiter of this.#waiting) {
        if (this.#drawn < waiter.bytes) break;
        this.#drawn -= waiter.bytes;
        this.#pass(waiter);
      }
      if (waitMs > 0 && this.#waiting.size > 0) await this.#rest(Math.min(waitMs, longestRestMs));
    }
    this.#isDrawing = false;
  }

  #pass(waiter: Waiter): void {
    this.#waiting.delete(waiter);
    waiter.resolve();
  }

  async #draw(limit: number, wanted: number): Promise<{ granted: number; waitMs: number }> {
    try {
      const draw = await this.#shared.draw(this.#transferId, limit, wanted);
      this.#alone.processes = draw.processes;
      return draw;
    } catch {
      const now = performance.now();
      const { freeAt, processes } = this.#alone;
      if (freeAt > now) return { granted: 0, waitMs: freeAt - now };
      this.#alone.freeAt = now + (wanted / limit) * processes * 1_000;
      return { granted: wanted, waitMs: this.#alone.freeAt - now };
    }
  }

  /** Until the limit changes at the most. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function next(waiting: ReadonlySet<Waiter>): Waiter | undefined {
  const [first] = waiting;
  return first;
}

/** Resolves when the waiter is served. On abort it leaves, and rejects with the signal's reason. */
function wait(queue: Set<Waiter>, bytes: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => {
    if (queue.delete(waiter)) reject(signal.reason);
  };
  const waiter: Waiter = {
    bytes,
    resolve() {
      signal.removeEventListener('abort', onAbort);
      resolve();
    },
  };
  queue.add(waiter);
  signal.addEventListener('abort', onAbort, { once: true });
  return promise;
}
