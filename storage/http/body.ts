import { Readable } from 'node:stream';
import { AppError } from '../../core/errors.ts';
import { giveBack } from './read-memory.ts';

/** The connection that a body comes from. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** Closes the connection: nobody wants the rest. */
  abandon(error: Error): void;
}

/**
 * What the reader may be behind with before the connection is held back, beside the piece that arrived last: more than
 * one piece, or each would be held back until the reader's turn comes. Of many bodies each gets less of what all
 * together may hold.
 */
const [leastAheadBytes, mostAheadBytes, allAheadBytes] = [16 * 1024, 160 * 1024, 16 * 1024 * 1024];
let openBodies = 0;

/** Documents are short: what trickles for so long holds up whoever waits for it, on purpose or not. */
const textTimeoutMs = 120_000;

/** Body of an answer, straight from the socket. Destroying it before its end closes the connection. */
export class HttpBody extends Readable {
  readonly #from: BodySource;
  readonly #onClose: () => void;
  #expectedBytes: number | undefined;
  #seenBytes = 0;
  #finished = false;

  constructor(from: BodySource, onClose: () => void) {
    openBodies += 1;
    const share = Math.floor(allAheadBytes / openBodies);
    super({ highWaterMark: Math.max(leastAheadBytes, Math.min(mostAheadBytes, share)) });
    this.#from = from;
    this.#onClose = onClose;
    // Whoever reads hears of errors through the stream; nobody may be reading yet when one arrives.
    this.on('error', () => {});
  }

  /**
   * Makes the stream fail with PROVIDER_UNAVAILABLE unless exactly so many bytes come. Bytes are counted by HTTP
   * already where the answer has a Content-Length; this covers those that end with the connection.
   */
  expect(bytes: number): void {
    this.#expectedBytes = bytes;
  }

  /** Takes a piece from the connection. */
  accept(piece: Uint8Array): void {
    this.#seenBytes += piece.byteLength;
    if (!this.push(piece)) this.#from.pause();
  }

  finish(): void {
    this.#finished = true;
    if (this.#expectedBytes !== undefined && this.#seenBytes !== this.#expectedBytes) {
      this.destroy(
        new AppError(
          'PROVIDER_UNAVAILABLE',
          `The answer ended after ${this.#seenBytes} of ${this.#expectedBytes} bytes.`,
        ),
      );
      return;
    }
    this.push(null);
  }

  /** The whole body as text. Fails with ENDPOINT_INVALID beyond `maxBytes`, PROVIDER_UNAVAILABLE after `withinMs`. */
  async text(maxBytes: number, withinMs = textTimeoutMs): Promise<string> {
    // Most answers that are read so are empty, and came whole with their head.
    if (this.#finished && this.#seenBytes === 0 && !this.errored) {
      this.destroy();
      return '';
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    const timer = setTimeout(
      () => this.destroy(new AppError('PROVIDER_UNAVAILABLE', 'The endpoint answers too slowly to be waited for.')),
      withinMs,
    );
    try {
      for await (const chunk of this) {
        size += chunk.byteLength;
        if (size > maxBytes)
          throw new AppError('ENDPOINT_INVALID', 'The endpoint answers more than a storage service would.');
        chunks.push(chunk);
      }
    } finally {
      clearTimeout(timer);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    for (const chunk of chunks) giveBack(chunk);
    return text;
  }

  override _read(): void {
    if (!this.#finished) this.#from.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    openBodies -= 1;
    this.#onClose();
    if (!this.#finished) this.#from.abandon(error ?? new AppError('CANCELLED', 'The call was cancelled.'));
    callback(error);
  }
}
