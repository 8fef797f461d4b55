import { checkCopyConditions } from './conditions.ts';
import { header, type RequestContext, requireNoVersion } from './context.ts';
import { S3Error } from './errors.ts';
import { decodeComponent } from './keys.ts';
import type { ObjectRecord } from './store/records.ts';
import { decodeKey } from './target.ts';

export interface CopySource {
  readonly bucket: string;
  readonly object: ObjectRecord;
}

/**
 * The object that x-amz-copy-source names (`bucket/key`, URL-encoded), once its conditions hold.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * @throws InvalidArgument, NoSuchBucket, NoSuchKey, NoSuchVersion, PreconditionFailed
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
  requireNoVersion(version ?? undefined);
  const object = context.store.object(context.store.bucket(bucket), key);
  checkCopyConditions(context, object);
  return { bucket, object };
}
