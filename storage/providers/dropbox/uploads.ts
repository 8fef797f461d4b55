import { Readable } from 'node:stream';
import type { Dropbox, files } from 'dropbox';
import { AppError } from '../../../core/errors.ts';
import { DamagedObjectRemains } from '../../damaged-object.ts';
import { bufferedBody } from '../../digest.ts';
import { throwIfCancelled } from '../../http.ts';
import type {
  BeginUploadRequest,
  CompleteUploadRequest,
  Location,
  PartReceipt,
  PutPartRequest,
  UploadSession,
  WriteRequest,
  WriteResult,
} from '../../provider.ts';
import { discardBody } from '../body.ts';
import { DropboxRefusal, notDropbox, unionError } from './errors.ts';
import { WriteLane } from './lane.ts';
import { toPath } from './names.ts';
import { type FileFacts, toCommit, toVersion, toWriteResult } from './properties.ts';
import type { DropboxRest } from './rest.ts';
import { callSdk } from './sdk.ts';
import type { Spaces } from './spaces.ts';

export type Lane = WriteLane<files.UploadSessionFinishArg, FileFacts>;

/** The lane in which an account's writes go, with its batches of commits. */
export function createLane(client: Dropbox, spaces: Spaces): Lane {
  return new WriteLane(async (container, entries, signal) => {
    const extraHeaders = await spaces.headersFor(container, signal);
    const answer = await callSdk(() => client.filesUploadSessionFinishBatchV2({ entries }, { signal, extraHeaders }));
    return answer.entries.map((entry) => (entry['.tag'] === 'success' ? entry : unionError(entry.failure)));
  });
}

/**
 * Whole objects and objects in parts both go into upload sessions and are committed in batches: a commit holds the lock
 * of its namespace, the bytes do not.
 */
export class DropboxUploads {
  readonly #client: Dropbox;
  readonly #rest: DropboxRest;
  readonly #spaces: Spaces;
  readonly #lane: Lane;

  constructor(client: Dropbox, rest: DropboxRest, spaces: Spaces, lane: Lane) {
    this.#client = client;
    this.#rest = rest;
    this.#spaces = spaces;
    this.#lane = lane;
  }

  async write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    const { container, key, body, metadata, precondition } = request;
    const commit = toCommit(key, metadata, precondition);
    await this.#spaces.headersFor(container, signal);
    // What is in memory has its hash before it goes out: Dropbox checks it before it takes anything.
    const known = body.source instanceof Readable ? {} : { content_hash: body.digest('dropbox') };
    const argument = { close: true, ...known };
    const session_id = sessionIdOf(
      await this.#rest.upload({ route: 'files/upload_session/start', argument, body, signal }),
    );
    const cursor = { session_id, offset: body.sizeBytes };
    const facts = await this.#lane.commit(container, { cursor, commit }, signal);
    await this.#verify(request, facts, body.digest('dropbox'), signal);
    return toWriteResult(facts);
  }

  /** An empty object has no piece that could close a concurrent session: its session is a plain one, closed at once. */
  async begin(request: BeginUploadRequest, signal: AbortSignal): Promise<UploadSession> {
    const { container, key, sizeBytes, metadata } = request;
    await this.#spaces.headersFor(container, signal);
    const argument = sizeBytes === 0 ? { close: true } : { session_type: 'concurrent' };
    const body = bufferedBody([], []);
    const answer = await this.#rest.upload({ route: 'files/upload_session/start', argument, body, signal });
    return { container, key, sizeBytes, metadata, id: sessionIdOf(answer) };
  }

  /**
   * The last part closes the session. When the answer to an earlier attempt was lost, Dropbox may say that it has the
   * part (`incorrect_offset`, with the offset behind it) or that the session is closed: that is a success.
   */
  async putPart({ session, partNumber, offset, body }: PutPartRequest, signal: AbortSignal): Promise<PartReceipt> {
    const end = offset + body.sizeBytes;
    const close = end === session.sizeBytes;
    const receipt = { partNumber, sizeBytes: body.sizeBytes, tag: String(offset), digests: {} };
    if (session.sizeBytes === 0) {
      throwIfCancelled(signal);
      discardBody(body);
      return receipt;
    }
    await this.#rest.upload({
      route: 'files/upload_session/append_v2',
      argument: { cursor: { session_id: session.id, offset }, close },
      body,
      isFine: (refusal) => refusal.correctOffset === end || (close && refusal.tags[0] === 'closed'),
      signal,
    });
    return receipt;
  }

  async complete(request: CompleteUploadRequest, signal: AbortSignal): Promise<WriteResult> {
    const { session, digests, precondition } = request;
    const { container, key, sizeBytes, metadata, id } = session;
    const cursor = { session_id: id, offset: sizeBytes };
    const entry = { cursor, commit: toCommit(key, metadata, precondition) };
    await this.#spaces.headersFor(container, signal);
    try {
      const facts = await this.#lane.commit(container, entry, signal);
      await this.#verify(session, facts, digests.dropbox, signal);
      return toWriteResult(facts);
    } catch (error) {
      const facts = mayBeDone(error) && digests.dropbox !== undefined ? await this.#find(session, signal) : undefined;
      if (facts?.content_hash === undefined || facts.content_hash !== digests.dropbox) throw error;
      return toWriteResult(facts);
    }
  }

  /** Throws CHECKSUM_MISMATCH, and takes the file back, when Dropbox holds other bytes than were meant. */
  async #verify(
    location: Location,
    facts: FileFacts,
    expected: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (expected === undefined || facts.content_hash === expected) return;
    const error = new AppError('CHECKSUM_MISMATCH', 'The bytes that arrived are not those that were sent.');
    try {
      const extraHeaders = await this.#spaces.headersFor(location.container, signal);
      const revision = { path: toPath(location.key), parent_rev: facts.rev };
      await this.#lane.alone(
        () => callSdk(() => this.#client.filesDeleteV2(revision, { signal, extraHeaders })),
        signal,
      );
    } catch (failure) {
      // Gone, or replaced by somebody: that is as good.
      if (failure instanceof DropboxRefusal && (failure.has('not_found') || failure.has('conflict'))) throw error;
      throw new DamagedObjectRemains(location, toVersion(facts), error);
    }
    throw error;
  }

  async #find({ container, key }: Location, signal: AbortSignal): Promise<FileFacts | undefined> {
    const extraHeaders = await this.#spaces.headersFor(container, signal);
    try {
      const facts = await callSdk(() => this.#client.filesGetMetadata({ path: toPath(key) }, { signal, extraHeaders }));
      return facts['.tag'] === 'file' ? facts : undefined;
    } catch (error) {
      if (error instanceof DropboxRefusal) return undefined;
      throw error;
    }
  }
}

/** Whether a refusal can mean that an earlier attempt went through: the session is used up, or its file is in the way. */
function mayBeDone(error: unknown): boolean {
  return (
    error instanceof DropboxRefusal &&
    (error.code === 'PRECONDITION_FAILED' || (error.has('lookup_failed') && !error.has('not_closed')))
  );
}

function sessionIdOf(answer: unknown): string {
  const { session_id: id } = (answer ?? {}) as { session_id?: unknown };
  if (typeof id === 'string') return id;
  throw notDropbox();
}
