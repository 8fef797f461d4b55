import type { RunningProcess } from './processes.ts';

const restartsAllowed = 3;
const restartWindowMs = 60_000;

interface Kept {
  process: RunningProcess;
  /** Members of the same group are stopped at the same time. */
  group: string;
}

/**
 * Keeps processes running: one that ends by itself is started again, unless it does so again and again. Stops them in
 * the reverse order of their start.
 */
export class Supervisor {
  readonly #kept: Kept[] = [];
  /** In the order in which they were first asked for, whatever was ready first. */
  readonly #groups = new Set<string>();
  readonly #launching = new Set<Promise<unknown>>();
  readonly #say: (line: string) => void;
  readonly #failed = Promise.withResolvers<never>();
  #stopping = false;

  constructor(say: (line: string) => void) {
    this.#say = say;
    // Whoever waits for a failure sees it; nobody has to.
    this.#failed.promise.catch(() => {});
  }

  /** Rejects when a process cannot be kept running. */
  get failed(): Promise<never> {
    return this.#failed.promise;
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
    if (this.#stopping) throw new Error('Nothing is started any more: everything is being stopped.');
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
      if (this.#stopping) return;
      const { name } = kept.process;
      const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
      endings.push(Date.now());
      if (endings.filter((at) => at > Date.now() - restartWindowMs).length > restartsAllowed) {
        this.#failed.reject(new Error(`${name} ${how} again and again:\n${await kept.process.tail()}`));
        return;
      }
      this.#say(`${name} ${how}; starting it again.`);
      try {
        kept.process = (await this.#launch(launch)).process;
      } catch (error) {
        if (!this.#stopping) this.#failed.reject(error);
        return;
      }
    }
  }

  /** Orderly stop of everything, last started first. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true;
    // What is starting at this moment joins the list first.
    await Promise.allSettled(this.#launching);
    for (const group of [...this.#groups].reverse()) {
      await Promise.all(this.#kept.filter((kept) => kept.group === group).map(({ process }) => process.stop()));
    }
  }

  /** SIGKILL to everything at once. */
  async kill(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#kept.map(({ process }) => process.kill()));
  }
}
