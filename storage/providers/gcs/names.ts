import { AppError } from '../../../core/errors.ts';
import { encodeValue } from '../endpoint.ts';

const maxKeyBytes = 1024;

/** Throws CONTAINER_NOT_FOUND for what cannot be a bucket's name ("About Cloud Storage buckets"), without a request. */
export function checkBucketName(name: string): void {
  if (/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name)) return;
  throw new AppError('CONTAINER_NOT_FOUND', 'No bucket can have this name.');
}

/** Throws NAME_NOT_ALLOWED ("About Cloud Storage objects", Object names). */
export function checkObjectName(key: string): void {
  const rule =
    key === ''
      ? 'it is empty'
      : !key.isWellFormed()
        ? 'it is not valid Unicode'
        : Buffer.byteLength(key) > maxKeyBytes
          ? `it is longer than ${maxKeyBytes} bytes in UTF-8`
          : /[\r\n]/.test(key)
            ? 'it holds a line break'
            : key === '.' || key === '..'
              ? 'it is a dot or two'
              : key.startsWith('.well-known/acme-challenge/')
                ? 'it begins with .well-known/acme-challenge/'
                : undefined;
  if (rule !== undefined) throw new AppError('NAME_NOT_ALLOWED', `Cloud Storage cannot hold this name: ${rule}.`);
}

/** Path of an object in the JSON API; of the listing without a key. */
export function jsonPath(bucket: string, key?: string): string {
  checkBucketName(bucket);
  return `/storage/v1/b/${bucket}/o${key === undefined ? '' : `/${encodeValue(key)}`}`;
}

/**
 * Path of an object in the XML API. Slashes are encoded too, which the service takes for the same name ("Request
 * endpoints", Encoding URL path parts): nothing on the way can then resolve `..` between them.
 */
export function xmlPath(bucket: string, key: string): string {
  checkBucketName(bucket);
  return `/${bucket}/${encodeValue(key)}`;
}
