import { randomUUID } from 'node:crypto';
import type { Dropbox } from 'dropbox';
import { AppError } from '../../../core/errors.ts';
import type { CopyOffer, CopyRequest, IngestRequest, Location, Precondition, WriteResult } from '../../provider.ts';
import { sourceChanged } from '../offers.ts';
import { DropboxRefusal, unionError } from './errors.ts';
import { resultOf } from './jobs.ts';
import { toPath } from './names.ts';
import { type FileFacts, requirePinned, requireRev, toObjectInfo, toWriteResult } from './properties.ts';
import { callSdk } from './sdk.ts';
import type { Spaces } from './spaces.ts';
import type { Lane } from './uploads.ts';

const cleanUpMs = 10_000;

/**
 * Files that come about inside Dropbox: by a copy reference, or fetched from a URL. Neither call replaces a file or takes
 * a precondition, and fetching renames silently when a name is taken. So both go to a hidden name beside the destination
 * first and are checked there; then what is at the destination is deleted, if it is what was expected, and the file moves
 * in, failing if somebody else was faster. Between the two the destination is empty; its old file is in Dropbox's history.
 * The time of modification cannot be set here: a copy has that of its source, a fetched file that of its arrival.
 */
export class Placing {
  readonly #client: Dropbox;
  readonly #spaces: Spaces;
  readonly #lane: Lane;
  readonly #store: string;

  constructor(client: Dropbox, spaces: Spaces, lane: Lane, store: string) {
    this.#client = client;
    this.#spaces = spaces;
    this.#lane = lane;
    this.#store = store;
  }

  async offer(
    location: Location & { pin?: { versionId?: string } | undefined },
    signal: AbortSignal,
  ): Promise<CopyOffer> {
    const { container, key, pin } = location;
    const options = await this.#options(container, signal);
    const path = toPath(key);
    const answer = await callSdk(() => this.#client.filesCopyReferenceGet({ path }, options));
    const facts = answer.metadata;
    if (facts['.tag'] !== 'file') throw new AppError('OBJECT_NOT_FOUND', 'The file does not exist.');
    requirePinned(facts, pin);
    if (facts.content_hash === undefined) {
      throw new AppError('OBJECT_NOT_READABLE', 'Dropbox does not state what is in this file.');
    }
    const { sizeBytes, version, digests, assertedDigests, metadata } = toObjectInfo(facts);
    return {
      ...{ container, key, scheme: 'dropbox', store: this.#store },
      ...{ sizeBytes, version, digests, assertedDigests, metadata },
      ticket: answer.copy_reference,
    };
  }

  async copy({ container, key, offer, precondition }: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    const { ticket, digests } = offer;
    if (ticket === undefined) throw new AppError('NOT_SUPPORTED', 'The offer holds no copy reference.');
    const arrive = async (path: string) => {
      const options = await this.#options(container, signal);
      const arg = { copy_reference: ticket, path };
      const save = () => callSdk(() => this.#client.filesCopyReferenceSave(arg, options)).catch(asSourceChange);
      const { metadata } = await this.#lane.alone(save, signal);
      if (metadata['.tag'] === 'file' && metadata.content_hash === digests.dropbox) return metadata;
      throw sourceChanged(undefined);
    };
    return this.#place({ container, key }, precondition, arrive, signal);
  }

  ingest(request: IngestRequest, signal: AbortSignal): Promise<WriteResult> {
    const { container, key, url, sizeBytes, digests, precondition } = request;
    const arrive = async (path: string) => {
      const facts = await this.#fetch(container, path, url, signal);
      if (facts.size !== sizeBytes) {
        throw new AppError('OBJECT_CHANGED', `Dropbox fetched ${facts.size} bytes instead of ${sizeBytes}.`);
      }
      if (digests.dropbox !== undefined && facts.content_hash !== digests.dropbox) {
        throw new AppError('CHECKSUM_MISMATCH', 'The bytes that Dropbox fetched are not those that were meant.');
      }
      return facts;
    };
    return this.#place({ container, key }, precondition, arrive, signal);
  }

  async #fetch(container: string, path: string, url: string, signal: AbortSignal): Promise<FileFacts> {
    const options = await this.#options(container, signal);
    const launch = await callSdk(() => this.#client.filesSaveUrl({ path, url }, options));
    if (launch['.tag'] === 'complete') return launch;
    const job = { async_job_id: launch.async_job_id };
    const check = () => callSdk(() => this.#client.filesSaveUrlCheckJobStatus(job, options));
    const status = await resultOf(check, signal);
    if (status['.tag'] === 'failed') throw unionError(status.failed, 'ENDPOINT_UNREACHABLE');
    return status;
  }

  async #place(
    location: Location,
    precondition: Precondition | undefined,
    arrive: (path: string) => Promise<FileFacts>,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const folder = toPath(location.key).replace(/[^/]*$/, '');
    const hidden = `${folder}.skyferry-${randomUUID()}`;
    const extraHeaders = await this.#spaces.headersFor(location.container, signal);
    try {
      const facts = await arrive(hidden);
      return await this.#lane.alone(() => this.#moveIn(location, facts, precondition, signal), signal);
    } catch (error) {
      // Not waited for: who cancelled wants an answer at once.
      const options = { signal: AbortSignal.timeout(cleanUpMs), extraHeaders };
      const remove = () => callSdk(() => this.#client.filesDeleteV2({ path: hidden }, options));
      void this.#lane.alone(remove, options.signal).catch(() => {});
      throw error;
    }
  }

  async #moveIn(
    { container, key }: Location,
    facts: FileFacts,
    precondition: Precondition | undefined,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const options = await this.#options(container, signal);
    const path = toPath(key);
    const there = await this.#revisionAt(path, options);
    const expected = precondition?.ifMatch === undefined ? undefined : requireRev(precondition.ifMatch);
    if ((precondition?.ifAbsent && there !== undefined) || (expected !== undefined && there !== expected)) {
      throw new AppError('PRECONDITION_FAILED', 'The destination is not in the state that was expected.');
    }
    if (there !== undefined) {
      await callSdk(() => this.#client.filesDeleteV2({ path, parent_rev: there }, options));
    }
    const move = { from_path: facts.id, to_path: path, autorename: false };
    const { metadata } = await callSdk(() => this.#client.filesMoveV2(move, options)).catch((error: AppError) => {
      if (error.code !== 'PRECONDITION_FAILED' || precondition !== undefined) throw error;
      throw new AppError('CONFLICT', 'Somebody else writes to the destination at the same time.', {
        retry: 'backoff',
        cause: error,
      });
    });
    if (metadata['.tag'] !== 'file') throw new AppError('OBJECT_CHANGED', 'The file has gone while it moved.');
    return toWriteResult(metadata);
  }

  async #revisionAt(path: string, options: Options): Promise<string | undefined> {
    try {
      const found = await callSdk(() => this.#client.filesGetMetadata({ path }, options));
      if (found['.tag'] === 'file') return found.rev;
      throw new AppError('NAME_COLLISION', 'A folder has the name of the file. Rename one of them.');
    } catch (error) {
      if (error instanceof DropboxRefusal && error.code === 'OBJECT_NOT_FOUND') return undefined;
      throw error;
    }
  }

  async #options(container: string, signal: AbortSignal): Promise<Options> {
    return { signal, extraHeaders: await this.#spaces.headersFor(container, signal) };
  }
}

/** A reference to what is no longer there ("SaveCopyReferenceError"). */
function asSourceChange(error: unknown): never {
  const isGone = error instanceof AppError && /^(OBJECT_NOT_FOUND|UPLOAD_EXPIRED)$/.test(error.code);
  throw isGone ? sourceChanged(error) : error;
}

interface Options {
  signal: AbortSignal;
  extraHeaders: Record<string, string>;
}
