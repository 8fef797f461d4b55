/** What was begun last has had its effect after so long. */
const leastMs = 1_000;
/** With less of a gain, what was added has brought nothing. */
const leastGain = 1.05;

/** Tells whether a rate has risen since more was begun: on a way that is full, more at once only shares it. */
export class Rise {
  #total: number;
  #at: number;
  /** Highest rate so far, per millisecond. */
  #best = 0;

  /** `total`: what the rate is of, counted from any beginning. `now`: milliseconds of a clock that no step moves. */
  constructor(total: number, now: number) {
    this.#total = total;
    this.#at = now;
  }

  /** Whether the rate since the last answer is above all before it. false as long as it is too early to tell. */
  isSeen(total: number, now: number): boolean {
    const elapsedMs = now - this.#at;
    if (elapsedMs < leastMs) return false;
    const rate = (total - this.#total) / elapsedMs;
    this.#total = total;
    this.#at = now;
    const isRisen = rate > this.#best * leastGain;
    this.#best = Math.max(this.#best, rate);
    return isRisen;
  }
}
