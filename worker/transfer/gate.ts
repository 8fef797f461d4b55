import { setTimeout as delay } from 'node:timers/promises';
import { AppError, toAppError } from '../../core/errors.ts';
import type { Refusal } from '../../queue/events.ts';
import type { OpenAccount } from './accounts.ts';
import type { Grant, SharedLimit } from './shared-limit.ts';

/** For as long nobody asks a cloud that asked for patience without saying how much. */
const defaultMs = 1_000;
/** Without Redis the limit is not known; one looks again so soon. */
const redisRetryMs = 1_000;
/** Over how long the rate of a process's requests is measured. */
const meterMs = 2_000;
/** Whoever waits looks so often whether he still has to. */
const longestRestMs = 1_000;
/** An endpoint that nobody has reached for so long counts as gone: outages of a minute or two pass. */
export const outageMs = 3 * 60_000;
/** Without a try for so long, nothing is known of an outage. */
const outageGapMs = 60_000;

export interface GateOptions {
  /** What the cloud limits: storage/cloud-limit.ts. */
  limitKey: string;
  limit: SharedLimit;
  /** Tells other workers, and whoever shows the accounts. Never throws. */
  tell(refusal: Refusal): void;
}

interface Waiter {
  resolve(): void;
  signal: AbortSignal;
  onClosed: ((waitMs: number) => void) | undefined;
}

/**
 * Lets requests to one account through, as fast as its cloud takes them. Without a refusal in the last minute it costs
 * nothing; afterwards leave for each request is asked of the limit that all workers share.
 */
export class Gate {
  readonly #options: GateOptions;
  /** When it opens, by performance.now(), which no step of the machine's clock moves. */
  #until = 0;
  /** Since when, and when last, the endpoint was unreachable, its cloud in trouble or our clock wrong; null: it answered. */
  #outage: { since: number; lastAt: number } | null = null;
  /** Whether there was a limit when Redis was last asked; a new gate does not know. */
  #limited = true;
  #epoch = 0;
  #waiters: Waiter[] = [];
  #asking = false;
  #reporting = false;
  #meter = { since: performance.now(), count: 0, perSecond: 0 };

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Milliseconds for which nothing passes. */
  get closedMs(): number {
    return Math.max(0, this.#until - performance.now());
  }

  /**
   * Makes a request of the account; when the cloud asks for patience, nobody passes for a while, in any process. An endpoint
   * that this process has not reached for `outageMs`, or that had a problem of its own all the while, is not worth another
   * try: its error says so.
   */
  async watch<T>(request: Promise<T>): Promise<T> {
    try {
      const answer = await request;
      this.#outage = null;
      return answer;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (isOutageOf(error)) throw this.#unreached(error);
      if (error.code === 'THROTTLED' || error.code === 'RATE_LIMITED') {
        this.#outage = null;
        this.#refused(error.retryAfterMs ?? defaultMs);
      }
      throw error;
    }
  }

  /**
   * Resolves once one more request may be made. Rejects with the signal's reason on abort.
   *
   * @param onClosed Told how many milliseconds it waits at least, where a cloud has asked for patience.
   */
  async pass(signal: AbortSignal, onClosed?: (waitMs: number) => void): Promise<void> {
    signal.throwIfAborted();
    this.#count();
    if (!this.#limited) return;
    const { closedMs } = this;
    if (closedMs > 0) onClosed?.(closedMs);
    // Whoever was told may not want to wait.
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { resolve, signal, onClosed };
    const onAbort = () => resolve();
    this.#waiters.push(waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    void this.#serve();
    await promise;
    signal.removeEventListener('abort', onAbort);
    if (!signal.aborted) return;
    this.#waiters = this.#waiters.filter((one) => one !== waiter);
    throw signal.reason;
  }

  /** Another process was refused. */
  heard({ waitMs, epoch }: Refusal): void {
    this.#close(waitMs);
    this.#join(epoch);
  }

  #unreached(error: AppError): AppError {
    const now = performance.now();
    const isLasting = this.#outage !== null && now - this.#outage.lastAt < outageGapMs;
    this.#outage = { since: isLasting && this.#outage ? this.#outage.since : now, lastAt: now };
    if (now - this.#outage.since < outageMs) return error;
    const message = `${error.message} It was tried for ${outageMs / 60_000} minutes.`;
    return new AppError(error.code, message, { cause: error, retry: 'never' });
  }

  #refused(retryAfterMs: number): void {
    const isNews = retryAfterMs > this.closedMs;
    this.#close(retryAfterMs);
    // Refusals of requests that were under way together are one.
    if (!this.#reporting && isNews) void this.#report(retryAfterMs);
  }

  async #report(retryAfterMs: number): Promise<void> {
    const { limitKey, limit, tell } = this.#options;
    this.#reporting = true;
    try {
      const { waitMs, epoch, isFirst } = await limit.refused(limitKey, retryAfterMs, this.#perSecond());
      this.#close(waitMs);
      if (isFirst) this.#epoch = epoch;
      else this.#join(epoch);
      tell({ limitKey, waitMs, epoch });
    } catch {
      // Without Redis each process waits for itself.
      tell({ limitKey, waitMs: retryAfterMs, epoch: this.#epoch });
    } finally {
      this.#reporting = false;
    }
  }

  #join(epoch: number): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    const { limitKey, limit } = this.#options;
    limit.join(limitKey, epoch, this.#perSecond()).catch(() => {});
  }

  #close(ms: number): void {
    this.#until = Math.max(this.#until, performance.now() + ms);
    this.#limited = true;
  }

  /** Asks for leave for all who wait, until nobody does. One at a time. */
  async #serve(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    while (this.#waiters.length > 0) {
      const { closedMs } = this;
      if (closedMs > 0) {
        await this.#rest(closedMs);
        continue;
      }
      const { granted, waitMs, limited, closed } = await this.#ask();
      if (closed) {
        // A refusal from before this gate was made, which it has not heard of.
        this.#close(waitMs);
        for (const { onClosed } of this.#waiters) onClosed?.(waitMs);
      }
      this.#limited = limited || this.closedMs > 0;
      for (const { resolve } of this.#waiters.splice(0, granted)) resolve();
      if (waitMs > 0) await this.#rest(waitMs);
    }
    this.#asking = false;
  }

  async #ask(): Promise<Grant> {
    const wanted = this.#waiters.length;
    try {
      return await this.#options.limit.take(this.#options.limitKey, wanted);
    } catch {
      return { granted: wanted, waitMs: redisRetryMs, limited: true, closed: false };
    }
  }

  /** Waits, or until all who wait have gone. */
  async #rest(ms: number): Promise<void> {
    await delay(Math.min(ms, longestRestMs));
    this.#waiters = this.#waiters.filter(({ signal }) => !signal.aborted);
  }

  #count(): void {
    const meter = this.#meter;
    const elapsedMs = performance.now() - meter.since;
    if (elapsedMs >= meterMs) this.#meter = { since: performance.now(), count: 0, perSecond: this.#perSecond() };
    this.#meter.count += 1;
  }

  /** Requests a second, over the last few seconds. */
  #perSecond(): number {
    const { since, count, perSecond } = this.#meter;
    const seconds = Math.max(performance.now() - since, 100) / 1_000;
    return Math.max(count / seconds, perSecond);
  }
}

/** What a cloud that is away fails with, and what one says to whoever's clock is wrong: then it answers nobody here. */
function isOutageOf({ code }: AppError): boolean {
  return code === 'ENDPOINT_UNREACHABLE' || code === 'PROVIDER_UNAVAILABLE' || code === 'CLOCK_SKEWED';
}

/**
 * Whether a cloud that failed a request with a problem of its own has it with everybody: then it is waited for, while a
 * single object that it always fails with is given up soon. false after an abort: nobody knows.
 */
export async function isAway(account: OpenAccount, container: string, signal: AbortSignal): Promise<boolean> {
  const problem = await containerProblem(account, container, signal);
  return problem !== null && isOutageOf(problem) && problem.retry !== 'never';
}

/** What a container's listing fails with, of which it asks for one page; null: nothing. */
export async function containerProblem(
  { gate, provider }: OpenAccount,
  container: string,
  signal: AbortSignal,
): Promise<AppError | null> {
  try {
    await gate.pass(signal);
    await gate.watch(provider.list({ container, prefix: '', delimiter: '/', limit: 1 }, signal));
    return null;
  } catch (cause) {
    return toAppError(cause);
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
