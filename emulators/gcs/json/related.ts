import { HashedPieces, receive } from '../body.ts';
import { GcsError } from '../errors.ts';
import { type Exchange, header } from '../exchange.ts';
import type { Content } from '../store/records.ts';

export interface Related {
  /** JSON. */
  readonly metadata: string;
  /** Of the media part. */
  readonly contentType: string | undefined;
  readonly content: Content;
}

/** Headers of the two parts and the metadata are far below. */
const MAXIMUM_HEAD_BYTES = 1024 * 1024;

/**
 * A multipart/related body of two parts, the metadata and the bytes (RFC 2387).
 * https://cloud.google.com/storage/docs/uploading-objects#rest-upload-objects. @throws invalid
 */
export async function receiveRelated(exchange: Exchange): Promise<Related> {
  const match = /^multipart\/related\b.*?boundary=(?:"([^"]+)"|'([^']+)'|([^\s;]+))/i.exec(
    header(exchange, 'content-type') ?? '',
  );
  const boundary = match?.[1] ?? match?.[2] ?? match?.[3];
  if (boundary === undefined) throw malformed();
  const hashing = new HashedPieces();
  let head: Buffer | undefined = Buffer.alloc(0);
  let parts: { metadata: string; contentType: string | undefined } | undefined;
  // What may be the end of the bytes, or the boundary behind them.
  let tail: Buffer = Buffer.alloc(0);
  const closing = `\r\n--${boundary}--`;
  const keep = closing.length + 4;
  const take = (piece: Buffer) => {
    const joined = tail.length === 0 ? piece : Buffer.concat([tail, piece]);
    const sure = Math.max(0, joined.length - keep);
    hashing.take(joined.subarray(0, sure));
    tail = joined.subarray(sure);
  };
  await receive(exchange, (piece) => {
    if (head === undefined) {
      take(piece);
      return;
    }
    head = Buffer.concat([head, piece]);
    const found = readHead(head, boundary);
    if (found === undefined) {
      if (head.length > MAXIMUM_HEAD_BYTES) throw malformed();
      return;
    }
    const rest = head.subarray(found.end);
    head = undefined;
    parts = found;
    take(rest);
  });
  const end = tail.lastIndexOf(closing);
  if (parts === undefined || end === -1) throw malformed();
  hashing.take(tail.subarray(0, end));
  return { ...parts, content: hashing.finish() };
}

/** Finds the metadata and the beginning of the bytes; undefined while they have not come. */
function readHead(head: Buffer, boundary: string) {
  const text = head.toString('latin1');
  const delimiter = `--${boundary}`;
  const first = text.indexOf(delimiter);
  const firstBody = text.indexOf('\r\n\r\n', first);
  const second = text.indexOf(`\r\n${delimiter}`, firstBody);
  const secondBody = text.indexOf('\r\n\r\n', second + 2);
  if (first === -1 || firstBody === -1 || second === -1 || secondBody === -1) return undefined;
  return {
    metadata: head.subarray(firstBody + 4, Math.max(second, firstBody + 4)).toString('utf8'),
    contentType: /content-type:\s*([^\r\n]+)/i.exec(text.slice(second, secondBody))?.[1],
    end: secondBody + 4,
  };
}

function malformed(): GcsError {
  return new GcsError('invalid', 'Malformed multipart body.');
}
