import { AppError } from '../../../core/errors.ts';
import type { ReadTagsRequest } from '../../provider.ts';
import { type Tags, TagsDenied } from '../../tags.ts';
import { maxTaggingBytes, parseTags } from '../tags.ts';
import { notAzure } from './errors.ts';
import type { BlobRest } from './rest.ts';

const allowed = 'the permission t of a SAS, or the role Storage Blob Data Owner';
/** What whoever writes blobs with tags needs besides the right to write. */
export const writeTagsRemedy = `Writing tags needs ${allowed}: give it.`;
const readTagsRemedy = `These credentials may not read the tags of blobs. Give ${allowed}.`;

/** Get Blob Tags. */
export async function readTags(
  rest: BlobRest,
  { container, key }: ReadTagsRequest,
  signal: AbortSignal,
): Promise<Tags> {
  try {
    const response = await rest.send({ method: 'GET', container, key, query: { comp: 'tags' }, signal });
    const tags = parseTags(await response.body.text(maxTaggingBytes));
    if (tags === undefined) throw notAzure();
    return tags;
  } catch (error) {
    const isDenied = error instanceof AppError && error.code === 'PERMISSION_DENIED';
    throw isDenied ? new TagsDenied(readTagsRemedy, error) : error;
  }
}
