/**
 * A queue of one place per key for a single reader: a newer value replaces one that was not read yet, so a slow reader
 * costs memory by the number of keys and not by the number of values. Keys are read in the order in which they came.
 */
export class LatestQueue<Value> {
  readonly #pending = new Map<string, Value>();
  readonly #maxKeys: number;
  #wake: (() => void) | undefined;
  #ended = false;

  /** `maxKeys`: beyond it `put` refuses. */
  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /** False when the value found no place. */
  put(key: string, value: Value): boolean {
    if (this.#ended) return true;
    if (!this.#pending.has(key) && this.#pending.size >= this.#maxKeys) return false;
    this.#pending.set(key, value);
    this.#wake?.();
    return true;
  }

  /** The value that waits for this key. */
  peek(key: string): Value | undefined {
    return this.#pending.get(key);
  }

  /** The next value, waiting for one; undefined once the queue has ended. */
  async take(): Promise<Value | undefined> {
    while (!this.#ended) {
      const [first] = this.#pending;
      if (first !== undefined) {
        this.#pending.delete(first[0]);
        return first[1];
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return undefined;
  }

  /** Ends it at once; what was not read is dropped. */
  end(): void {
    this.#ended = true;
    this.#pending.clear();
    this.#wake?.();
  }
}
