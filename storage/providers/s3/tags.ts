import { AppError } from '../../../core/errors.ts';
import type { ReadTagsRequest } from '../../provider.ts';
import { type Tags, TagsDenied } from '../../tags.ts';
import { maxTaggingBytes, parseTags } from '../tags.ts';
import { notS3, S3Refusal } from './errors.ts';
import type { S3Rest } from './rest.ts';

/** What whoever writes objects with tags needs besides the right to write. */
export const writeTagsRemedy = 'Writing tags needs s3:PutObjectTagging: allow it.';
const readTagsRemedy =
  'These credentials may not read the tags of objects. Allow s3:GetObjectTagging, and s3:GetObjectVersionTagging where the bucket keeps versions.';

/** GetObjectTagging. No tags, too, of the stores that answer so with an error of its own. */
export async function readTags(
  rest: S3Rest,
  { container, key, pin }: ReadTagsRequest,
  signal: AbortSignal,
): Promise<Tags> {
  const query = { tagging: '', ...(pin?.versionId === undefined ? {} : { versionId: pin.versionId }) };
  try {
    const response = await rest.send({ method: 'GET', bucket: container, key, query, signal });
    const tags = parseTags(await response.body.text(maxTaggingBytes));
    if (tags === undefined) throw notS3();
    return tags;
  } catch (error) {
    if (error instanceof S3Refusal && error.reason === 'NoSuchTagSet') return {};
    const isDenied = error instanceof AppError && error.code === 'PERMISSION_DENIED';
    throw isDenied ? new TagsDenied(readTagsRemedy, error) : error;
  }
}
