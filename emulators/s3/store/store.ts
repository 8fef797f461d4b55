import { randomBytes } from 'node:crypto';
import { S3Error } from '../errors.ts';
import type { ByteString } from '../keys.ts';
import type { Blob, BlobStorage } from './blobs.ts';
import type { Ledger } from './ledger.ts';
import { OrderedKeys } from './ordered-keys.ts';
import { type BucketRecord, currentSecond, type ObjectRecord, type PartRecord, type UploadRecord } from './records.ts';

export interface Bucket {
  readonly record: BucketRecord;
  readonly index: OrderedKeys;
  readonly objects: Map<ByteString, ObjectRecord>;
}

export interface Upload {
  readonly record: UploadRecord;
  readonly parts: Map<number, PartRecord>;
}

/**
 * Buckets, objects and multipart uploads. All records are in memory; their blobs are where the blob storage keeps them,
 * and a ledger, when there is one, makes the records survive a restart. Every change is one synchronous step, so
 * conditions are checked and objects replaced atomically, and readers see an object whole, old or new.
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
      this.#buckets.set(record.name, { record, index: new OrderedKeys(), objects: new Map() });
    }
    for (const { bucket, object } of contents?.objects ?? []) {
      this.#publish(this.bucket(bucket), object);
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
    this.#buckets.set(name, { record, index: new OrderedKeys(), objects: new Map() });
  }

  /** @throws BucketNotEmpty while it holds objects; unfinished uploads are removed with it. */
  deleteBucket(name: string): void {
    if (this.bucket(name).objects.size > 0) {
      throw new S3Error('BucketNotEmpty', undefined, { details: { BucketName: name } });
    }
    for (const { record } of this.uploadsOf(name)) {
      this.abortUpload(record.uploadId);
    }
    this.#ledger?.deleteBucket(name);
    this.#buckets.delete(name);
  }

  /** @throws NoSuchKey */
  object(bucket: Bucket, key: ByteString): ObjectRecord {
    const object = bucket.objects.get(key);
    if (object === undefined) {
      throw new S3Error('NoSuchKey');
    }
    return object;
  }

  /**
   * Puts an object in the place of the present one, if `allow` does not throw for that one.
   * @throws NoSuchBucket when the bucket was deleted meanwhile. The caller then still owns the object's blobs.
   */
  putObject(bucketName: string, object: ObjectRecord, allow: (present: ObjectRecord | undefined) => void): void {
    const bucket = this.bucket(bucketName);
    const present = bucket.objects.get(object.key);
    allow(present);
    this.#ledger?.saveObject(bucketName, object);
    this.#publish(bucket, object);
    deleteBlobs(present, object);
  }

  /** Deleting what does not exist succeeds, as in S3. */
  deleteObject(bucketName: string, key: ByteString): void {
    const bucket = this.bucket(bucketName);
    const present = bucket.objects.get(key);
    if (present === undefined) {
      return;
    }
    this.#ledger?.deleteObject(bucketName, key);
    bucket.objects.delete(key);
    bucket.index.delete(key);
    deleteBlobs(present, undefined);
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
  completeUpload(uploadId: string, object: ObjectRecord, allow: (present: ObjectRecord | undefined) => void): void {
    const upload = this.#uploads.get(uploadId) as Upload;
    this.putObject(upload.record.bucket, object, allow);
    this.#ledger?.deleteUpload(uploadId);
    this.#uploads.delete(uploadId);
    const used = new Set(object.blobs);
    for (const { blob } of upload.parts.values()) {
      if (!used.has(blob)) {
        blob.delete();
      }
    }
  }

  abortUpload(uploadId: string): void {
    const upload = this.#uploads.get(uploadId) as Upload;
    this.#ledger?.deleteUpload(uploadId);
    this.#uploads.delete(uploadId);
    for (const { blob } of upload.parts.values()) {
      blob.delete();
    }
  }

  #publish(bucket: Bucket, object: ObjectRecord): void {
    bucket.objects.set(object.key, object);
    bucket.index.add(object.key);
  }
}

/** Frees the blobs of a replaced object; a change of tags alone keeps them. */
function deleteBlobs(old: ObjectRecord | undefined, replacement: ObjectRecord | undefined): void {
  const kept = new Set<Blob>(replacement?.blobs);
  for (const blob of old?.blobs ?? []) {
    if (!kept.has(blob)) {
      blob.delete();
    }
  }
}
