import { HttpFault } from './errors.ts';

/** What a parser tells of one answer after another, in the order of the wire. */
export interface ResponseHandler {
  /** Method of the request that is being answered, because a HEAD has no body; undefined when there is none. */
  method(): string | undefined;
  /** Status 200 or more. Names in lower case; repeated headers joined by a comma. */
  onHead(status: number, headers: Record<string, string>): void;
  /** A piece of the body, as a part of the chunk that was fed. */
  onData(piece: Buffer): void;
  /** The answer is complete. `reusable`: the connection can carry another. */
  onEnd(reusable: boolean): void;
}

/** Dropbox states a file's path in a header, twice and with six characters for one: more than the usual 16 KiB. */
const maxHeadBytes = 64 * 1024;
/** A line of the chunked framing: a size in hex, and extensions that nobody uses. */
const maxLineBytes = 4 * 1024;
const headEnd = Buffer.from('\r\n\r\n');
const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/;
/**
 * RFC 9110, 5.1 and 5.5: a token, then a value without controls but the tab, and without the blanks and tabs around it. Those
 * alone: 0xA0, a blank too, is the end of a character in UTF-8.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it excludes
const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\u0000-\u0008\u000a-\u001f\u007f]*?)[ \t]*$/;

type State = 'head' | 'length' | 'close' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailer';

/**
 * Reads the answers of one connection (RFC 9112). It copies no byte of a body, and is strict: what is ambiguous about
 * where an answer ends throws an HttpFault, after which the connection is of no use.
 */
export class ResponseParser {
  readonly #handler: ResponseHandler;
  #state: State = 'head';
  /** A head or line that is not complete. */
  #pending: Buffer | undefined;
  /** Bytes that follow of the body, or of its chunk. */
  #remaining = 0;
  #trailerBytes = 0;
  #reusable = false;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  /** Bytes that are known to follow, of the body or of its chunk. */
  get remaining(): number {
    return this.#remaining;
  }

  /** Throws an HttpFault for what is no answer. Nothing of the chunk is kept but by the handler, which has its pieces. */
  feed(chunk: Buffer): void {
    let rest: Buffer | undefined = chunk;
    while (rest !== undefined && rest.length > 0) rest = this.#step(rest);
  }

  /** The connection has ended. Throws an HttpFault when an answer has not. */
  end(): void {
    if (this.#state === 'close') this.#complete();
    else if (this.#state !== 'head' || this.#pending || this.#handler.method() !== undefined)
      throw new HttpFault('HTTP_CLOSED', 'the connection ended before the answer');
  }

  #step(chunk: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'head':
        return this.#head(chunk);
      case 'close':
        this.#handler.onData(chunk);
        return undefined;
      case 'length':
      case 'chunk-data':
        return this.#data(chunk);
      default:
        return this.#line(chunk);
    }
  }

  #data(chunk: Buffer): Buffer | undefined {
    const isAll = chunk.length <= this.#remaining;
    const piece = isAll ? chunk : chunk.subarray(0, this.#remaining);
    this.#remaining -= piece.length;
    const isLast = this.#remaining === 0;
    if (isLast && this.#state === 'chunk-data') this.#state = 'chunk-end';
    this.#handler.onData(piece);
    if (isLast && this.#state === 'length') this.#complete();
    return isAll ? undefined : chunk.subarray(piece.length);
  }

  #head(chunk: Buffer): Buffer | undefined {
    if (this.#handler.method() === undefined)
      throw new HttpFault('HTTP_MALFORMED', 'there is an answer that nothing was asked for');
    const all = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk;
    const end = all.indexOf(headEnd);
    if (end > maxHeadBytes || (end < 0 && all.length > maxHeadBytes))
      throw new HttpFault('HTTP_HEADERS_OVERFLOW', 'the head of the answer is too long');
    if (end < 0) {
      // What speaks something else is not waited for.
      if (!'HTTP/1.'.startsWith(all.toString('latin1', 0, 7)))
        throw new HttpFault('HTTP_MALFORMED', 'the answer is not HTTP');
      this.#pending = all === chunk ? Buffer.from(chunk) : all;
      return undefined;
    }
    this.#pending = undefined;
    this.#readHead(all.toString('latin1', 0, end));
    return all.subarray(end + headEnd.length);
  }

  #readHead(text: string): void {
    const lines = text.split('\r\n');
    const [, minor, digits] = statusLine.exec(lines[0] as string) ?? [];
    if (digits === undefined) throw new HttpFault('HTTP_MALFORMED', 'the answer has no status line');
    const headers: Record<string, string> = {};
    for (let index = 1; index < lines.length; index++) {
      const [, name, value] = field.exec(lines[index] as string) ?? [];
      if (name === undefined || value === undefined) throw new HttpFault('HTTP_MALFORMED', 'a header is malformed');
      const key = name.toLowerCase();
      const known = headers[key];
      headers[key] = known === undefined || !Object.hasOwn(headers, key) ? value : `${known}, ${value}`;
    }
    const status = Number(digits);
    // RFC 9110, 15.2: any number of interim answers; nobody here asks for another protocol.
    if (status === 101) throw new HttpFault('HTTP_MALFORMED', 'the answer changes the protocol');
    if (status >= 200) this.#begin(status, headers, minor === '1');
  }

  /** RFC 9112, 6.3: where the body ends; 9.3: whether the connection outlives it. */
  #begin(status: number, headers: Record<string, string>, isHttp11: boolean): void {
    const connection = (headers.connection ?? '').toLowerCase().split(/\s*,\s*/);
    const coding = headers['transfer-encoding'];
    const length = headers['content-length'];
    this.#reusable = !connection.includes('close') && (isHttp11 || connection.includes('keep-alive'));
    const isEmpty = this.#handler.method() === 'HEAD' || status === 204 || status === 304;
    if (isEmpty) {
      this.#remaining = 0;
    } else if (coding !== undefined) {
      // Both together is how answers are smuggled: the length does not count, and the connection ends.
      if (coding.toLowerCase() !== 'chunked' || length !== undefined)
        throw new HttpFault('HTTP_MALFORMED', 'the answer does not say plainly where it ends');
      this.#state = 'chunk-size';
    } else if (length !== undefined) {
      const [first = '', ...others] = length.split(/\s*,\s*/);
      if (!/^\d{1,15}$/.test(first) || others.some((other) => other !== first))
        throw new HttpFault('HTTP_MALFORMED', 'the length of the answer is none');
      this.#remaining = Number(first);
      if (this.#remaining > 0) this.#state = 'length';
    } else {
      this.#state = 'close';
      this.#reusable = false;
    }
    this.#handler.onHead(status, headers);
    if (this.#state === 'head') this.#complete();
  }

  /** The framing between a body's chunks (RFC 9112, 7.1), line by line. */
  #line(chunk: Buffer): Buffer | undefined {
    const all = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk;
    const end = all.indexOf('\r\n');
    if (end > maxLineBytes || (end < 0 && all.length > maxLineBytes + 1))
      throw new HttpFault('HTTP_MALFORMED', 'a line between chunks is too long');
    if (end < 0) {
      this.#pending = all === chunk ? Buffer.from(chunk) : all;
      return undefined;
    }
    this.#pending = undefined;
    this.#readLine(all.toString('latin1', 0, end));
    return all.subarray(end + 2);
  }

  #readLine(line: string): void {
    if (this.#state === 'chunk-size') {
      const [, size] = /^([0-9A-Fa-f]{1,13})[ \t]*(?:;.*)?$/.exec(line) ?? [];
      if (size === undefined) throw new HttpFault('HTTP_MALFORMED', 'the size of a chunk is none');
      this.#remaining = Number.parseInt(size, 16);
      this.#state = this.#remaining > 0 ? 'chunk-data' : 'trailer';
      this.#trailerBytes = 0;
    } else if (this.#state === 'chunk-end') {
      if (line !== '') throw new HttpFault('HTTP_MALFORMED', 'a chunk is longer than its size');
      this.#state = 'chunk-size';
    } else if (line === '') {
      this.#complete();
    } else {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > maxHeadBytes) throw new HttpFault('HTTP_HEADERS_OVERFLOW', 'the trailer is too long');
    }
  }

  #complete(): void {
    this.#state = 'head';
    this.#handler.onEnd(this.#reusable);
  }
}
