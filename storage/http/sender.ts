import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { giveBack } from './read-memory.ts';
import { type HttpRequest, headOf } from './request.ts';

export interface SenderEvents {
  /** Everything has been handed to the connection. */
  onSent(): void;
  /** The body failed, or is not as long as it was said to be. */
  onError(error: unknown): void;
  /** The connection is full (true), or takes more again (false). */
  onStalled(isStalled: boolean): void;
}

/** Of a body at hand no more is handed to the connection at once, so that one sees whether the other side takes it. */
const stepBytes = 512 * 1024;

/**
 * Writes one request to a connection, no faster than it takes it, and copies no byte of it. What flows is given back to
 * the connection that it was read from once it is written; chunks at hand stay their owner's, who may send them again.
 */
export class Sender {
  readonly #socket: Socket;
  readonly #events: SenderEvents;
  readonly #remove: (() => void)[] = [];
  #source: Readable | undefined;
  #remaining = 0;
  /** Of what flows; it goes when the body has ended well, so that no request is complete whose body turns out wrong. */
  #last: Uint8Array | undefined;
  /** Whether everything has been handed to the connection. */
  done = false;

  constructor(socket: Socket, events: SenderEvents) {
    this.#socket = socket;
    this.#events = events;
  }

  /** Throws INVALID_INPUT for a head that cannot be sent; nothing has been sent then. */
  send(request: HttpRequest): void {
    const head = headOf(request);
    const { body } = request;
    if (body === undefined || body instanceof Uint8Array || (Array.isArray(body) && !(body instanceof Readable))) {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#step(body === undefined ? [] : body instanceof Uint8Array ? [body] : body);
      this.#socket.uncork();
      return;
    }
    this.#socket.write(head, 'latin1');
    this.#remaining = Number(request.headers['content-length']);
    this.#flow(body instanceof Readable ? body : flowing(body as AsyncIterable<Uint8Array>));
  }

  /** Takes nothing more from the body. */
  stop(): void {
    for (const remove of this.#remove.splice(0)) remove();
    this.#source?.pause();
    this.#source = undefined;
  }

  /** Writes a body at hand, each step once the one before is gone. */
  #step(chunks: readonly Uint8Array[]): void {
    const pieces = piecesOf(chunks);
    let { value: piece } = pieces.next();
    const next = () => {
      let room = stepBytes;
      this.#socket.cork();
      while (piece !== undefined && room > 0) {
        this.#socket.write(piece);
        room -= piece.byteLength;
        ({ value: piece } = pieces.next());
      }
      this.#socket.uncork();
      if (piece === undefined) this.#finish();
      else this.#events.onStalled(true);
    };
    this.#listen(this.#socket, 'drain', () => {
      this.#events.onStalled(false);
      next();
    });
    next();
  }

  #flow(source: Readable): void {
    this.#source = source;
    this.#listen(source, 'data', (chunk: Uint8Array) => this.#take(chunk));
    this.#listen(source, 'end', () => {
      if (this.#remaining > 0) return this.#fail(new Error('The body is shorter than its content-length.'));
      if (this.#last) this.#write(this.#last);
      this.#finish();
    });
    this.#listen(source, 'error', (error: unknown) => this.#fail(error));
    this.#listen(source, 'close', () => this.#fail(source.errored ?? new Error('The body was closed before its end.')));
    this.#listen(this.#socket, 'drain', () => {
      this.#events.onStalled(false);
      source.resume();
    });
    if (source.destroyed) this.#fail(source.errored ?? new Error('The body was closed before it was sent.'));
    else source.resume();
  }

  #take(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    this.#remaining -= chunk.byteLength;
    if (this.#remaining < 0) {
      this.#fail(new Error('The body is longer than its content-length.'));
    } else if (this.#remaining === 0) {
      this.#last = chunk;
    } else if (!this.#write(chunk)) {
      this.#source?.pause();
      this.#events.onStalled(true);
    }
  }

  #write(chunk: Uint8Array): boolean {
    return this.#socket.write(chunk, (error) => !error && giveBack(chunk));
  }

  #listen(emitter: NodeJS.EventEmitter, event: string, listener: (...args: never[]) => void): void {
    emitter.on(event, listener as () => void);
    this.#remove.push(() => emitter.off(event, listener as () => void));
  }

  #fail(error: unknown): void {
    this.stop();
    this.#events.onError(error);
  }

  #finish(): void {
    this.done = true;
    for (const remove of this.#remove.splice(0)) remove();
    this.#source = undefined;
    this.#events.onSent();
  }
}

function* piecesOf(chunks: readonly Uint8Array[]): Generator<Uint8Array, undefined> {
  for (const chunk of chunks)
    for (let at = 0; at < chunk.byteLength; at += stepBytes) yield chunk.subarray(at, at + stepBytes);
}

/** A failure of the iterable that comes when nobody sends it any more is nobody's. */
function flowing(body: AsyncIterable<Uint8Array>): Readable {
  return Readable.from(body).on('error', () => {});
}
