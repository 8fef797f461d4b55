import { DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3';
import { AppError } from '../../../core/errors.ts';
import type { DeleteRequest, DeleteResult, Location } from '../../provider.ts';
import { requireEtag } from '../body.ts';
import { deleteEach } from '../deletion.ts';
import { checkBucketName } from './address.ts';
import { s3Error } from './errors.ts';
import { maxDeletions } from './request-rules.ts';
import type { S3Rest } from './rest.ts';
import { callSdk } from './sdk.ts';

/** Deletes under way at a time where each takes one object. */
const deleteConcurrency = 32;
/** What XML 1.0 cannot write, not even escaped: such keys are deleted one by one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
const notInXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
/** The body of an answer is read only to free the connection: it is empty, or nearly. */
const maxAnswerBytes = 64 * 1024;

/** Deletes objects whatever they are, as many a request as the store takes. What is missing counts as deleted. */
export async function deleteTogether(
  client: S3Client,
  rest: S3Rest,
  { container, keys }: DeleteRequest,
  signal: AbortSignal,
): Promise<DeleteResult> {
  checkBucketName(container);
  const failed: DeleteResult['failed'] = [];
  const joint = keys.filter((key) => !notInXml.test(key));
  for (let at = 0; at < joint.length; at += maxDeletions) {
    const Objects = joint.slice(at, at + maxDeletions).map((Key) => ({ Key }));
    const command = new DeleteObjectsCommand({ Bucket: container, Delete: { Objects } });
    const { Deleted = [], Errors = [] } = await callSdk(signal, () => client.send(command, { abortSignal: signal }));
    // An answer that was cut off, or is empty, tells of no failure either.
    if (Deleted.length + Errors.length !== Objects.length) {
      throw new AppError('PROVIDER_UNAVAILABLE', 'The store did not say of each object whether it was deleted.');
    }
    for (const { Key = '', Code } of Errors) {
      const error = s3Error({ status: 400, code: Code, headers: {} });
      if (error.code !== 'OBJECT_NOT_FOUND') failed.push({ key: Key, code: error.code, message: error.message });
    }
  }
  for (const key of keys.filter((one) => notInXml.test(one))) await sendDelete(rest, { container, key }, {}, signal);
  return { failed };
}

/** Deletes objects that are still of their versions, one a request. What is missing counts as deleted. */
export async function deleteMatching(
  rest: S3Rest,
  { container, keys, ifMatch }: DeleteRequest & { ifMatch: NonNullable<DeleteRequest['ifMatch']> },
  signal: AbortSignal,
): Promise<DeleteResult> {
  checkBucketName(container);
  return deleteEach(keys, deleteConcurrency, (key) => {
    const version = ifMatch.get(key);
    const headers: Record<string, string> = version === undefined ? {} : { 'if-match': requireEtag(version) };
    return sendDelete(rest, { container, key }, { headers }, signal);
  });
}

/** DeleteObject: of one version where the query names it. */
export async function sendDelete(
  rest: S3Rest,
  { container, key }: Location,
  parts: { query?: Record<string, string>; headers?: Record<string, string> },
  signal: AbortSignal,
): Promise<void> {
  const { body } = await rest.send({ method: 'DELETE', bucket: container, key, ...parts, signal });
  await body.text(maxAnswerBytes);
}
