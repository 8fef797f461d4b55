import { S3Error } from './errors.ts';

/** Bytes `start` to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The Range header of a GET: one range of bytes, with an open end or as a suffix. What is not understood, several
 * ranges among it, is ignored, so the whole object is the answer.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html and RFC 9110, section 14.2
 * @returns undefined for the whole object. @throws InvalidRange when nothing of it lies in the object
 */
export function parseRange(text: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) {
    return undefined;
  }
  const [, first, last] = match as unknown as [string, string, string];
  if (first !== '' && last !== '' && Number(last) < Number(first)) {
    return undefined;
  }
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (start >= size || start >= end) {
    throw new S3Error('InvalidRange', undefined, {
      details: { RangeRequested: text as string, ActualObjectSize: String(size) },
    });
  }
  return { start, end };
}

/**
 * The x-amz-copy-source-range of an UploadPartCopy, which must lie in the source as a whole.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
 * @throws InvalidArgument
 */
export function parseCopyRange(text: string | undefined, size: number): ByteRange {
  if (text === undefined) {
    return { start: 0, end: size };
  }
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text);
  if (match === null) {
    throw new S3Error(
      'InvalidArgument',
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      { details: { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: text } },
    );
  }
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  if (start >= end || end > size) {
    throw new S3Error('InvalidArgument', `Range specified is not valid for source object of size: ${size}`, {
      details: { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: text },
    });
  }
  return { start, end };
}
