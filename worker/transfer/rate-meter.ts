const windowMs = 5_000;
const slotMs = 250;

/** Bytes per second over the last five seconds. */
export class RateMeter {
  readonly #slots: { at: number; bytes: number }[] = [];

  add(bytes: number): void {
    const at = Math.floor(performance.now() / slotMs) * slotMs;
    const last = this.#slots.at(-1);
    if (last?.at === at) last.bytes += bytes;
    else this.#slots.push({ at, bytes });
    this.#trim();
  }

  get bytesPerSecond(): number {
    this.#trim();
    return (this.#slots.reduce((sum, { bytes }) => sum + bytes, 0) * 1_000) / windowMs;
  }

  #trim(): void {
    const oldest = performance.now() - windowMs;
    while (this.#slots[0] && this.#slots[0].at < oldest) this.#slots.shift();
  }
}
