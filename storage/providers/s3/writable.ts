import { orAborted, throwIfCancelled } from '../../http.ts';
import type { Location } from '../../provider.ts';
import { element, unescapeXml } from '../xml.ts';
import { checkBucketName } from './address.ts';
import { sendDelete } from './deletion.ts';
import { notS3 } from './errors.ts';
import type { S3Rest } from './rest.ts';

const maxAnswerBytes = 64 * 1024;
const abortMs = 10_000;

/**
 * Begins an upload and aborts it: that takes the permission that every write takes, and a store that knows no conditions
 * cannot mistake it for one. Nobody waits for the end, which comes after an abort of the signal as well; what cannot be
 * aborted has no parts, and costs nothing.
 *
 * @param headers What every object is written with: bucket policies may ask for it.
 */
export async function assertWritable(
  rest: S3Rest,
  location: Location,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  throwIfCancelled(signal);
  checkBucketName(location.container);
  const beginning = begin(rest, location, headers);
  beginning
    .then((uploadId) => sendDelete(rest, location, { query: { uploadId } }, AbortSignal.timeout(abortMs)))
    .catch(() => {});
  await orAborted(beginning, signal);
}

/** Returns the id of the upload. Whatever becomes of whoever asked, it has to be known. */
async function begin(rest: S3Rest, { container, key }: Location, headers: Record<string, string>): Promise<string> {
  const { body } = await rest.send({
    method: 'POST',
    ...{ bucket: container, key, query: { uploads: '' } },
    headers: { ...headers, 'content-length': '0' },
    signal: new AbortController().signal,
  });
  const id = element(await body.text(maxAnswerBytes), 'UploadId');
  if (id === undefined) throw notS3();
  return unescapeXml(id);
}
