/**
 * Memory that connections read into. What flows through is given back when it has been written on, and is read into
 * again: at a gigabyte a second, collecting garbage would else cost more than moving the bytes. What is never given
 * back, because somebody keeps it, is garbage as usual and never read into again.
 */
const stretchBytes = 128 * 1024;
/** A read is offered so much at least. */
const leastReadBytes = 16 * 1024;
/** Stretches that wait for a connection: 8 MiB. */
const mostSpare = 64;

interface Stretch {
  readonly memory: Buffer;
  /** Bytes that were handed out and not given back. */
  lentBytes: number;
  /** Whether a connection reads into it. */
  inUse: boolean;
}

const stretches = new WeakMap<ArrayBufferLike, Stretch>();
const spare: Stretch[] = [];

function take(): Stretch {
  let stretch = spare.pop();
  if (!stretch) {
    stretch = { memory: Buffer.allocUnsafeSlow(stretchBytes), lentBytes: 0, inUse: true };
    stretches.set(stretch.memory.buffer, stretch);
  }
  stretch.inUse = true;
  return stretch;
}

function keepIfIdle(stretch: Stretch): void {
  if (stretch.lentBytes === 0 && !stretch.inUse && spare.length < mostSpare) spare.push(stretch);
}

/** Notes that a piece of what was read is handed on, and stays as it is until it is given back. */
export function lend(piece: Buffer): void {
  const stretch = stretches.get(piece.buffer);
  if (stretch) stretch.lentBytes += piece.length;
}

/**
 * The holder of a piece, and of every view of it, needs it no more. To be called once for each byte at the most, by
 * whoever has had the piece to itself; of memory from elsewhere it does nothing.
 */
export function giveBack(piece: Uint8Array): void {
  const stretch = stretches.get(piece.buffer);
  // A view of nothing must not offer a second time what waits for a connection already.
  if (!stretch || piece.byteLength === 0) return;
  stretch.lentBytes -= piece.byteLength;
  keepIfIdle(stretch);
}

/** Where one connection reads next: behind what it lent, or from the start again when that was given back. */
export class ReadMemory {
  #stretch = take();
  #offset = 0;

  next(): Buffer {
    if (this.#stretch.lentBytes === 0) {
      this.#offset = 0;
    } else if (stretchBytes - this.#offset < leastReadBytes) {
      this.#stretch.inUse = false;
      keepIfIdle(this.#stretch);
      this.#stretch = take();
      this.#offset = 0;
    }
    return this.#stretch.memory.subarray(this.#offset);
  }

  /** What was read: so many bytes of what `next` gave. It may change with the next call of `next` unless it is lent. */
  filled(length: number): Buffer {
    const piece = this.#stretch.memory.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return piece;
  }
}
