import { describe, expect, it } from 'vitest';
import { ResponseParser } from './response-parser.ts';

/** Feeds an answer cut into pieces of so many bytes; tells what came out. */
function parse(text: string, options: { method?: string; pieceBytes?: number; ends?: boolean } = {}) {
  const { method = 'GET', pieceBytes = 1_000_000, ends = false } = options;
  const seen = {
    status: 0,
    headers: {} as Record<string, string>,
    body: '',
    reusable: undefined as boolean | undefined,
  };
  let open = true;
  const parser = new ResponseParser({
    method: () => (open ? method : undefined),
    onHead: (status, headers) => Object.assign(seen, { status, headers }),
    onData: (piece) => {
      seen.body += piece.toString('latin1');
    },
    onEnd: (reusable) => {
      open = false;
      seen.reusable = reusable;
    },
  });
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    parser.feed(piece);
    // Whoever reads into the same memory again must not change what was parsed.
    piece.fill(0);
  }
  if (ends) parser.end();
  return seen;
}

const chunkedHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

// RFC 9112, section 6.3 and 7.1.
describe.each([1, 2, 3, 7, 1_000_000])('answers that arrive %i bytes at a time', (pieceBytes) => {
  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello', true],
    ['a length said twice alike', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi', 'hi', true],
    ['chunks', `${chunkedHead}5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n`, 'hello world', true],
    ['a trailer', `${chunkedHead}A\r\n0123456789\r\n000\r\nX-Sum: 1\r\nY: 2\r\n\r\n`, '0123456789', true],
    ['no body', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', '', true],
    [
      'interim answers',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nA: b\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx',
      'x',
      true,
    ],
    ['a farewell', 'HTTP/1.1 200 OK\r\nConnection: Keep, Close\r\nContent-Length: 1\r\n\r\nx', 'x', false],
    ['an old version', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', 'x', false],
  ])('end where they say: %s', (_what, text, body, reusable) => {
    expect(parse(text, { pieceBytes })).toMatchObject({ body, reusable });
  });

  it('end with the connection where they say nothing', () => {
    const text = 'HTTP/1.1 200 OK\r\n\r\nall of it';
    expect(parse(text, { pieceBytes })).toMatchObject({ body: 'all of it', reusable: undefined });
    expect(parse(text, { pieceBytes, ends: true })).toMatchObject({ body: 'all of it', reusable: false });
  });

  it('have no body after HEAD', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n';
    expect(parse(text, { pieceBytes, method: 'HEAD' })).toMatchObject({ body: '', reusable: true });
  });
});

describe('headers', () => {
  it('are in lower case, trimmed and joined, in Latin-1', () => {
    const { headers } = parse(
      'HTTP/1.1 200 OK\r\nETag:  "\xe9" \t\r\nX:1\r\nx: 2\r\nEmpty:\r\nContent-Length: 0\r\n\r\n',
    );
    expect(headers).toEqual({ etag: '"é"', x: '1, 2', empty: '', 'content-length': '0' });
  });

  it('keep bytes of UTF-8 that would be blanks by themselves', () => {
    const { headers } = parse('HTTP/1.1 200 OK\r\nX: \xc3\xa0\r\nContent-Length: 0\r\n\r\n');
    expect(headers.x).toBe('\xc3\xa0');
  });

  it('named like what every object has are headers too', () => {
    const { headers } = parse('HTTP/1.1 200 OK\r\nConstructor: a\r\nContent-Length: 0\r\n\r\n');
    expect(headers.constructor).toBe('a');
  });
});

describe('what is no answer', () => {
  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['no status', 'HTTP/1.1 OK\r\n\r\n'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n'],
    ['another protocol that it changes to', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
    ['a header on two lines', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc'],
    ['a lone line feed', 'HTTP/1.1 200 OK\r\nA: b\nContent-Length: 3\r\n\r\nabc'],
    ['a NUL', 'HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['a chunk without a size', `${chunkedHead}\r\nabc\r\n`],
    ['a chunk of any size', `${chunkedHead}ffffffffffffffff\r\nabc`],
    ['a chunk longer than its size', `${chunkedHead}2\r\nabc\r\n0\r\n\r\n`],
    ['more than was asked for', 'HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ])('is refused: %s', (_what, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'HTTP_MALFORMED' }));
  });

  it.each([
    ['a head', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(70_000)}\r\n\r\n`],
    ['a head that does not end', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(70_000)}`],
    ['a trailer', `${chunkedHead}0\r\n${`a: ${'b'.repeat(1_000)}\r\n`.repeat(70)}\r\n`],
  ])('is refused when it is longer than any: %s', (_what, text) => {
    for (const pieceBytes of [1_000, 1_000_000])
      expect(() => parse(text, { pieceBytes })).toThrow(expect.objectContaining({ code: 'HTTP_HEADERS_OVERFLOW' }));
  });

  it.each(['', 'HTTP/1.1 20', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab', `${chunkedHead}3\r\nabc\r\n`])(
    'is cut short: %j',
    (text) => {
      expect(() => parse(text, { ends: true })).toThrow(expect.objectContaining({ code: 'HTTP_CLOSED' }));
    },
  );
});
