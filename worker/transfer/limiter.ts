/**
 * Lets tasks run at the same time, in the order in which they came: at most `first` in the beginning, and one more with
 * each that ends while `mayGrow` says so, up to `most`.
 */
export class Limiter {
  readonly #most: number;
  readonly #mayGrow: () => boolean;
  #size: number;
  #running = 0;
  readonly #queue: (() => void)[] = [];

  constructor(first: number, most = first, mayGrow = () => true) {
    this.#size = first;
    this.#most = most;
    this.#mayGrow = mayGrow;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#size) this.#running += 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      return await task();
    } finally {
      this.#running -= 1;
      if (this.#queue.length > 0 && this.#size < this.#most && this.#mayGrow()) this.#size += 1;
      while (this.#running < this.#size && this.#queue.length > 0) {
        this.#running += 1;
        this.#queue.shift()?.();
      }
    }
  }
}
