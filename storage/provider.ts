import type { Readable } from 'node:stream';
import type { Capabilities, CopyScheme } from './capabilities.ts';
import type { DigestAlgorithm, Digests } from './digest-algorithm.ts';
import type { RequestRules } from './request-rules.ts';
import type { Tags } from './tags.ts';

/**
 * The contract between the product and a cloud. A provider is opened with credentials and then answers these calls;
 * what it cannot do it declares in `capabilities`, and callers ask for capabilities, never for a provider's name.
 *
 * Every call takes an AbortSignal and settles within 1 s of its abort (with AppError CANCELLED). Every rejection is an
 * AppError from the closed list in core/errors.ts. A provider never retries by itself: the caller owns attempts.
 * Sizes are bytes. Keys are opaque strings (UTF-8) within a container; comparison is by bytes.
 */
export interface StorageProvider {
  readonly capabilities: Capabilities;
  /** How many requests its calls make. */
  readonly requests: RequestRules;
  /** Where its objects are, known without a request: copies pass between accounts of one scheme at the same store only. */
  readonly store: string;

  /**
   * Proves the credentials work and finds out what the store can do. Those that may use one container only, and not see
   * which there are, are proven by an answer that the store gives to nobody whom it does not know. To the other end it may
   * write a few tiny objects to a store whose abilities are not documented, and deletes them again.
   * Throws CREDENTIALS_INVALID, PERMISSION_DENIED, ENDPOINT_*, CLOCK_SKEWED, THROTTLED.
   */
  check(signal: AbortSignal): Promise<AccountCheck>;

  /**
   * Ends the grant that the credentials are, with all its tokens, where the cloud ends a single one. Elsewhere nothing is
   * asked. CREDENTIALS_INVALID for one that has ended already, THROTTLED, PROVIDER_UNAVAILABLE, ENDPOINT_*.
   */
  revokeGrant(signal: AbortSignal): Promise<void>;

  /** Containers (buckets) that the credentials can see, a page at a time, in byte order of name where the cloud gives one. */
  listContainers(request: PageRequest, signal: AbortSignal): Promise<Page<ContainerEntry>>;

  /**
   * Entries below `prefix`, a page at a time. With `delimiter: '/'` one level: folders come as `kind: 'folder'` with a
   * key ending in '/'; the marker of the very folder that is listed (key = prefix) is left out. Without it all objects
   * below the prefix, flat, and a zero-byte key ending in '/' comes as a file; with `folders`, real folders come as
   * well.
   * A cursor is opaque, stays valid across processes and is safe to store. Order: `capabilities.listing.order`.
   */
  list(request: ListRequest, signal: AbortSignal): Promise<Page<Entry>>;

  /** Current facts about one object, hashes and metadata included. OBJECT_NOT_FOUND, CONTAINER_NOT_FOUND. */
  stat(location: Location, signal: AbortSignal): Promise<ObjectInfo>;

  /**
   * The object's tags, which no other call tells. Those of the version that the pin names where that is an id: a change of
   * tags alone is no new version. TagsDenied (PERMISSION_DENIED) for credentials that may not read them;
   * OBJECT_NOT_FOUND; NOT_SUPPORTED without `capabilities.tags`.
   */
  readTags(request: ReadTagsRequest, signal: AbortSignal): Promise<Tags>;

  /**
   * Bytes of one object, pinned: when `pin` is given and the object is no longer that version, OBJECT_CHANGED and no
   * byte of the new one; when it is gone, that or OBJECT_NOT_FOUND, as the cloud tells. With `capabilities.read.versions` a
   * version that has a `versionId` is given all the same, while the cloud keeps it. A range that the object does
   * not have is OBJECT_CHANGED too. `range` is half-open. The stream fails with an AppError on a truncated or reset body (never
   * ends early as if complete). Destroying the stream closes or drains the connection.
   */
  read(request: ReadRequest, signal: AbortSignal): Promise<ReadResult>;

  /**
   * Writes a whole object in one request; visible only when complete. At most `capabilities.write.singleMaxBytes`,
   * else OBJECT_TOO_LARGE. Idempotent for the same bytes. A failed or aborted write leaves the previous state; the one
   * exception is a CHECKSUM_MISMATCH with `digestTiming` after, which can leave nothing where the cloud takes no trailer
   * (GCS, Dropbox) or no checksum but MD5 (S3): the digest of a stream is compared with the answer there.
   * A stream in `body` is destroyed when the call fails, and its AppError, if it failed first, is what rejects.
   */
  write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult>;

  /**
   * Asks whether the credentials may write an object of this name, and changes nothing that anybody sees: PERMISSION_DENIED
   * where they may not. Resolves as well where only a write tells.
   */
  assertWritable(location: Location, signal: AbortSignal): Promise<void>;

  /** Begins an upload in parts. Nothing is visible at the destination until `completeUpload`. */
  beginUpload(request: BeginUploadRequest, signal: AbortSignal): Promise<UploadSession>;

  /**
   * Sends one part; parts may be sent in parallel and in any order, but for the last with `lastPartCloses`. Sending a
   * number again replaces it, with `replacesParts`; with the same bytes it is a success always. The receipt stands for these
   * very bytes: `completeUpload` makes nothing of it once others took their place. UPLOAD_EXPIRED when the session is gone,
   * INVALID_INPUT for a number above `maxParts` or more bytes than `partMaxBytes`. The body is treated as that of `write`.
   */
  putPart(request: PutPartRequest, signal: AbortSignal): Promise<PartReceipt>;

  /**
   * Parts that the cloud holds for the session, ascending; their digests as far as the cloud repeats them. When the
   * session is gone UPLOAD_EXPIRED, or no parts where the cloud does not know sessions (then sending them again works).
   * NOT_SUPPORTED without `capabilities.write.listsParts`.
   */
  listParts(session: UploadSession, signal: AbortSignal): Promise<PartReceipt[]>;

  /**
   * Joins the parts (ascending, complete). Completing again what was completed is a success, so that a lost answer does
   * no harm. UPLOAD_EXPIRED when the session or one of the parts is gone.
   */
  completeUpload(request: CompleteUploadRequest, signal: AbortSignal): Promise<WriteResult>;

  /**
   * Drops an unfinished upload. Idempotent: a session that is gone is a success. Azure cannot drop blocks, nor
   * Dropbox sessions of parts; they are never visible, and vanish by themselves after a week. PROVIDER_UNAVAILABLE also
   * while what `onUpload` told of may come about still: it is to be dropped later.
   */
  abortUpload(session: UploadSession, signal: AbortSignal): Promise<void>;

  /**
   * Unfinished uploads of this very key, by any program, that were begun within a span of time that the cloud's own clock
   * measures, to a second: for `abortUpload` alone, which needs nothing of `sizeBytes` and `metadata`. None where uploads
   * that nobody completes cost nothing and vanish by themselves.
   */
  findUploads(request: FindUploadsRequest, signal: AbortSignal): Promise<UploadSession[]>;

  /**
   * Lets another account of the same kind of cloud copy one object, without its bytes passing through here. What it
   * returns may hold a credential for that object, valid for about an hour: never log or store it. OBJECT_NOT_FOUND,
   * OBJECT_CHANGED; NOT_SUPPORTED without `capabilities.copy`.
   */
  offerCopy(request: OfferCopyRequest, signal: AbortSignal): Promise<CopyOffer>;

  /**
   * Copies an offered object inside the cloud, whole or not at all, whatever its size up to `capabilities.copy.maxBytes`.
   * Metadata is that of the request, with `capabilities.copy.metadata`, else that of the source. NOT_SUPPORTED for an
   * offer of another scheme or store; PERMISSION_DENIED when the credentials may not read the source; OBJECT_CHANGED
   * when the source is no longer what was offered. Idempotent.
   */
  copy(request: CopyRequest, signal: AbortSignal): Promise<WriteResult>;

  /**
   * Has the cloud fetch an object from a URL by itself. The URL may be a credential. ENDPOINT_UNREACHABLE when the cloud
   * cannot fetch it; NOT_SUPPORTED without `capabilities.ingest`. What arrives is checked as far as `digests` say what
   * it must be. Metadata is that of the request, with `capabilities.ingest.metadata`. Idempotent.
   */
  ingest(request: IngestRequest, signal: AbortSignal): Promise<WriteResult>;

  /**
   * A URL by which anybody can GET the object's bytes until it expires; it is a credential. Needs no request where the
   * cloud signs locally. NOT_SUPPORTED without `capabilities.presign`.
   */
  presign(request: PresignRequest, signal: AbortSignal): Promise<string>;

  /** Makes a folder, as `capabilities.folders` says. The key ends in '/'. Idempotent: a folder that exists is a success. */
  createFolder(location: Location, signal: AbortSignal): Promise<void>;

  /** Room that the account has; null where its cloud sets no bound. NOT_SUPPORTED without `capabilities.quota`. */
  quota(signal: AbortSignal): Promise<Quota | null>;

  /**
   * Deletes objects, any number, in as few requests as `requests.deletionsAtOnce` allows. Idempotent: a missing object
   * counts as deleted. A key ending in '/' that is no object's means the folder that is none: it goes only while nothing is
   * in it, else CONFLICT. Reports what could not be deleted, with PRECONDITION_FAILED for an object that is not the version of
   * `ifMatch`. A rejection leaves open which of several are gone.
   */
  deleteObjects(request: DeleteRequest, signal: AbortSignal): Promise<DeleteResult>;

  /**
   * Tells whether the destination can hold this key, without a request: NAME_NOT_ALLOWED with the rule in its message.
   */
  checkName(key: string): void;

  /** Frees sockets. The provider is not used afterwards. */
  close(): Promise<void>;
}

export interface Location {
  /** Bucket or container. */
  container: string;
  /** Key within it; never empty. */
  key: string;
}

export interface PageRequest {
  /** From the previous page; absent for the first. */
  cursor?: string | undefined;
  /** At most `capabilities.listing.maxPageSize`; the cloud may give fewer. */
  limit?: number | undefined;
}

export interface Page<T> {
  items: T[];
  /** null: this was the last page. */
  nextCursor: string | null;
}

export interface ContainerEntry {
  name: string;
  createdAt: Date | null;
}

export interface ListRequest extends PageRequest {
  container: string;
  /** '' for all. */
  prefix: string;
  delimiter?: '/' | undefined;
  /**
   * Of a flat listing: with all folders besides that are no objects, as `kind: 'folder'`, whether anything is in them or
   * not, that of the prefix too. It costs no request, but for one where nothing is below the prefix.
   */
  folders?: true | undefined;
}

/** One row of a listing. */
export interface Entry {
  kind: 'file' | 'folder';
  key: string;
  /** 0 for folders. */
  sizeBytes: number;
  /** null for folders. */
  modifiedAt: Date | null;
  /** Pin for `read`, as far as the listing gives one. */
  version: Version | null;
  /** Digests that the listing states. */
  digests: Digests;
  storageClass: string | null;
}

/** Identifies one state of an object. Opaque to callers, stored as JSON in checkpoints. */
export interface Version {
  etag?: string;
  versionId?: string;
}

export interface ObjectInfo {
  sizeBytes: number;
  modifiedAt: Date | null;
  version: Version;
  /** Whole-object digests that the cloud computed or verified itself. */
  digests: Digests;
  /** Whole-object digests that the cloud merely keeps because a writer asserted them. */
  assertedDigests: Digests;
  metadata: ObjectMetadata;
  storageClass: string | null;
}

/** What travels with an object besides its bytes. */
export interface ObjectMetadata {
  contentType?: string;
  contentEncoding?: string;
  contentLanguage?: string;
  contentDisposition?: string;
  cacheControl?: string;
  /** User metadata, names lower-case, values any Unicode. Without the one that holds `modifiedAt`. */
  user: Record<string, string>;
  /** Modification time of the original file, where it was recorded; to the millisecond. */
  modifiedAt?: Date;
  /** Nobody recorded `modifiedAt`: it is left out where the metadata has no room for it, or something else in its place. */
  isModifiedAtInferred?: boolean;
  /**
   * Tags for the object that is written, as `capabilities.tags` takes them, else none may be given. A denied request that
   * carries any is TagsDenied. What is read has none: see `readTags`.
   */
  tags?: Tags;
}

export interface ReadTagsRequest extends Location {
  pin?: Version | undefined;
}

export interface ReadRequest extends Location {
  pin?: Version | undefined;
  /** Half-open byte range [start, end). Absent: the whole object. */
  range?: { start: number; end: number } | undefined;
}

export interface ReadResult {
  /** Exactly the bytes asked for, or an error. */
  stream: Readable;
  /** Facts of the object that the answer's headers carried; `sizeBytes` is that of the whole object. */
  info: ObjectInfo;
}

/** A body on its way to a cloud. Consumed once. */
export interface UploadBody {
  readonly sizeBytes: number;
  /** The bytes; a Readable for streams, chunks for buffered bodies. */
  readonly source: Readable | readonly Uint8Array[];
  /**
   * What the bytes must hash to, said by whoever they come from before the first of them: nothing is computed on the way
   * then. Of `capabilities.write.statedDigests`, and for `write` only.
   */
  readonly stated?: Pick<Digests, 'crc32c' | 'md5'>;
  /**
   * Digest over the whole body in lower-case hex. With `digestTiming: 'before'` known at once, else after the last byte
   * was read from `source`. Throws when the algorithm was not asked for or the body has not ended.
   */
  digest(algorithm: DigestAlgorithm): string;
}

export interface Precondition {
  /** Only when nothing is there. */
  ifAbsent?: true;
  /** Only while the destination is this version. Where a cloud has to delete before it puts a copy there: or nothing. */
  ifMatch?: Version;
}

export interface WriteRequest extends Location {
  body: UploadBody;
  metadata: ObjectMetadata;
  precondition?: Precondition | undefined;
}

export interface WriteResult {
  version: Version;
  /** Digests of what it stored that the cloud computed or verified itself. */
  digests: Digests;
}

export interface BeginUploadRequest extends Location {
  sizeBytes: number;
  metadata: ObjectMetadata;
}

export interface FindUploadsRequest extends Location {
  /** Begun at most so long ago. */
  oldestMs: number;
  /** Begun at least so long ago. */
  newestMs: number;
}

/** An upload in parts. Plain JSON: it is checkpointed and used from other processes. */
export interface UploadSession extends Location {
  id: string;
  sizeBytes: number;
  metadata: ObjectMetadata;
}

export interface PutPartRequest {
  session: UploadSession;
  /** 1-based. */
  partNumber: number;
  /** Offset of the part's first byte in the object. */
  offset: number;
  body: UploadBody;
}

/** The cloud's acknowledgement of one part. Plain JSON. */
export interface PartReceipt {
  partNumber: number;
  sizeBytes: number;
  /** What `completeUpload` needs to name the part (an S3 part ETag, an Azure block id). */
  tag: string;
  /** Digests of the part that the cloud computed or verified itself. */
  digests: Digests;
}

export interface CompleteUploadRequest {
  session: UploadSession;
  parts: readonly PartReceipt[];
  /** Digests of the whole object, for `capabilities.write.completeDigest` and for those it can only assert. */
  digests: Digests;
  precondition?: Precondition | undefined;
}

export interface OfferCopyRequest extends Location {
  pin?: Version | undefined;
}

/** Permission to copy one object, to be kept as secret as a credential; with the facts that `stat` would give. */
export interface CopyOffer extends Location, Omit<ObjectInfo, 'storageClass'> {
  scheme: CopyScheme;
  /** The provider's `store`. */
  store: string;
  /** What opens the object to another account, where that is needed: a URL, a reference. */
  ticket?: string;
}

export interface CopyRequest extends Location {
  offer: CopyOffer;
  metadata: ObjectMetadata;
  precondition?: Precondition | undefined;
  onUpload?: OnUpload | undefined;
}

/**
 * Told of the upload, or the file of another name, that an object is made by and that stays at the cloud if this process
 * ends: whoever is told drops it with `abortUpload`. What is asked of the cloud waits for the promise. A request that
 * fails drops it itself, and tells null where it knows that nothing is left.
 */
export type OnUpload = (session: UploadSession | null) => Promise<void>;

export interface IngestRequest extends Location {
  url: string;
  sizeBytes: number;
  metadata: ObjectMetadata;
  /** What the source states of the object, as far as it vouches for it. */
  digests: Digests;
  precondition?: Precondition | undefined;
  onUpload?: OnUpload | undefined;
}

export interface PresignRequest extends Location {
  pin?: Version | undefined;
  /** From now, within what `capabilities.presign` says. */
  expiresInMs: number;
}

export interface Quota {
  usedBytes: number;
  totalBytes: number;
}

export interface DeleteRequest {
  container: string;
  keys: readonly string[];
  /** By key: each of these objects only while it is this version. */
  ifMatch?: ReadonlyMap<string, Version> | undefined;
}

export interface DeleteResult {
  failed: { key: string; code: import('../core/errors.ts').ErrorCode; message: string }[];
}

export interface AccountCheck {
  /** Who the credentials are, as the cloud names it, without secrets (an access key id, a storage account). */
  identity: string;
  /** The capabilities as probed on this very store; kept with the account. */
  capabilities: Capabilities;
}
