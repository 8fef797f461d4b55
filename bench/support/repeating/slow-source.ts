import { setTimeout as sleep } from 'node:timers/promises';
import { RepeatingBlob, repetition } from './blobs.ts';

/** Above the least pace at which the engine waits for an object, 1 KiB a second, and within all time-outs. */
const sipBytes = 12 * 1024;
const sipMs = 8_000;
/** Ranges up to this size come at once. */
const quickBytes = 1024 * 1024;
/** Streams that come to their end at the same time, once they may. */
const mostAtOnce = 32;

/** A slow cloud: larger ranges of its objects trickle for as long as it holds them, and then come to their end in turn. */
export class SlowSource {
  readonly #released = Promise.withResolvers<void>();
  readonly #streams = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Names of the objects of which a range is on its way, with some of it sent and some not. */
  get streaming(): string[] {
    return [...this.#streams.keys()];
  }

  release(): void {
    this.#released.resolve();
  }

  /** Body of the object of that name. */
  blob(name: string, size: number): RepeatingBlob {
    const blob = new RepeatingBlob(size);
    blob.read = (start, end) => (end - start <= quickBytes ? repetition(start, end) : this.#trickle(name, start, end));
    return blob;
  }

  async *#trickle(name: string, start: number, end: number): AsyncGenerator<Buffer> {
    this.#streams.set(name, (this.#streams.get(name) ?? 0) + 1);
    let isRunning = false;
    let isOver = false;
    const turn = this.#released.promise
      .then(() => this.#turn())
      .then(() => {
        isRunning = true;
        if (isOver) this.#leave();
      });
    try {
      let at = start;
      while (!isRunning && at < end - sipBytes) {
        yield* repetition(at, at + sipBytes);
        at += sipBytes;
        await Promise.race([turn, sleep(sipMs, undefined, { ref: false })]);
      }
      yield* repetition(at, end);
    } finally {
      isOver = true;
      if (isRunning) this.#leave();
      const others = (this.#streams.get(name) ?? 1) - 1;
      if (others === 0) this.#streams.delete(name);
      else this.#streams.set(name, others);
    }
  }

  /** Resolves when one more may run. */
  async #turn(): Promise<void> {
    if (this.#running < mostAtOnce) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }
}
