import { S3Error } from './errors.ts';
import { type ByteString, decodeComponent, toByteString } from './keys.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const MAXIMUM_KEY_BYTES = 1024;

/** What a request line and its Host header address. */
export interface RequestTarget {
  readonly rawPath: string;
  readonly rawQuery: string;
  /** Decoded; of a repeated parameter the first value. */
  readonly query: ReadonlyMap<string, string>;
  readonly bucket: string | undefined;
  readonly key: ByteString | undefined;
}

/**
 * Reads a target in path style (`/bucket/key`) or virtual-hosted style (`bucket.DOMAIN/key`).
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
 * @throws InvalidURI, KeyTooLongError
 */
export function parseTarget(url: string, host: string, domain: string): RequestTarget {
  const at = url.indexOf('?');
  const rawPath = at < 0 ? url : url.slice(0, at);
  const rawQuery = at < 0 ? '' : url.slice(at + 1);
  if (!rawPath.startsWith('/')) {
    throw new S3Error('InvalidURI');
  }
  const query = parseQuery(rawQuery);
  const hostName = host.replace(/:\d+$/, '').toLowerCase();
  if (hostName.endsWith(`.${domain}`)) {
    const bucket = hostName.slice(0, -domain.length - 1);
    return { rawPath, rawQuery, query, bucket, key: decodeKey(rawPath.slice(1)) };
  }
  const slash = rawPath.indexOf('/', 1);
  const bucket = decodeComponent(slash < 0 ? rawPath.slice(1) : rawPath.slice(1, slash));
  const key = slash < 0 ? undefined : decodeKey(rawPath.slice(slash + 1));
  return { rawPath, rawQuery, query, bucket: bucket === '' ? undefined : bucket, key };
}

/**
 * A key from a path or from x-amz-copy-source. A plus in it stands for a space, as in a query: S3 has always read it so,
 * against RFC 3986, which a client that leaves a plus unencoded is to find out here and not there.
 * @throws InvalidURI, KeyTooLongError
 */
export function decodeKey(encoded: string): ByteString | undefined {
  if (encoded === '') {
    return undefined;
  }
  const key = toByteString(decodeParameter(encoded));
  if (key.length > MAXIMUM_KEY_BYTES) {
    throw new S3Error('KeyTooLongError', undefined, {
      details: { Size: String(key.length), MaxSizeAllowed: String(MAXIMUM_KEY_BYTES) },
    });
  }
  return key;
}

function parseQuery(rawQuery: string): Map<string, string> {
  const query = new Map<string, string>();
  if (rawQuery === '') {
    return query;
  }
  for (const pair of rawQuery.split('&')) {
    const at = pair.indexOf('=');
    const name = decodeParameter(at < 0 ? pair : pair.slice(0, at));
    if (name !== '' && !query.has(name)) {
      query.set(name, at < 0 ? '' : decodeParameter(pair.slice(at + 1)));
    }
  }
  return query;
}

function decodeParameter(raw: string): string {
  return decodeComponent(raw.replaceAll('+', ' '));
}
