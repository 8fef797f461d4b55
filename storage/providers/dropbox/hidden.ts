import { randomUUID } from 'node:crypto';
import type { Dropbox } from 'dropbox';
import { AppError } from '../../../core/errors.ts';
import type { CopyRequest, IngestRequest, UploadSession } from '../../provider.ts';
import { DropboxRefusal } from './errors.ts';
import { toPath } from './names.ts';
import { callSdk } from './sdk.ts';
import type { Spaces } from './spaces.ts';
import type { Lane } from './uploads.ts';

/** A file that was asked for arrives so soon or never: Dropbox fetches for 15 minutes (files/save_url). */
const arrivesWithinMs = 20 * 60_000;
/** When it was asked for, in milliseconds since 1970, and its path. Dropbox's own sessions have no slash in their ids. */
const sessionId = /^(\d+):(\/.*)$/s;

/** A file that is asked for under a hidden name, beside the place that it is meant for. */
export interface HiddenFile {
  readonly path: string;
  /** What finds it again from another process, once this one is gone. */
  readonly session: UploadSession;
}

export function hiddenFileFor({ container, key, metadata, ...request }: CopyRequest | IngestRequest): HiddenFile {
  const path = `${toPath(key).replace(/[^/]*$/, '')}.skyferry-${randomUUID()}`;
  const { sizeBytes } = 'offer' in request ? request.offer : request;
  return { path, session: { container, key, sizeBytes, metadata, id: `${Date.now()}:${path}` } };
}

/** Removes hidden files. */
export class HiddenFiles {
  readonly #client: Dropbox;
  readonly #spaces: Spaces;
  readonly #lane: Lane;

  constructor(client: Dropbox, spaces: Spaces, lane: Lane) {
    this.#client = client;
    this.#spaces = spaces;
    this.#lane = lane;
  }

  /** Returns whether it was there. */
  async remove(container: string, path: string, signal: AbortSignal): Promise<boolean> {
    const extraHeaders = await this.#spaces.headersFor(container, signal);
    const remove = () => callSdk(() => this.#client.filesDeleteV2({ path }, { signal, extraHeaders }));
    try {
      await this.#lane.alone(remove, signal);
      return true;
    } catch (error) {
      if (error instanceof DropboxRefusal && error.code === 'OBJECT_NOT_FOUND') return false;
      throw error;
    }
  }

  /**
   * Removes the file of a session for good. PROVIDER_UNAVAILABLE while it is not there and may arrive still. Other
   * sessions have no file: nothing is sent.
   */
  async drop({ container, id }: UploadSession, signal: AbortSignal): Promise<void> {
    const [, askedAt, path] = sessionId.exec(id) ?? [];
    if (path === undefined || (await this.remove(container, path, signal))) return;
    if (Date.now() - Number(askedAt) > arrivesWithinMs) return;
    throw new AppError('PROVIDER_UNAVAILABLE', 'Dropbox may be about to bring a file that was asked for.');
  }
}
