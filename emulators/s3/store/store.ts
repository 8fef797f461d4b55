import { randomBytes } from 'node:crypto';
import { S3Error } from '../errors.ts';
import type { ByteString } from '../keys.ts';
import type { BlobStorage } from './blobs.ts';
import type { Ledger } from './ledger.ts';
import { OrderedKeys } from './ordered-keys.ts';
import {
  type BucketRecord,
  currentSecond,
  type DeleteMarker,
  type ObjectRecord,
  type PartRecord,
  type Tag,
  type UploadRecord,
  type Version,
  type Versioning,
} from './records.ts';
import {
  type Bucket,
  blobsOf,
  isDeleteMarker,
  NULL_VERSION,
  nextVersionId,
  publish,
  versionIdOf,
  versionsOf,
} from './versions.ts';

export interface Upload {
  readonly record: UploadRecord;
  readonly parts: Map<number, PartRecord>;
}

/**
 * Buckets, objects and multipart uploads. All records are in memory; their blobs are where the blob storage keeps them,
 * and a ledger, when there is one, makes the records survive a restart. Every change is one synchronous step, so
 * conditions are checked and objects replaced atomically, and readers see an object whole, old or new, as S3 promises:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
 */
export class Store {
  readonly blobs: BlobStorage;
  readonly #ledger: Ledger | undefined;
  readonly #buckets = new Map<string, Bucket>();
  readonly #uploads = new Map<string, Upload>();

  constructor(blobs: BlobStorage, ledger?: Ledger) {
    this.blobs = blobs;
    this.#ledger = ledger;
    const contents = ledger?.load();
    for (const record of contents?.buckets ?? []) {
      this.#addBucket(record);
    }
    for (const { bucket, versions } of contents?.objects ?? []) {
      publish(this.bucket(bucket), (versions[0] as Version).key, versions);
    }
    for (const { upload, parts } of contents?.uploads ?? []) {
      this.#uploads.set(upload.uploadId, {
        record: upload,
        parts: new Map(parts.map((part) => [part.partNumber, part])),
      });
    }
  }

  /** All buckets by name. */
  listBuckets(): BucketRecord[] {
    return [...this.#buckets.values()].map(({ record }) => record).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  findBucket(name: string): Bucket | undefined {
    return this.#buckets.get(name);
  }

  /** @throws NoSuchBucket */
  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      throw new S3Error('NoSuchBucket', undefined, { details: { BucketName: name } });
    }
    return bucket;
  }

  createBucket(name: string): void {
    const record = { name, created: currentSecond() };
    this.#ledger?.saveBucket(record);
    this.#addBucket(record);
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html. @throws NoSuchBucket */
  setVersioning(name: string, versioning: Versioning): void {
    const bucket = this.bucket(name);
    const record = { ...bucket.record, versioning };
    this.#ledger?.saveBucket(record);
    bucket.record = record;
  }

  /**
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html: versions and delete markers count as objects;
   * unfinished uploads are removed with it. @throws BucketNotEmpty
   */
  deleteBucket(name: string): void {
    const { objects, history } = this.bucket(name);
    if (objects.size > 0 || history.size > 0) {
      throw new S3Error('BucketNotEmpty', undefined, { details: { BucketName: name } });
    }
    for (const { record } of this.uploadsOf(name)) {
      this.abortUpload(record.uploadId);
    }
    this.#ledger?.deleteBucket(name);
    this.#buckets.delete(name);
  }

  /**
   * The current version of an object, or the one of that id; how S3 answers for a delete marker is told in
   * https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
   * @throws NoSuchKey, NoSuchVersion, MethodNotAllowed
   */
  object(bucket: Bucket, key: ByteString, versionId?: string): ObjectRecord {
    const versions = versionsOf(bucket, key);
    const version = versionId === undefined ? versions[0] : versions.find((one) => versionIdOf(one) === versionId);
    if (isDeleteMarker(version)) {
      const headers = { 'x-amz-delete-marker': 'true', 'x-amz-version-id': version.versionId };
      if (versionId === undefined) throw new S3Error('NoSuchKey', undefined, { headers });
      const more = { allow: 'DELETE', 'last-modified': new Date(version.lastModified).toUTCString() };
      throw new S3Error('MethodNotAllowed', undefined, { headers: { ...headers, ...more } });
    }
    if (version !== undefined) return version;
    if (versionId === undefined) throw new S3Error('NoSuchKey');
    throw new S3Error('NoSuchVersion', undefined, { details: { VersionId: versionId } });
  }

  /**
   * Puts an object in the place of the present one, if `allow` does not throw for that one; the present one stays as an
   * older version where the bucket has versioning, unless both are the null version. Returns it with its version id.
   * @throws NoSuchBucket when the bucket was deleted meanwhile. The caller then still owns the object's blobs.
   */
  putObject(
    bucketName: string,
    object: ObjectRecord,
    allow: (present: ObjectRecord | undefined) => void,
  ): ObjectRecord {
    const bucket = this.bucket(bucketName);
    allow(bucket.objects.get(object.key));
    const versionId = nextVersionId(bucket);
    const version = versionId === undefined ? object : { ...object, versionId };
    this.#replace(bucket, object.key, [version, ...this.#others(bucket, object.key, versionIdOf(version))]);
    return version;
  }

  /** Tags belong to a version and make no new one: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html */
  replaceTags(bucketName: string, object: ObjectRecord, tags: readonly Tag[]): void {
    const bucket = this.bucket(bucketName);
    const versions = versionsOf(bucket, object.key);
    this.#replace(
      bucket,
      object.key,
      versions.map((version) => (version === object ? { ...object, tags } : version)),
    );
  }

  /**
   * Without a version id the object itself goes where the bucket never had versioning, and elsewhere a delete marker takes
   * its place, which is returned: https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html
   * With one that version goes for good, and is returned. Deleting what does not exist succeeds, as in S3.
   */
  deleteObject(bucketName: string, key: ByteString, versionId?: string): Version | undefined {
    const bucket = this.bucket(bucketName);
    const versions = versionsOf(bucket, key);
    const markerId = versionId === undefined ? nextVersionId(bucket) : undefined;
    const goes = versionId ?? markerId ?? NULL_VERSION;
    const others = this.#others(bucket, key, goes);
    if (markerId !== undefined) {
      const marker: DeleteMarker = { key, versionId: markerId, lastModified: currentSecond(), isDeleteMarker: true };
      this.#replace(bucket, key, [marker, ...others]);
      return marker;
    }
    if (others.length < versions.length) this.#replace(bucket, key, others);
    return versions.find((version) => versionIdOf(version) === goes);
  }

  createUpload(upload: Omit<UploadRecord, 'uploadId' | 'initiated'>): UploadRecord {
    this.bucket(upload.bucket);
    const record = { ...upload, uploadId: randomBytes(24).toString('base64url'), initiated: currentSecond() };
    this.#ledger?.saveUpload(record);
    this.#uploads.set(record.uploadId, { record, parts: new Map() });
    return record;
  }

  /** @throws NoSuchUpload, also for an upload id that belongs to another bucket or key. */
  upload(bucket: string, key: ByteString, uploadId: string): Upload {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined || upload.record.bucket !== bucket || upload.record.key !== key) {
      throw new S3Error('NoSuchUpload', undefined, { details: { UploadId: uploadId } });
    }
    return upload;
  }

  /** Unfinished uploads of a bucket by key, then by the time they began. */
  uploadsOf(bucket: string): Upload[] {
    return [...this.#uploads.values()]
      .filter(({ record }) => record.bucket === bucket)
      .sort(({ record: a }, { record: b }) => {
        if (a.key !== b.key) {
          return a.key < b.key ? -1 : 1;
        }
        return a.initiated - b.initiated || (a.uploadId < b.uploadId ? -1 : 1);
      });
  }

  /** Adds a part, or replaces the one of the same number. @throws NoSuchUpload; the caller then still owns the blob. */
  putPart(bucket: string, key: ByteString, uploadId: string, part: PartRecord): void {
    const { parts } = this.upload(bucket, key, uploadId);
    const present = parts.get(part.partNumber);
    this.#ledger?.savePart(uploadId, part);
    parts.set(part.partNumber, part);
    present?.blob.delete();
  }

  /** Publishes the object of an upload, which owns the blobs of its parts from then on, and drops the parts left out. */
  completeUpload(
    uploadId: string,
    object: ObjectRecord,
    allow: (present: ObjectRecord | undefined) => void,
  ): ObjectRecord {
    const upload = this.#uploads.get(uploadId) as Upload;
    const version = this.putObject(upload.record.bucket, object, allow);
    this.#ledger?.deleteUpload(uploadId);
    this.#uploads.delete(uploadId);
    const used = new Set(object.blobs);
    for (const { blob } of upload.parts.values()) {
      if (!used.has(blob)) {
        blob.delete();
      }
    }
    return version;
  }

  abortUpload(uploadId: string): void {
    const upload = this.#uploads.get(uploadId) as Upload;
    this.#ledger?.deleteUpload(uploadId);
    this.#uploads.delete(uploadId);
    for (const { blob } of upload.parts.values()) {
      blob.delete();
    }
  }

  #addBucket(record: BucketRecord): void {
    this.#buckets.set(record.name, { record, index: new OrderedKeys(), objects: new Map(), history: new Map() });
  }

  #others(bucket: Bucket, key: ByteString, versionId: string): Version[] {
    return versionsOf(bucket, key).filter((version) => versionIdOf(version) !== versionId);
  }

  /** Puts other versions in the place of those of a key, and frees the blobs that none of them has. */
  #replace(bucket: Bucket, key: ByteString, versions: readonly Version[]): void {
    const kept = new Set(versions.flatMap(blobsOf));
    const freed = versionsOf(bucket, key)
      .flatMap(blobsOf)
      .filter((blob) => !kept.has(blob));
    this.#ledger?.saveVersions(bucket.record.name, key, versions);
    publish(bucket, key, versions);
    for (const blob of freed) blob.delete();
  }
}
