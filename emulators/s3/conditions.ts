import { header, type RequestContext } from './context.ts';
import { S3Error } from './errors.ts';
import type { ObjectRecord } from './store/records.ts';

/**
 * Conditions of a read. `not-modified` is for answering 304.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-reads.html
 * @throws PreconditionFailed
 */
export function checkReadConditions(context: RequestContext, object: ObjectRecord): 'proceed' | 'not-modified' {
  const ifMatch = header(context, 'if-match');
  const ifUnmodifiedSince = parseDate(header(context, 'if-unmodified-since'));
  if (ifMatch !== undefined) {
    if (!matchesEtag(ifMatch, object)) {
      throw failed('If-Match');
    }
    // An If-Match that holds outweighs If-Unmodified-Since.
  } else if (ifUnmodifiedSince !== undefined && object.lastModified > ifUnmodifiedSince) {
    throw failed('If-Unmodified-Since');
  }
  const ifNoneMatch = header(context, 'if-none-match');
  const ifModifiedSince = parseDate(header(context, 'if-modified-since'));
  if (ifNoneMatch !== undefined) {
    // An If-None-Match that fails outweighs If-Modified-Since.
    return matchesEtag(ifNoneMatch, object) ? 'not-modified' : 'proceed';
  }
  return ifModifiedSince !== undefined && object.lastModified <= ifModifiedSince ? 'not-modified' : 'proceed';
}

/**
 * Conditions on the source of a copy, all of which fail with 412.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * @throws PreconditionFailed
 */
export function checkCopyConditions(context: RequestContext, source: ObjectRecord): void {
  const ifMatch = header(context, 'x-amz-copy-source-if-match');
  const ifNoneMatch = header(context, 'x-amz-copy-source-if-none-match');
  const ifUnmodifiedSince = parseDate(header(context, 'x-amz-copy-source-if-unmodified-since'));
  const ifModifiedSince = parseDate(header(context, 'x-amz-copy-source-if-modified-since'));
  if (ifMatch !== undefined) {
    if (!matchesEtag(ifMatch, source)) {
      throw failed('x-amz-copy-source-If-Match');
    }
  } else if (ifUnmodifiedSince !== undefined && source.lastModified > ifUnmodifiedSince) {
    throw failed('x-amz-copy-source-If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) {
    if (matchesEtag(ifNoneMatch, source)) {
      throw failed('x-amz-copy-source-If-None-Match');
    }
  } else if (ifModifiedSince !== undefined && source.lastModified <= ifModifiedSince) {
    throw failed('x-amz-copy-source-If-Modified-Since');
  }
}

/**
 * The condition of a write, as a check of the object that it would replace. It is checked before the body is taken, to
 * answer early, and again when the object is put in place.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 * @throws NotImplemented for an If-None-Match other than `*`. The check throws PreconditionFailed or NoSuchKey.
 */
export function writeCondition(context: RequestContext): (present: ObjectRecord | undefined) => void {
  const ifNoneMatch = header(context, 'if-none-match');
  const ifMatch = header(context, 'if-match');
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    throw new S3Error('NotImplemented', undefined, { details: { Header: 'If-None-Match' } });
  }
  return (present) => {
    if (ifNoneMatch !== undefined && present !== undefined) {
      throw failed('If-None-Match');
    }
    if (ifMatch !== undefined) {
      if (present === undefined) {
        throw new S3Error('NoSuchKey');
      }
      if (!matchesEtag(ifMatch, present)) {
        throw failed('If-Match');
      }
    }
  };
}

/** Whether an entity tag, or one of a list, is that of the object; `*` matches any. */
export function matchesEtag(condition: string, object: ObjectRecord): boolean {
  return condition.split(',').some((entry) => {
    const tag = entry.trim().replace(/^W\//, '').replaceAll('"', '');
    return tag === '*' || tag === object.etag;
  });
}

function parseDate(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function failed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', undefined, { details: { Condition: condition } });
}
