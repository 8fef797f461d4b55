/** Tasks wait for slow clouds: where none has ended for so long, one more may run. */
const patienceMs = 500;

/**
 * Lets tasks run at the same time, in the order in which they came: at most `first` in the beginning, and one more with
 * each that ends, and with time, while `mayGrow` says so, up to `most`.
 */
export class Limiter {
  readonly #most: number;
  readonly #mayGrow: () => boolean;
  #size: number;
  #running = 0;
  readonly #queue: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(first: number, most = first, mayGrow = () => true) {
    this.#size = first;
    this.#most = most;
    this.#mayGrow = mayGrow;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#size) {
      this.#running += 1;
    } else {
      const turn = new Promise<void>((resolve) => this.#queue.push(resolve));
      this.#watch();
      await turn;
    }
    try {
      return await task();
    } finally {
      this.#running -= 1;
      this.#grow();
    }
  }

  /** Lets as many run as may, one more than before where there is room for more. */
  #grow(): void {
    if (this.#queue.length > 0 && this.#size < this.#most && this.#mayGrow()) this.#size += 1;
    while (this.#running < this.#size && this.#queue.length > 0) {
      this.#running += 1;
      this.#queue.shift()?.();
    }
    this.#timer?.refresh();
  }

  /** Looks after a while whether more may run; does not keep the process alive. */
  #watch(): void {
    if (this.#timer || this.#size >= this.#most) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#grow();
      if (this.#queue.length > 0) this.#watch();
    }, patienceMs).unref();
  }
}
