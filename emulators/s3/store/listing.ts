import { type ByteString, successor } from '../keys.ts';
import type { OrderedKeys } from './ordered-keys.ts';

export interface ListingQuery {
  readonly prefix: ByteString;
  /** Empty: no grouping. */
  readonly delimiter: ByteString;
  /** Only keys, and common prefixes, strictly after this one are listed. Empty: from the beginning. */
  readonly after: ByteString;
  /** At most this many keys and common prefixes together. */
  readonly maximum: number;
}

export interface Listing {
  readonly keys: readonly ByteString[];
  readonly commonPrefixes: readonly ByteString[];
  readonly isTruncated: boolean;
  /** The last key or common prefix of this page: `after` of the next page. */
  readonly last: ByteString | undefined;
}

/**
 * One page of a listing in byte order. All keys that hold the delimiter after the prefix roll up into one common
 * prefix, which counts as one entry (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html); the
 * cursor jumps over the keys below it, so a page costs the same however many keys a folder holds.
 */
export function listKeys(index: OrderedKeys, query: ListingQuery): Listing {
  const { prefix, delimiter, after, maximum } = query;
  const keys: ByteString[] = [];
  const commonPrefixes: ByteString[] = [];
  let last: ByteString | undefined;
  if (maximum === 0) {
    return { keys, commonPrefixes, isTruncated: false, last };
  }
  const cursor = index.cursor(after > prefix ? after : prefix);
  for (let key = cursor.next(); key?.startsWith(prefix); key = cursor.next()) {
    if (after !== '' && key <= after) {
      continue;
    }
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const group = at < 0 ? undefined : key.slice(0, at + delimiter.length);
    // A group that the marker lies in was part of an earlier page.
    if (group === undefined || group > after) {
      if (keys.length + commonPrefixes.length === maximum) {
        return { keys, commonPrefixes, isTruncated: true, last };
      }
      last = group ?? key;
      (group === undefined ? keys : commonPrefixes).push(last);
    }
    if (group !== undefined) {
      const next = successor(group);
      if (next === undefined) {
        break;
      }
      cursor.seek(next);
    }
  }
  return { keys, commonPrefixes, isTruncated: false, last };
}
