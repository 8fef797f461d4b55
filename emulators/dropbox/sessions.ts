import { randomBytes } from 'node:crypto';
import { BLOCK_BYTES, type Blob, blobOf } from './blob.ts';
import { RouteError, union } from './errors.ts';

/** "An upload session can be used for a maximum of 7 days." */
const LIFE_MS = 7 * 24 * 60 * 60 * 1000;
/** 2^41 - 2^22 */
const MAXIMUM_BYTES = 2_199_019_061_248;

interface Session {
  readonly account: string;
  readonly isConcurrent: boolean;
  readonly expiresAt: number;
  /** By offset. */
  readonly pieces: Map<number, { chunks: readonly Buffer[]; size: number }>;
  closed: boolean;
}

const lengthOf = (chunks: readonly Buffer[]): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
const fail = (tag: string, details: Record<string, unknown> = {}) => new RouteError({ '.tag': tag, ...details });

/**
 * Upload sessions: https://www.dropbox.com/developers/documentation/http/documentation#files-upload_session-start. The
 * bytes of unfinished ones are held until they are finished or expire.
 */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #now: () => number;
  #heldBytes = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Bytes of all unfinished sessions. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @throws RouteError with an UploadSessionStartError */
  start(account: string, isConcurrent: boolean, chunks: readonly Buffer[], close: boolean): string {
    if (isConcurrent && lengthOf(chunks) > 0) throw fail('concurrent_session_data_not_allowed');
    if (isConcurrent && close) throw fail('concurrent_session_close_not_allowed');
    for (const [id, session] of this.#sessions) if (session.expiresAt <= this.#now()) this.drop(id);
    const id = `pid_upload_session:${randomBytes(24).toString('base64url')}`;
    const session = { account, isConcurrent, expiresAt: this.#now() + LIFE_MS, pieces: new Map(), closed: close };
    this.#sessions.set(id, session);
    this.#keep(session, 0, chunks);
    return id;
  }

  /** @throws RouteError with an UploadSessionAppendError */
  append(account: string, id: string, offset: number, chunks: readonly Buffer[], close: boolean): void {
    const session = this.#find(account, id);
    const size = lengthOf(chunks);
    if (session.closed) throw fail('closed');
    if (offset + size > MAXIMUM_BYTES) throw fail('too_large');
    if (session.isConcurrent) {
      if (offset % BLOCK_BYTES !== 0) throw fail('concurrent_session_invalid_offset');
      if (!close && (size === 0 || size % BLOCK_BYTES !== 0)) throw fail('concurrent_session_invalid_data_size');
    } else {
      const expected = extentOf(session);
      if (offset !== expected) throw fail('incorrect_offset', { correct_offset: expected });
    }
    this.#keep(session, offset, chunks);
    session.closed = close;
  }

  /**
   * What the session holds, once it is complete. The session stays until `drop`.
   * @throws RouteError with an UploadSessionFinishError
   */
  complete(account: string, id: string, offset: number, chunks: readonly Buffer[], mustBeClosed: boolean): Blob {
    let session: Session;
    try {
      session = this.#find(account, id);
    } catch (error) {
      throw error instanceof RouteError ? new RouteError(union('lookup_failed', error.error)) : error;
    }
    const extent = extentOf(session);
    if (session.isConcurrent) {
      if (lengthOf(chunks) > 0) throw fail('concurrent_session_data_not_allowed');
      if (!session.closed) throw fail('concurrent_session_not_closed');
      const held = [...session.pieces.values()].reduce((sum, piece) => sum + piece.size, 0);
      if (held !== extent) throw fail('concurrent_session_missing_data');
    } else if (mustBeClosed && !session.closed) {
      throw new RouteError(union('lookup_failed', union('not_closed')));
    }
    if (offset !== extent) {
      throw new RouteError(union('lookup_failed', { '.tag': 'incorrect_offset', correct_offset: extent }));
    }
    const pieces = [...session.pieces].sort(([a], [b]) => a - b).flatMap(([, piece]) => piece.chunks);
    return blobOf([...pieces, ...chunks]);
  }

  drop(id: string): void {
    for (const { size } of this.#sessions.get(id)?.pieces.values() ?? []) this.#heldBytes -= size;
    this.#sessions.delete(id);
  }

  #keep({ pieces }: Session, offset: number, chunks: readonly Buffer[]): void {
    const size = lengthOf(chunks);
    if (size === 0) return;
    this.#heldBytes += size - (pieces.get(offset)?.size ?? 0);
    pieces.set(offset, { chunks, size });
  }

  #find(account: string, id: string): Session {
    const session = this.#sessions.get(id);
    if (session === undefined || session.account !== account || session.expiresAt <= this.#now()) {
      throw fail('not_found');
    }
    return session;
  }
}

function extentOf(session: Session): number {
  let end = 0;
  for (const [offset, { size }] of session.pieces) end = Math.max(end, offset + size);
  return end;
}
