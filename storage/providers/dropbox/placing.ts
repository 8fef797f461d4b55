import type { Dropbox } from 'dropbox';
import { AppError } from '../../../core/errors.ts';
import { orAborted } from '../../http.ts';
import type {
  CopyOffer,
  CopyRequest,
  IngestRequest,
  Location,
  Precondition,
  UploadSession,
  WriteResult,
} from '../../provider.ts';
import { sourceChanged } from '../offers.ts';
import { DropboxRefusal, unionError } from './errors.ts';
import { HiddenFiles, hiddenFileFor } from './hidden.ts';
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
 * Whoever dies there leaves it so, which is why nothing at all stands for what was to be replaced: the next try brings the
 * new file, and replaces nothing.
 * The time of modification cannot be set here: a copy has that of its source, a fetched file that of its arrival.
 *
 * The hidden file is told of before it is asked for, because whoever asks may be gone when it arrives.
 */
export class Placing {
  readonly #client: Dropbox;
  readonly #spaces: Spaces;
  readonly #lane: Lane;
  readonly #store: string;
  readonly #hidden: HiddenFiles;

  constructor(client: Dropbox, spaces: Spaces, lane: Lane, store: string) {
    this.#client = client;
    this.#spaces = spaces;
    this.#lane = lane;
    this.#store = store;
    this.#hidden = new HiddenFiles(client, spaces, lane);
  }

  /** Removes the hidden file that a session tells of, which nobody places any more. Other sessions cannot be dropped. */
  drop(session: UploadSession, signal: AbortSignal): Promise<void> {
    return this.#hidden.drop(session, signal);
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
    const { storageClass: _, ...info } = toObjectInfo(facts);
    return { container, key, scheme: 'dropbox', store: this.#store, ticket: answer.copy_reference, ...info };
  }

  async copy(request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    const { ticket, digests } = request.offer;
    if (ticket === undefined) throw new AppError('NOT_SUPPORTED', 'The offer holds no copy reference.');
    const arrive = async (path: string): Promise<FileFacts | AppError> => {
      const options = await this.#options(request.container, signal);
      const arg = { copy_reference: ticket, path };
      const save = () => callSdk(() => this.#client.filesCopyReferenceSave(arg, options));
      try {
        const { metadata } = await this.#lane.alone(save, signal);
        return metadata['.tag'] === 'file' ? metadata : sourceChanged(undefined);
      } catch (error) {
        return asSourceChange(refusalIn(error));
      }
    };
    const check = (facts: FileFacts) => {
      if (facts.content_hash !== digests.dropbox) throw sourceChanged(undefined);
    };
    return this.#place(request, arrive, check, signal);
  }

  ingest(request: IngestRequest, signal: AbortSignal): Promise<WriteResult> {
    const { sizeBytes, digests } = request;
    const check = (facts: FileFacts) => {
      if (facts.size !== sizeBytes) {
        throw new AppError('OBJECT_CHANGED', `Dropbox fetched ${facts.size} bytes instead of ${sizeBytes}.`);
      }
      if (digests.dropbox !== undefined && facts.content_hash !== digests.dropbox) {
        throw new AppError('CHECKSUM_MISMATCH', 'The bytes that Dropbox fetched are not those that were meant.');
      }
    };
    return this.#place(request, (path) => this.#fetch(request, path, signal), check, signal);
  }

  async #fetch({ container, url }: IngestRequest, path: string, signal: AbortSignal): Promise<FileFacts | AppError> {
    const options = await this.#options(container, signal);
    const launch = await callSdk(() => this.#client.filesSaveUrl({ path, url }, options)).catch(refusalIn);
    if (launch instanceof AppError || launch['.tag'] === 'complete') return launch;
    const job = { async_job_id: launch.async_job_id };
    const check = () => callSdk(() => this.#client.filesSaveUrlCheckJobStatus(job, options));
    const status = await resultOf(check, signal);
    return status['.tag'] === 'failed' ? unionError(status.failed, 'ENDPOINT_UNREACHABLE') : status;
  }

  /**
   * @param arrive Asks for the file under a path. Resolves with an error where Dropbox says that it does not come; after a
   *   rejection it may come all the same.
   */
  async #place(
    request: CopyRequest | IngestRequest,
    arrive: (path: string) => Promise<FileFacts | AppError>,
    check: (facts: FileFacts) => void,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const { container, precondition, onUpload } = request;
    const { path, session } = hiddenFileFor(request);
    await this.#spaces.headersFor(container, signal);
    await onUpload?.(session);
    let isExpected = true;
    const clearUp = async () => {
      const wasThere = await this.#hidden.remove(container, path, AbortSignal.timeout(cleanUpMs));
      if ((wasThere || !isExpected) && !signal.aborted) await onUpload?.(null);
    };
    try {
      const facts = await arrive(path);
      isExpected = false;
      if (facts instanceof AppError) throw facts;
      check(facts);
      return await this.#lane.alone(() => this.#moveIn(request, facts, precondition, signal), signal);
    } catch (error) {
      // Who cancelled wants an answer at once. What stays is known of.
      await orAborted(clearUp(), signal).catch(() => {});
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
    if (there !== undefined && (precondition?.ifAbsent || (expected !== undefined && there !== expected))) {
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

/** The error by which Dropbox says that a file does not come. Throws others: of what they leave open nothing is known. */
function refusalIn(error: unknown): AppError {
  if (error instanceof DropboxRefusal && error.code !== 'PROVIDER_UNAVAILABLE') return error;
  throw error;
}

/** A reference to what is no longer there ("SaveCopyReferenceError"). */
function asSourceChange(error: AppError): AppError {
  return /^(OBJECT_NOT_FOUND|UPLOAD_EXPIRED)$/.test(error.code) ? sourceChanged(error) : error;
}

interface Options {
  signal: AbortSignal;
  extraHeaders: Record<string, string>;
}
