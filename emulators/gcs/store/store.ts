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
    this.#buckets.set(record.name, { record, index: new OrderedKeys(), objects: new Map() });
  }

  /** @throws noSuchBucket, bucketNotEmpty */
  deleteBucket(name: string): void {
    if (this.#bucket(name).index.size > 0) throw new GcsError('bucketNotEmpty');
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

  /** @throws noSuchKey, also for a generation that is not the live one: buckets here keep no others */
  require(bucket: string, name: string, generation?: string | null): ObjectRecord {
    const found = this.find(bucket, name);
    if (found === undefined || (generation != null && generation !== found.generation)) {
      throw new GcsError('noSuchKey', `No such object: ${bucket}/${name}`);
    }
    return found;
  }

  /** Makes content the object of that name. @throws rateLimitExceeded */
  put(bucket: string, name: string, attributes: ObjectAttributes, content: Content): ObjectRecord {
    const { objects, index } = this.#bucket(bucket);
    const key = toByteString(name);
    const previous = objects.get(key);
    this.#requirePause(previous);
    const freed = previous?.size ?? 0;
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
    objects.set(key, record);
    index.add(key);
    return record;
  }

  /** Changes what is said about an object. @throws rateLimitExceeded */
  update(current: ObjectRecord, attributes: ObjectAttributes): ObjectRecord {
    this.#requirePause(current);
    const { bucket, name, metageneration } = current;
    const record = { ...current, ...attributes, metageneration: metageneration + 1, updated: Date.now() };
    this.#bucket(bucket).objects.set(toByteString(name), record);
    return record;
  }

  delete({ bucket, name, size }: ObjectRecord): void {
    const { objects, index } = this.#bucket(bucket);
    const key = toByteString(name);
    objects.delete(key);
    index.delete(key);
    this.#usedBytes -= size;
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
