import { randomBytes } from 'node:crypto';
import type { ByteString } from '../keys.ts';
import type { Blob } from './blobs.ts';
import type { OrderedKeys } from './ordered-keys.ts';
import type { BucketRecord, DeleteMarker, ObjectRecord, Version } from './records.ts';

/**
 * The versions of the objects in a bucket: https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
 * Most buckets keep one of each object, so the others are kept apart.
 */
export interface Bucket {
  record: BucketRecord;
  readonly index: OrderedKeys;
  /** Current versions that are objects. */
  readonly objects: Map<ByteString, ObjectRecord>;
  /** The versions that are not in `objects`, newest first; the first of a key without an object is a delete marker. */
  readonly history: Map<ByteString, readonly Version[]>;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html */
export const NULL_VERSION = 'null';

export function versionIdOf(version: Version): string {
  return version.versionId ?? NULL_VERSION;
}

export function isDeleteMarker(version: Version | undefined): version is DeleteMarker {
  return version !== undefined && 'isDeleteMarker' in version;
}

/** All versions of a key, newest first. */
export function versionsOf(bucket: Bucket, key: ByteString): readonly Version[] {
  const object = bucket.objects.get(key);
  const history = bucket.history.get(key) ?? [];
  return object === undefined ? history : [object, ...history];
}

/** Puts `versions`, newest first, in the place of those that the key has. */
export function publish(bucket: Bucket, key: ByteString, versions: readonly Version[]): void {
  const [latest, ...older] = versions;
  const hasObject = latest !== undefined && !isDeleteMarker(latest);
  if (hasObject) {
    bucket.objects.set(key, latest);
    bucket.index.add(key);
  } else if (bucket.objects.delete(key)) {
    bucket.index.delete(key);
  }
  const history = hasObject ? older : versions;
  if (history.length > 0) bucket.history.set(key, history);
  else bucket.history.delete(key);
}

/** The id of the next version in a bucket; undefined where the bucket never had versioning. */
export function nextVersionId({ record }: Bucket): string | undefined {
  return record.versioning === 'Enabled' ? randomBytes(24).toString('base64url') : record.versioning && NULL_VERSION;
}

export function blobsOf(version: Version): readonly Blob[] {
  return isDeleteMarker(version) ? [] : version.blobs;
}
