import { checkCopyConditions } from './conditions.ts';
import { header, type RequestContext, versionHeaders } from './context.ts';
import { S3Error } from './errors.ts';
import { type ByteString, decodeComponent } from './keys.ts';
import type { ObjectRecord } from './store/records.ts';
import type { Bucket } from './store/versions.ts';
import { decodeKey } from './target.ts';

export interface CopySource {
  readonly object: ObjectRecord;
  /** What the answer tells of it. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The object that x-amz-copy-source names (`bucket/key`, URL-encoded, and the version after it), once its conditions hold.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * @throws InvalidArgument, NoSuchBucket, NoSuchKey, NoSuchVersion, InvalidRequest, PreconditionFailed
 */
export function findCopySource(context: RequestContext): CopySource {
  const text = header(context, 'x-amz-copy-source') ?? '';
  const at = text.indexOf('?');
  const path = (at < 0 ? text : text.slice(0, at)).replace(/^\//, '');
  const version = at < 0 ? undefined : new URLSearchParams(text.slice(at + 1)).get('versionId');
  // Some clients encode the slash between bucket and key too.
  const separator = /\/|%2F/i.exec(path);
  const bucket = separator === null ? '' : decodeComponent(path.slice(0, separator.index));
  const key = separator === null ? undefined : decodeKey(path.slice(separator.index + separator[0].length));
  if (bucket === '' || key === undefined) {
    throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey', {
      details: { ArgumentName: 'x-amz-copy-source', ArgumentValue: text },
    });
  }
  const source = context.store.bucket(bucket);
  const object = findVersion(context, source, key, version ?? undefined);
  checkCopyConditions(context, object);
  const { 'x-amz-version-id': id } = versionHeaders(source, object);
  return { object, headers: id === undefined ? {} : { 'x-amz-copy-source-version-id': id } };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html: a delete marker is no source, and 400 then. */
function findVersion(context: RequestContext, bucket: Bucket, key: ByteString, versionId: string | undefined) {
  try {
    return context.store.object(bucket, key, versionId);
  } catch (error) {
    if (!(error instanceof S3Error && error.code === 'MethodNotAllowed')) throw error;
    throw new S3Error(
      'InvalidRequest',
      'The source of a copy request may not specifically refer to a delete marker by version id.',
    );
  }
}
