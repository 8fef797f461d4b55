import { AppError } from '../../../core/errors.ts';
import type { Location, Version } from '../../provider.ts';
import { requireEtag } from '../body.ts';
import { listBlobs } from './listing.ts';
import { toObjectInfo } from './properties.ts';
import type { BlobRest } from './rest.ts';

/** Whether there is a directory of this key, which ends in '/'. Whoever may not look at it is told of none. */
export async function isDirectory(rest: BlobRest, location: Location, signal: AbortSignal): Promise<boolean> {
  try {
    return (await findDirectory(rest, location, signal)) !== null;
  } catch (error) {
    if (error instanceof AppError && error.code === 'PERMISSION_DENIED') return false;
    throw error;
  }
}

/**
 * Deletes the directory of this key, if nothing is in it: else CONFLICT. A real one that is filled meanwhile is kept by the
 * service ("Known issues with Azure Data Lake Storage": only if it is empty); a blob that marks one holds nothing.
 */
export async function deleteDirectory(rest: BlobRest, location: Location, signal: AbortSignal): Promise<void> {
  const { container, key } = location;
  const found = await findDirectory(rest, location, signal);
  if (found === null) return;
  const below = await listBlobs(rest, { container, prefix: key, folders: true }, 1, signal);
  if (below.items.length > 0 || below.nextCursor !== null) {
    throw new AppError('CONFLICT', 'The folder is not empty.');
  }
  const headers = { 'if-match': requireEtag(found) };
  const response = await rest.send({ method: 'DELETE', container, key: bare(key), headers, signal });
  await response.body.text(0);
}

/** A real one, or an empty blob without the slash that `hdi_isfolder=true` marks as one. */
async function findDirectory(
  rest: BlobRest,
  { container, key }: Location,
  signal: AbortSignal,
): Promise<Version | null> {
  try {
    const response = await rest.send({ method: 'HEAD', container, key: bare(key), signal });
    await response.body.text(0);
    const { metadata, sizeBytes, version } = toObjectInfo(response.headers);
    return sizeBytes === 0 && metadata.user.hdi_isfolder === 'true' ? version : null;
  } catch (error) {
    if (error instanceof AppError && error.code === 'OBJECT_NOT_FOUND') return null;
    throw error;
  }
}

const bare = (key: string) => key.replace(/\/+$/, '');
