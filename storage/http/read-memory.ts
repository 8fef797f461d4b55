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

/** For connections whose reads are gathered, because they come in records, as long as they bring little at a time. */
const small: Size = { bytes: 16 * 1024, spare: [], mostSpare: 256 };
/** Where the others' little is kept, one piece behind the other. */
const shared: Size = { bytes: 64 * 1024, spare: [], mostSpare: 64 };
/** For those that bring more at a time than a small one takes: the fewer reads, the less a byte costs. */
const large: Size = { bytes: 128 * 1024, spare: [], mostSpare: 128 };
/** Connections that may read into large ones at the same time: 16 MiB. */
const mostLarge = 128;
/**
 * What connections that trickle, answer shortly or rest read into, all of them: there may be many thousands. A read is handed
 * out before the next one begins, so what came can be copied from here.
 */
const landing = Buffer.allocUnsafeSlow(small.bytes);
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

let keeping = take(shared);
let keptBytes = 0;

/** A copy of what has landed. */
function keep(landed: Buffer): Buffer {
  if (keeping.lentBytes === 0) keptBytes = 0;
  if (keptBytes + landed.length > shared.bytes) {
    leave(keeping);
    keeping = take(shared);
    keptBytes = 0;
  }
  const piece = keeping.memory.subarray(keptBytes, keptBytes + landed.length);
  piece.set(landed);
  keptBytes += landed.length;
  return piece;
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

/**
 * Where one connection reads next: a large stretch of its own as long as it brings much, behind what it lent, or from the
 * start again when that was given back; else where all read.
 */
export class ReadMemory {
  readonly #isGathering: boolean;
  #stretch: Stretch | undefined;
  /** Where what was read and not taken begins and ends. */
  #from = 0;
  #offset = 0;
  /** Whether the last read took all that was offered, so that more was waiting. */
  #isFull = false;
  #isClosed = false;

  /** @param isGathering Whether what was read may wait for what comes behind it before it is taken. */
  constructor(isGathering: boolean) {
    this.#isGathering = isGathering;
  }

  /** Bytes that were read and not taken. */
  get waiting(): number {
    return this.#offset - this.#from;
  }

  /** Bytes that have room behind them. */
  get room(): number {
    return (this.#stretch?.size ?? small).bytes - this.#offset;
  }

  /** Where the next read goes: behind what was read already, if that was not taken. */
  next(): Buffer {
    // A socket asks once more after the read in which it was closed, and TLS fills that with all it has decrypted still.
    if (this.#isClosed) return landing;
    const stretch = this.#stretch;
    if (stretch && this.#from < this.#offset) return stretch.memory.subarray(this.#offset);
    if (stretch?.lentBytes === 0) this.#rewind();
    const wanted = this.#wanted();
    if (wanted !== stretch?.size || (stretch && this.room < stretch.size.bytes * leastShare)) {
      if (stretch) leave(stretch);
      this.#stretch = wanted && take(wanted);
      this.#rewind();
    }
    return this.#stretch?.memory.subarray(this.#offset) ?? landing;
  }

  /** So many bytes of what `next` gave were read. */
  filled(length: number): void {
    this.#offset += length;
  }

  /** What was read since the last call. It may change with the next call of `next` of any connection unless it is lent. */
  taken(): Buffer {
    const stretch = this.#stretch;
    const piece = stretch?.memory.subarray(this.#from, this.#offset) ?? keep(landing.subarray(0, this.#offset));
    // A large one is kept for as long as reads need more than a small one.
    this.#isFull = stretch?.size === large ? piece.length > small.bytes : this.#offset === small.bytes;
    if (stretch) this.#from = this.#offset;
    else this.#rewind();
    return piece;
  }

  /** The connection is gone. What it read into last is nobody else's: the system may still have it in hand. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#stretch?.size === large) largeInUse -= 1;
  }

  #rewind(): void {
    this.#from = 0;
    this.#offset = 0;
  }

  /** undefined: where all read. */
  #wanted(): Size | undefined {
    if (this.#isFull && (this.#stretch?.size === large || largeInUse < mostLarge)) return large;
    return this.#isGathering ? small : undefined;
  }
}
