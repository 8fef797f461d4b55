import { randomBytes } from 'node:crypto';
import type { ByteString } from '../../s3/keys.ts';
import { toByteString } from '../../s3/keys.ts';
import { OrderedKeys } from '../../s3/store/ordered-keys.ts';
import { GcsError } from '../errors.ts';
import type { BucketRecord, Content, ObjectAttributes, ObjectRecord, RewriteRecord, UploadRecord } from './records.ts';
import type { ResumableSession } from './resumable.ts';

interface Bucket {
  readonly record: BucketRecord;
  readonly index: OrderedKeys;
  readonly objects: Map<ByteString, ObjectRecord>;
  /** Replaced and deleted ones that the bucket keeps, by generation: no two of a bucket have the same. */
  readonly noncurrent: Map<string, ObjectRecord>;
}

/** Buckets and objects in memory. Every change is one synchronous step. */
export class Store {
  readonly uploads = new Map<string, UploadRecord>();
  readonly sessions = new Map<string, ResumableSession>();
  readonly rewrites = new Map<string, RewriteRecord>();
  readonly #buckets = new Map<string, Bucket>();
  readonly #maxBytes: number;
  readonly #isOnePerSecond: boolean;
  #usedBytes = 0;
  #lastGeneration = 0;

  /** @param isOnePerSecond whether an object may change once a second only. */
  constructor(maxBytes: number, isOnePerSecond: boolean) {
    this.#maxBytes = maxBytes;
    this.#isOnePerSecond = isOnePerSecond;
  }

  buckets(): BucketRecord[] {
    return [...this.#buckets.values()].map(({ record }) => record).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  findBucket(name: string): BucketRecord | undefined {
    return this.#buckets.get(name)?.record;
  }

  /** @throws conflict */
  createBucket(record: BucketRecord): void {
    if (this.#buckets.has(record.name)) throw new GcsError('conflict');
    this.#buckets.set(record.name, { record, index: new OrderedKeys(), objects: new Map(), noncurrent: new Map() });
  }

  /** @throws noSuchBucket, bucketNotEmpty */
  deleteBucket(name: string): void {
    const { index, noncurrent } = this.#bucket(name);
    if (index.size > 0 || noncurrent.size > 0) throw new GcsError('bucketNotEmpty');
    this.#buckets.delete(name);
  }

  /** Names of a bucket in byte order. @throws noSuchBucket */
  index(bucket: string): OrderedKeys {
    return this.#bucket(bucket).index;
  }

  find(bucket: string, name: string): ObjectRecord | undefined {
    return this.#bucket(bucket).objects.get(toByteString(name));
  }

  /** By the form that the index has. */
  at(bucket: string, key: ByteString): ObjectRecord {
    return this.#bucket(bucket).objects.get(key) as ObjectRecord;
  }

  /** The live object, or the one that a generation names. @throws noSuchKey */
  require(bucket: string, name: string, generation?: string | null): ObjectRecord {
    const live = this.find(bucket, name);
    const found =
      generation == null || generation === live?.generation ? live : this.#bucket(bucket).noncurrent.get(generation);
    if (found?.name !== name) throw new GcsError('noSuchKey', `No such object: ${bucket}/${name}`);
    return found;
  }

  /** Makes content the object of that name. @throws rateLimitExceeded */
  put(bucket: string, name: string, attributes: ObjectAttributes, content: Content): ObjectRecord {
    const { record: kept, objects, index, noncurrent } = this.#bucket(bucket);
    const key = toByteString(name);
    const previous = objects.get(key);
    this.#requirePause(previous);
    const freed = kept.versioning ? 0 : (previous?.size ?? 0);
    if (this.#usedBytes - freed + content.size > this.#maxBytes) {
      throw new GcsError('serviceUnavailable', `The memory of this server is full (${this.#maxBytes} bytes).`);
    }
    this.#usedBytes += content.size - freed;
    const now = Date.now();
    const record: ObjectRecord = {
      ...attributes,
      bucket,
      name,
      generation: this.#nextGeneration(),
      metageneration: 1,
      size: content.size,
      crc32c: content.crc32c,
      md5: content.md5,
      componentCount: content.componentCount,
      created: now,
      updated: now,
      blobs: content.blobs,
    };
    if (kept.versioning && previous !== undefined) noncurrent.set(previous.generation, previous);
    objects.set(key, record);
    index.add(key);
    return record;
  }

  /** Changes what is said about an object. @throws rateLimitExceeded */
  update(current: ObjectRecord, attributes: ObjectAttributes): ObjectRecord {
    this.#requirePause(current);
    const { bucket, name, generation, metageneration } = current;
    const record = { ...current, ...attributes, metageneration: metageneration + 1, updated: Date.now() };
    const { objects, noncurrent } = this.#bucket(bucket);
    if (noncurrent.has(generation)) noncurrent.set(generation, record);
    else objects.set(toByteString(name), record);
    return record;
  }

  /**
   * @param isForGood whether the request named the generation: else a bucket with versioning keeps it.
   * https://cloud.google.com/storage/docs/object-versioning
   */
  delete(found: ObjectRecord, isForGood: boolean): void {
    const { bucket, name, generation, size } = found;
    const { record, objects, index, noncurrent } = this.#bucket(bucket);
    const key = toByteString(name);
    const isKept = record.versioning && !isForGood;
    if (isKept) noncurrent.set(generation, found);
    else this.#usedBytes -= size;
    if (isForGood && noncurrent.delete(generation)) return;
    objects.delete(key);
    index.delete(key);
  }

  /** A name that cannot be guessed, for uploads and rewrites. */
  freshToken(): string {
    return randomBytes(32).toString('base64url');
  }

  /** https://cloud.google.com/storage/quotas#objects: one update a second of the same object. */
  #requirePause(previous: ObjectRecord | undefined): void {
    if (this.#isOnePerSecond && previous !== undefined && Date.now() - previous.updated < 1000) {
      throw new GcsError('rateLimitExceeded');
    }
  }

  /** Microseconds since the epoch, as the real ones are, and never the same twice. */
  #nextGeneration(): string {
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, Date.now() * 1000);
    return String(this.#lastGeneration);
  }

  #bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new GcsError('noSuchBucket');
    return bucket;
  }
}
