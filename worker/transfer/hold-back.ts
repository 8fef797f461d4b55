import { Readable } from 'node:stream';

/**
 * Passes a stream on but for its last chunk, which follows only once `check` did not throw: a body whose hash turns
 * out wrong at its end never becomes a complete request.
 */
export class HoldBack extends Readable {
  readonly #inner: Readable;
  #held: Uint8Array | undefined;

  constructor(inner: Readable, check: () => void) {
    // Only what it comes from reads ahead.
    super({ highWaterMark: 1 });
    this.#inner = inner;
    // Whoever reads hears of errors through the stream; nobody may be reading yet when one arrives.
    this.on('error', () => {});
    inner.pause();
    inner.on('data', (chunk: Uint8Array) => {
      const ready = this.#held;
      this.#held = chunk;
      if (ready !== undefined && !this.push(ready)) inner.pause();
    });
    inner.on('end', () => {
      try {
        check();
      } catch (error) {
        this.destroy(error as Error);
        return;
      }
      if (this.#held !== undefined) this.push(this.#held);
      this.push(null);
    });
    inner.on('error', (error) => this.destroy(error));
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#inner.destroy();
    callback(error);
  }
}
