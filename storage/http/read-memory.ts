/*
 * Memory that connections read into. What flows through is given back when it has been written on, and is read into
 * again: at a gigabyte a second, collecting garbage would else cost more than moving the bytes. What is never given
 * back, because somebody keeps it, is garbage as usual and never read into again.
 */

/** How large a stretch of memory is. */
interface Size {
  readonly bytes: number;
  /** Stretches that wait for a connection. */
  readonly spare: Stretch[];
  readonly mostSpare: number;
}

interface Stretch {
  readonly size: Size;
  readonly memory: Buffer;
  /** Bytes that were handed out and not given back. */
  lentBytes: number;
  /** Whether a connection reads into it. */
  inUse: boolean;
}

/** For connections that trickle, answer shortly or rest, of which there may be many thousands. */
const small: Size = { bytes: 16 * 1024, spare: [], mostSpare: 256 };
/** For those that bring more at a time than a small one takes: the fewer reads, the less a byte costs. */
const large: Size = { bytes: 128 * 1024, spare: [], mostSpare: 128 };
/** Connections that may read into large ones at the same time: 16 MiB. */
const mostLarge = 128;
/** Nobody reads what comes here. */
const nowhere = Buffer.allocUnsafeSlow(small.bytes);
/** A read is offered at least so much of a stretch. */
const leastShare = 1 / 8;

const stretches = new WeakMap<ArrayBufferLike, Stretch>();
let largeInUse = 0;

function take(size: Size): Stretch {
  if (size === large) largeInUse += 1;
  let stretch = size.spare.pop();
  if (!stretch) {
    stretch = { size, memory: Buffer.allocUnsafeSlow(size.bytes), lentBytes: 0, inUse: true };
    stretches.set(stretch.memory.buffer, stretch);
  }
  stretch.inUse = true;
  return stretch;
}

function leave(stretch: Stretch): void {
  if (stretch.size === large) largeInUse -= 1;
  stretch.inUse = false;
  keepIfIdle(stretch);
}

function keepIfIdle(stretch: Stretch): void {
  const { spare, mostSpare } = stretch.size;
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
  #stretch = take(small);
  /** Where what was read and not taken begins and ends. */
  #from = 0;
  #offset = 0;
  /** Whether the last read took all that was offered, so that more was waiting. */
  #isFull = false;
  #isClosed = false;

  /** Bytes that were read and not taken. */
  get waiting(): number {
    return this.#offset - this.#from;
  }

  /** Bytes that have room behind them. */
  get room(): number {
    return this.#stretch.size.bytes - this.#offset;
  }

  /** Where the next read goes: behind what was read already, if that was not taken. */
  next(): Buffer {
    const { size, lentBytes, memory } = this.#stretch;
    // A socket asks once more after the read in which it was closed, and TLS fills that with all it has decrypted still.
    if (this.#isClosed) return nowhere;
    if (this.#from < this.#offset) return memory.subarray(this.#offset);
    if (lentBytes === 0) this.#rewind();
    const wanted = this.#wanted(size);
    if (wanted !== size || size.bytes - this.#offset < size.bytes * leastShare) {
      leave(this.#stretch);
      this.#stretch = take(wanted);
      this.#rewind();
      return this.#stretch.memory;
    }
    return memory.subarray(this.#offset);
  }

  /** So many bytes of what `next` gave were read. */
  filled(length: number): void {
    this.#offset += length;
  }

  /** What was read since the last call. It may change with the next call of `next` unless it is lent. */
  taken(): Buffer {
    const { memory, size } = this.#stretch;
    const piece = memory.subarray(this.#from, this.#offset);
    this.#from = this.#offset;
    // A large one is kept for as long as reads need more than a small one.
    this.#isFull = size === large ? piece.length > small.bytes : this.#offset === size.bytes;
    return piece;
  }

  /** The connection is gone. What it read into last is nobody else's: the system may still have it in hand. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#stretch.size === large) largeInUse -= 1;
  }

  #rewind(): void {
    this.#from = 0;
    this.#offset = 0;
  }

  #wanted(size: Size): Size {
    return this.#isFull && (size === large || largeInUse < mostLarge) ? large : small;
  }
}
