/** What a run has taken away and not given back. */
export class Outages {
  readonly #open = new Set<Promise<void>>();
  #begun = 0;

  /** How many there have been, those that last included. */
  get begun(): number {
    return this.#begun;
  }

  /** `outage` lasts from now until it settles. */
  during(outage: Promise<void>): Promise<void> {
    this.#begun += 1;
    const closed = outage.finally(() => this.#open.delete(closed));
    this.#open.add(closed);
    return closed;
  }

  /** Resolves when all that is away is back. */
  async over(): Promise<void> {
    await Promise.allSettled(this.#open);
  }
}
