import { S3Error } from './errors.ts';

/**
 * The UTF-8 bytes of a key, prefix or delimiter, one character (U+0000 to U+00FF) per byte.
 *
 * S3 lists keys in UTF-8 binary order (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html), which
 * JavaScript's comparison of UTF-16 strings is not. Comparing these strings with `<` is exactly byte order, and
 * prefixes, delimiters and lengths work on bytes too. For ASCII keys the two forms are the same string.
 */
export type ByteString = string;

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII on purpose.
const ASCII = /^[\x00-\x7f]*$/;

export function toByteString(text: string): ByteString {
  return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

export function toText(bytes: ByteString): string {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * Percent-decodes a path or query component. Bytes that are not UTF-8 are refused with InvalidURI, since object keys
 * are sequences of Unicode characters (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
 */
export function decodeComponent(component: string): string {
  if (!component.includes('%')) {
    return component;
  }
  try {
    return decodeURIComponent(component);
  } catch {
    throw new S3Error('InvalidURI');
  }
}

/**
 * UriEncode() of Signature Version 4: everything but the unreserved characters of RFC 3986.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * The form of `encoding-type=url` in listings: that of Java's URLEncoder with `/` kept, so a space is `+`, a plus is
 * `%2B`, `*` stays and `~` is `%7E`. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
export function listingEncode(text: string): string {
  return encodeURIComponent(text)
    .replace(/%20/g, '+')
    .replace(/%2F/g, '/')
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The smallest byte string greater than every string that starts with `prefix`; undefined when there is none. */
export function successor(prefix: ByteString): ByteString | undefined {
  for (let end = prefix.length; end > 0; end -= 1) {
    const last = prefix.charCodeAt(end - 1);
    if (last < 0xff) {
      return prefix.slice(0, end - 1) + String.fromCharCode(last + 1);
    }
  }
  return undefined;
}
