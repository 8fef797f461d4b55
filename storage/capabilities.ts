import type { DigestAlgorithm } from './digest-algorithm.ts';

/** Rises when the shape of `Capabilities` changes: stored ones of another revision are as good as none. */
export const capabilitiesRevision = 10;

/** What a provider can do and its limits. The conformance suite picks its tests by these and checks them both ways. */
export interface Capabilities {
  revision: typeof capabilitiesRevision;
  listing: {
    /** `bytes`: ascending by UTF-8 bytes of the key, proven; `none`: no order may be relied on. */
    order: 'bytes' | 'none';
    /** Most entries in one page. */
    maxPageSize: number;
    /** Whether there are folders that are no objects: a flat listing has them only where it is asked for `folders`. */
    hasFolders: boolean;
  };
  read: {
    /**
     * Digests of whole objects that the cloud may state, strongest first. Which an object has, and whether the cloud
     * vouches for it, is in ObjectInfo.digests and assertedDigests.
     */
    digests: readonly DigestAlgorithm[];
    /** Whether a read can be pinned to a version. */
    pinned: boolean;
    /** Whether a version with a `versionId` can be read after it was replaced; else it is OBJECT_CHANGED. */
    versions: boolean;
  };
  write: {
    /** Largest object for `write`. */
    singleMaxBytes: number;
    /** Largest object at all. */
    objectMaxBytes: number;
    /** Limits for parts; a part may be smaller than `partMinBytes` only when it is the last. */
    partMinBytes: number;
    partMaxBytes: number;
    maxParts: number;
    /** The size of a part, but for the last, is a multiple of this. */
    partMultipleBytes: number;
    /** Whether `listParts` tells; else it is NOT_SUPPORTED, and the receipts that the caller kept are what there is. */
    listsParts: boolean;
    /** Whether a number that is sent again with other bytes replaces the part; else only the same bytes may be. */
    replacesParts: boolean;
    /** Whether the last part ends the upload: then it is sent once all others are acknowledged, in any order. */
    lastPartCloses: boolean;
    /** Digest of the whole body that the cloud checks or returns for `write`; the body must offer it. null: none. */
    singleDigest: DigestAlgorithm | null;
    /** The same for each part. */
    partDigest: DigestAlgorithm | null;
    /**
     * Digest of the whole object that the cloud checks in `completeUpload` when the caller gives it; null: none.
     */
    completeDigest: DigestAlgorithm | null;
    /**
     * When the digest must be known: `before` the first byte goes out (a request header: such a body is buffered by
     * the caller under its memory budget), or `after` the last one (a trailer, or compared with the answer).
     */
    digestTiming: 'before' | 'after';
    /**
     * Digests of a whole body that `write` takes in place of `singleDigest` when they are `UploadBody.stated`: the cloud
     * refuses bytes that do not have them, before they become visible.
     */
    statedDigests: readonly ('crc32c' | 'md5')[];
    /** `ifAbsent` and `ifMatch` are honoured atomically by `write`; else they are NOT_SUPPORTED. */
    conditional: boolean;
    /** The same for `completeUpload`. */
    conditionalUpload: boolean;
    /** Names and values that the writer chooses. */
    userMetadata: boolean;
    /** Content type, encoding, language, disposition and cache control. */
    contentHeaders: boolean;
    /** How exactly `modifiedAt` is kept, in milliseconds; null: not at all. */
    modifiedAtPrecisionMs: number | null;
  };
  /** Tags of objects, which are read and written apart from user metadata; null: the store has none. */
  tags: null | TagRules;
  /** Copies inside the cloud; null: none. */
  copy: null | {
    /** Offers of this scheme can be taken. Whether a pair of accounts may is tried, and then PERMISSION_DENIED or not. */
    scheme: CopyScheme;
    maxBytes: number;
    /** Whether `copy` honours preconditions; else they are NOT_SUPPORTED. */
    conditional: boolean;
    /** Whether a copy has the metadata of the request; else it has that of its source. */
    metadata: boolean;
  };
  /** Whether `deleteObjects` honours `ifMatch`, atomically; else it is NOT_SUPPORTED. */
  conditionalDelete: boolean;
  /** Fetching from URLs; null: none. */
  ingest: null | {
    maxBytes: number;
    /** Whether `ingest` honours preconditions; else they are NOT_SUPPORTED. */
    conditional: boolean;
    /** Whether what was fetched has the metadata of the request; else it has none. */
    metadata: boolean;
  };
  /** URLs for one object; null: none. */
  presign: null | { minExpiresMs: number; maxExpiresMs: number };
  /** What `createFolder` makes: an empty object whose key ends in '/', or a folder that the cloud itself knows. */
  folders: 'marker' | 'real';
  /** Whether the cloud tells how much room there is. */
  quota: boolean;
  /** Whether two keys that differ only by case are two objects. */
  caseSensitive: boolean;
  /** Keys of up to so many UTF-8 bytes fit, if `checkName` allows their characters; it judges longer ones too. */
  maxKeyBytes: number;
}

/** What a store takes for the tags of an object. */
export interface TagRules {
  /** Most tags of one object. */
  maxTags: number;
  /** Longest name and value, in UTF-16 units. A name has one at least. */
  maxNameLength: number;
  maxValueLength: number;
  /** Regular expressions, with the flag `u`, that the whole of each name and value has to match. */
  namePattern: string;
  valuePattern: string;
}

/** Copies pass between accounts of one scheme. */
export type CopyScheme = 's3' | 'azure' | 'gcs' | 'dropbox';

/** Capabilities as an account keeps them; undefined for those of a version of Skyferry that described them otherwise. */
export function storedCapabilities(stored: unknown): Capabilities | undefined {
  const known = stored as Partial<Capabilities> | null;
  return known?.revision === capabilitiesRevision ? (known as Capabilities) : undefined;
}
