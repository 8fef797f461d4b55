import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningProcess } from './processes.ts';

const restartsAllowed = 3;
const restartWindowMs = 60_000;
/** After a start that failed. */
const restartPauseMs = 1_000;

const stopped = () => new Error('Nothing is started any more: everything is being stopped.');

interface Kept {
  process: RunningProcess;
  /** Members of the same group are stopped at the same time. */
  group: string;
}

/**
 * Keeps processes running: one that ends by itself is started again, and so is one that does not become ready then, unless
 * that happens again and again. Stops them in the reverse order of their start.
 */
export class Supervisor {
  readonly #kept: Kept[] = [];
  /** In the order in which they were first asked for, whatever was ready first. */
  readonly #groups = new Set<string>();
  readonly #launching = new Set<Promise<unknown>>();
  readonly #say: (line: string) => void;
  readonly #failed = Promise.withResolvers<never>();
  readonly #stopping = new AbortController();

  constructor(say: (line: string) => void) {
    this.#say = say;
    // Whoever waits for a failure sees it; nobody has to.
    this.#failed.promise.catch(() => {});
  }

  /** Rejects when a process cannot be kept running. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /**
   * Aborted as soon as everything is to stop, by the failure that made it so if there was one: whatever is still being
   * started or fetched ends early.
   */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** As Promise.all; but the first failure ends the rest early, and is reported once all of that has ended. */
  async all<Work extends readonly unknown[]>(work: Work): Promise<{ -readonly [K in keyof Work]: Awaited<Work[K]> }> {
    try {
      return await Promise.all(work);
    } catch (error) {
      this.#stopping.abort(error);
      await Promise.allSettled(work);
      throw this.signal.reason;
    }
  }

  /** Starts a process that `launch` brings up until it is ready, and keeps it running. `launch` may be called again. */
  async keep<Launched extends { process: RunningProcess }>(
    group: string,
    launch: () => Promise<Launched>,
  ): Promise<Launched> {
    this.#groups.add(group);
    const launched = await this.#launch(launch);
    const kept = { process: launched.process, group };
    this.#kept.push(kept);
    void this.#watch(kept, launch);
    return launched;
  }

  async #launch<Launched>(launch: () => Promise<Launched>): Promise<Launched> {
    this.signal.throwIfAborted();
    const launching = launch();
    this.#launching.add(launching);
    try {
      return await launching;
    } finally {
      this.#launching.delete(launching);
    }
  }

  async #watch(kept: Kept, launch: () => Promise<{ process: RunningProcess }>): Promise<void> {
    const endings: number[] = [];
    while (true) {
      const { code, signal } = await kept.process.ended;
      if (this.signal.aborted) return;
      const { name } = kept.process;
      const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
      let why = `${name} ${how}`;
      let detail = () => kept.process.tail();
      for (;;) {
        endings.push(Date.now());
        if (endings.filter((at) => at > Date.now() - restartWindowMs).length > restartsAllowed) {
          this.#failed.reject(new Error(`${why} again and again, so everything is stopped:\n${await detail()}`));
          return;
        }
        this.#say(`${why}; starting it again.`);
        try {
          kept.process = (await this.#launch(launch)).process;
          break;
        } catch (error) {
          if (this.signal.aborted) return;
          const [first = '', ...rest] = (error as Error).message.split('\n');
          why = first.replace(/:$/, '');
          detail = async () => rest.join('\n');
          await sleep(restartPauseMs, undefined, { signal: this.signal }).catch(() => {});
        }
      }
    }
  }

  /** Orderly stop of everything, last started first. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort(stopped());
    // What is starting at this moment joins the list first.
    await Promise.allSettled(this.#launching);
    for (const group of [...this.#groups].reverse()) {
      await Promise.all(this.#kept.filter((kept) => kept.group === group).map(({ process }) => process.stop()));
    }
  }

  /** SIGKILL to everything at once. */
  async kill(): Promise<void> {
    this.#stopping.abort(stopped());
    await Promise.all(this.#kept.map(({ process }) => process.kill()));
  }
}
