import type { OnReadOpts, Socket } from 'node:net';
import { type BodySource, HttpBody } from './body.ts';
import { HttpFault, type HttpFaultCode, networkError } from './errors.ts';
import { lend, ReadMemory } from './read-memory.ts';
import type { Exchange } from './request.ts';
import { type ResponseHandler, ResponseParser } from './response-parser.ts';
import { Sender } from './sender.ts';

const connectTimeoutMs = 10_000;
const headersTimeoutMs = 60_000;
/** Longest silence within a body that somebody is reading, and longest wait for the other side to take one. */
const bodyTimeoutMs = 60_000;
/**
 * An object that comes more slowly than 1 KiB a second over a minute is not waited for: it would hold its place for days.
 * Answers without a length are not held to that, because S3 sends blanks while it works.
 */
const paceWindowMs = 60_000;
const paceBytes = 60 * 1024;
/** Without a word of the server about it, a connection rests so long before it is closed. */
const restMs = 4_000;
const mostRestMs = 60_000;

export interface ConnectionEvents {
  /** Carries nothing, and can carry another exchange. */
  onFree(connection: Connection): void;
  /** Told once. */
  onGone(connection: Connection): void;
}

/** One connection over HTTP/1.1, which carries one exchange at a time. */
export class Connection implements BodySource, ResponseHandler {
  readonly #host: string;
  readonly #events: ConnectionEvents;
  readonly #parser = new ResponseParser(this);
  readonly #memory: ReadMemory;
  readonly #socket: Socket;
  readonly #isTls: boolean;
  #exchange: Exchange | undefined;
  #sender: Sender | undefined;
  #body: HttpBody | undefined;
  #gone = false;
  #paused = false;
  #restMs = restMs;
  /** Set within a read in which an answer ended: whether the connection goes on. */
  #ended: boolean | undefined;
  /** Whether the body is held to a pace: so many bytes since then, with a reader who took them. */
  #isPaced = false;
  #paceFrom = 0;
  #pacedBytes = 0;
  /** Set while what was read waits for what comes right behind it. */
  #gathering: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;
  #timerCode: HttpFaultCode = 'HTTP_CONNECT_TIMEOUT';

  /** `connect` opens the socket, whose bytes go to `onread`, and calls back when it is open. */
  constructor(
    { host, isTls }: { host: string; isTls: boolean },
    exchange: Exchange,
    events: ConnectionEvents,
    connect: (onread: OnReadOpts, opened: () => void) => Socket,
  ) {
    this.#host = host;
    this.#isTls = isTls;
    this.#memory = new ReadMemory(isTls);
    this.#events = events;
    this.#carry(exchange);
    this.#socket = connect(this.#reading(), () => {
      this.#disarm();
      this.#send();
    });
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('end', () => this.#onEof());
    this.#socket.on('close', () => this.#end(new HttpFault('HTTP_CLOSED', 'the connection was closed')));
    this.#arm(connectTimeoutMs, 'HTTP_CONNECT_TIMEOUT');
  }

  /** Of a free connection. */
  start(exchange: Exchange): void {
    this.#disarm();
    this.#socket.ref();
    this.#carry(exchange);
    this.#send();
  }

  /** Waits for its next exchange, for a while; does not keep the process alive. */
  rest(): void {
    this.#socket.unref();
    this.#arm(this.#restMs, 'HTTP_CLOSED');
    this.#timer?.unref();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#paceFrom = performance.now();
    this.#pacedBytes = 0;
    this.#armBody();
    this.#socket.resume();
  }

  abandon(error: Error): void {
    this.#end(error);
  }

  method(): string | undefined {
    return this.#exchange?.request.method;
  }

  onHead(status: number, headers: Record<string, string>): void {
    const exchange = this.#exchange as Exchange;
    const hasBody = exchange.request.body !== undefined && exchange.request.headers['content-length'] !== '0';
    // What was not sent cannot have been kept, whatever stands between says; a refusal may come at any time.
    if (status < 300 && hasBody && this.#sender?.done !== true)
      throw new HttpFault('HTTP_EARLY', 'the answer came before its request was complete');
    const rest = /(?:^|[\s,;])timeout=(\d{1,6})/i.exec(headers['keep-alive'] ?? '')?.[1];
    // A second earlier than the server, so that no request meets its farewell.
    this.#restMs = rest === undefined ? restMs : Math.min((Number(rest) - 1) * 1000, mostRestMs);
    this.#body = new HttpBody(this, () => exchange.close());
    this.#isPaced = headers['content-length'] !== undefined;
    this.#paceFrom = performance.now();
    this.#pacedBytes = 0;
    this.#armBody();
    exchange.respond(status, headers, this.#body);
  }

  onData(piece: Buffer): void {
    lend(piece);
    this.#body?.accept(piece);
  }

  onEnd(reusable: boolean): void {
    // An answer that comes before its request is complete ends both.
    this.#ended = reusable && this.#sender?.done === true && this.#restMs > 0;
    this.#sender?.stop();
    const [exchange, body] = [this.#exchange, this.#body];
    if (exchange) exchange.drop = undefined;
    this.#exchange = undefined;
    this.#body = undefined;
    this.#sender = undefined;
    body?.finish();
  }

  #carry(exchange: Exchange): void {
    this.#exchange = exchange;
    exchange.drop = (error) => this.#end(error);
  }

  #send(): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    this.#sender = new Sender(this.#socket, {
      onSent: () => {
        if (!this.#body) this.#arm(exchange.request.headersTimeoutMs ?? headersTimeoutMs, 'HTTP_HEADERS_TIMEOUT');
      },
      onError: (error) => this.#end(error),
      onStalled: (isStalled) => {
        if (this.#body) return;
        if (isStalled) this.#arm(bodyTimeoutMs, 'HTTP_SEND_TIMEOUT');
        else this.#disarm();
      },
    });
    try {
      this.#sender.send(exchange.request);
    } catch (error) {
      this.#end(error);
    }
  }

  #reading(): OnReadOpts {
    return {
      buffer: () => this.#memory.next(),
      callback: (length) => {
        this.#memory.filled(length);
        if (!this.#isMoreComing()) return this.#read();
        this.#gathering ??= setImmediate(() => this.#read());
        return !this.#paused;
      },
    };
  }

  /**
   * Whether it pays to wait for the next read of a body: TLS hands out one record at a time, at most 16 KiB, and those that
   * came together one right after the other.
   */
  #isMoreComing(): boolean {
    const { waiting, room } = this.#memory;
    return this.#isTls && this.#body !== undefined && room > 0 && waiting < this.#parser.remaining;
  }

  /** Returns whether more may come. */
  #read(): boolean {
    clearImmediate(this.#gathering);
    this.#gathering = undefined;
    const piece = this.#memory.taken();
    try {
      this.#parser.feed(piece);
    } catch (error) {
      this.#end(error);
      return false;
    }
    if (this.#ended !== undefined) this.#settle();
    else if (!this.#paused && this.#body) {
      this.#armBody();
      if (this.#isPaced) this.#keepPace(piece.length);
    }
    return !this.#paused;
  }

  #onEof(): void {
    if (this.#gathering) this.#read();
    try {
      this.#parser.end();
      this.#ended = undefined;
      this.#end(new HttpFault('HTTP_CLOSED', 'the connection was closed'));
    } catch (error) {
      this.#end(error);
    }
  }

  #settle(): void {
    const reusable = this.#ended === true;
    this.#ended = undefined;
    this.#disarm();
    if (this.#paused) {
      // TLS hands out all that it has decrypted, paused or not: an answer can end while its reader is behind.
      this.#paused = false;
      this.#socket.resume();
    }
    if (!reusable) this.#end(new HttpFault('HTTP_CLOSED', 'the connection is not kept'));
    else if (!this.#gone) this.#events.onFree(this);
  }

  #end(error: unknown): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#disarm();
    clearImmediate(this.#gathering);
    this.#sender?.stop();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#socket.destroy();
    this.#memory.close();
    if (exchange) {
      exchange.drop = undefined;
      exchange.fail(networkError(error, this.#host, exchange.phase));
    }
    this.#events.onGone(this);
  }

  #keepPace(bytes: number): void {
    this.#pacedBytes += bytes;
    if (performance.now() - this.#paceFrom < paceWindowMs) return;
    if (this.#pacedBytes < paceBytes) this.#end(new HttpFault('HTTP_TOO_SLOW', 'the body trickles'));
    this.#paceFrom = performance.now();
    this.#pacedBytes = 0;
  }

  #armBody(): void {
    this.#arm(bodyTimeoutMs, 'HTTP_BODY_TIMEOUT');
  }

  #arm(ms: number, code: HttpFaultCode): void {
    this.#timerCode = code;
    if (this.#timer && this.#timerMs === ms) {
      this.#timer.refresh();
      return;
    }
    clearTimeout(this.#timer);
    this.#timerMs = ms;
    this.#timer = setTimeout(() => {
      // While nobody reads, nothing can come.
      if (this.#paused) this.#timer?.refresh();
      else this.#end(new HttpFault(this.#timerCode, 'nothing came in time'));
    }, ms);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
