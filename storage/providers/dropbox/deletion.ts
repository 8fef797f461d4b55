import type { Dropbox, files } from 'dropbox';
import { AppError } from '../../../core/errors.ts';
import type { DeleteRequest, DeleteResult } from '../../provider.ts';
import { DropboxRefusal, unionError } from './errors.ts';
import { resultOf } from './jobs.ts';
import { canExist, toPath } from './names.ts';
import { requireRev } from './properties.ts';
import { callSdk } from './sdk.ts';
import type { Lane } from './uploads.ts';

/** Look-ups under way at a time. */
const lookUpConcurrency = 16;
/** Most entries of files/delete_batch. */
export const maxDeletions = 1000;

interface Doomed {
  key: string;
  entry: files.DeleteArg;
}

/**
 * Deletes files, and folders that are empty. Dropbox deletes a folder with everything in it, whoever asks for its path:
 * so each path is looked up first, and a file goes only as the revision that was found, which has to be its
 * key's in `ifMatch` if there is one.
 */
export async function deleteKeys(
  client: Dropbox,
  lane: Pick<Lane, 'alone'>,
  headers: Record<string, string>,
  { keys, ifMatch }: Pick<DeleteRequest, 'keys' | 'ifMatch'>,
  signal: AbortSignal,
): Promise<DeleteResult> {
  const options = { signal, extraHeaders: headers };
  const failed: DeleteResult['failed'] = [];
  const doomed: Doomed[] = [];
  const rest = keys.values();
  const lookUp = async () => {
    for (const key of rest) {
      const meant = ifMatch?.get(key);
      const rev = meant && requireRev(meant);
      const found = canExist(key) ? await lookUpOne(client, key, options) : undefined;
      if (found === 'full') failed.push({ key, code: 'CONFLICT', message: 'The folder is not empty.' });
      else if (found !== undefined && rev !== undefined && found.parent_rev !== rev) {
        failed.push({ key, code: 'PRECONDITION_FAILED', message: 'The file is not the one that was meant.' });
      } else if (found !== undefined) doomed.push({ key, entry: found });
    }
  };
  await Promise.all(Array.from({ length: Math.min(lookUpConcurrency, keys.length) }, lookUp));
  for (let at = 0; at < doomed.length; at += maxDeletions) {
    const batch = doomed.slice(at, at + maxDeletions);
    const results = await lane.alone(() => deleteBatch(client, batch, options), signal);
    for (const [index, result] of results.entries()) {
      const { key } = batch[index] as Doomed;
      if (result['.tag'] !== 'failure') continue;
      const error = unionError(result.failure);
      if (error.code === 'THROTTLED') throw error;
      if (error.code !== 'OBJECT_NOT_FOUND') failed.push({ key, code: error.code, message: error.message });
    }
  }
  return { failed };
}

type CallOptions = { signal: AbortSignal; extraHeaders: Record<string, string> };

/** What to delete for a key; undefined when there is nothing. */
async function lookUpOne(
  client: Dropbox,
  key: string,
  options: CallOptions,
): Promise<files.DeleteArg | 'full' | undefined> {
  const path = toPath(key);
  try {
    const found = await callSdk(() => client.filesGetMetadata({ path }, options));
    if (found['.tag'] === 'file') return key.endsWith('/') ? undefined : { path, parent_rev: found.rev };
    if (!key.endsWith('/')) return undefined;
    const { entries } = await callSdk(() => client.filesListFolder({ path, limit: 1 }, options));
    return entries.length > 0 ? 'full' : { path };
  } catch (error) {
    if (error instanceof DropboxRefusal && error.code === 'OBJECT_NOT_FOUND') return undefined;
    throw error;
  }
}

async function deleteBatch(
  client: Dropbox,
  batch: readonly Doomed[],
  options: CallOptions,
): Promise<files.DeleteBatchResultEntry[]> {
  const entries = batch.map(({ entry }) => entry);
  const launch = await callSdk(() => client.filesDeleteBatch({ entries }, options));
  if (launch['.tag'] === 'complete') return launch.entries;
  if (launch['.tag'] !== 'async_job_id') throw unionError(launch);
  const job = { async_job_id: launch.async_job_id };
  const status = await resultOf(() => callSdk(() => client.filesDeleteBatchCheck(job, options)), options.signal);
  if (status['.tag'] === 'complete') return status.entries;
  throw status['.tag'] === 'failed'
    ? unionError(status.failed)
    : new AppError('PROVIDER_UNAVAILABLE', 'Dropbox does not say what became of a deletion.');
}
