import { type Capabilities, capabilitiesRevision, type TagRules } from '../../capabilities.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const dayMs = 86_400_000;

/** Limits of "Amazon S3 multipart upload limits"; compatible stores keep to the same. */
const limits = {
  singleMaxBytes: 5 * GiB,
  objectMaxBytes: 5 * 1024 * GiB,
  partMinBytes: 5 * MiB,
  partMaxBytes: 5 * GiB,
  maxParts: 10_000,
  partMultipleBytes: 1,
  listsParts: true,
  replacesParts: true,
  lastPartCloses: false,
} as const;

/** "Categorizing your storage using tags" in the S3 user guide; names that begin with `aws:` are the service's own. */
const tagRules: TagRules = {
  maxTags: 10,
  maxNameLength: 128,
  maxValueLength: 256,
  namePattern: '^(?!aws:)[\\p{L}\\p{Z}\\p{N}_.:/=+@-]+$',
  valuePattern: '^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$',
};

/** What a compatible store is known to do of these. */
export interface S3Abilities {
  /** Listings are in byte order. */
  ordered: boolean;
  /** ETags of objects written at once are their MD5. */
  etagIsMd5: boolean;
  /** Content-MD5 is checked before the object becomes visible. */
  checksMd5: boolean;
  /** CRC32C is checked: in headers and trailers, for parts, and for the whole of a multipart upload. */
  crc32c: boolean;
  /** Preconditions hold, for PutObject and CompleteMultipartUpload. */
  conditional: boolean;
  /** Copies are held to the source's ETag and take new metadata: of whole objects up to 5 GiB, or by parts beyond. */
  copies: 'none' | 'whole' | 'parts';
  /** Preconditions hold for CopyObject. */
  conditionalCopies: boolean;
  /** Preconditions hold for DeleteObject. */
  conditionalDeletes: boolean;
  /** Objects have tags: as they are written with, and copies those that the request gives them. */
  tags: boolean;
  /** Versions that were replaced are read by their id, where the bucket gives them one. */
  versions: boolean;
}

/** AWS's own documentation promises these. */
export const awsAbilities: S3Abilities = {
  ordered: true,
  etagIsMd5: true,
  checksMd5: true,
  crc32c: true,
  conditional: true,
  copies: 'parts',
  conditionalCopies: true,
  conditionalDeletes: true,
  tags: true,
  versions: true,
};
/** What any store that calls itself compatible does. */
export const leastAbilities: S3Abilities = {
  ordered: false,
  etagIsMd5: true,
  checksMd5: false,
  crc32c: false,
  conditional: false,
  copies: 'none',
  conditionalCopies: false,
  conditionalDeletes: false,
  tags: false,
  versions: false,
};

/**
 * "Sharing objects with presigned URLs" in the S3 user guide: seven days, and no longer than the credentials that
 * signed. When those of a session end is not known here; an hour is the least that a role's session is made for.
 */
const presignMaxMs = { key: 7 * dayMs, session: dayMs / 24 };

/** `signer`: whether requests are signed with a lasting key or with one of a session. */
export function s3Capabilities(abilities: S3Abilities, signer: 'key' | 'session' = 'key'): Capabilities {
  const { ordered, etagIsMd5, checksMd5, crc32c, conditional, copies, conditionalCopies, conditionalDeletes, tags } =
    abilities;
  const { versions } = abilities;
  const bodyDigest = crc32c ? 'crc32c' : etagIsMd5 ? 'md5' : null;
  return {
    revision: capabilitiesRevision,
    listing: { order: ordered ? 'bytes' : 'none', maxPageSize: 1000, hasFolders: false },
    read: {
      digests: [...(crc32c ? (['crc32c', 'crc32', 'sha256'] as const) : []), ...(etagIsMd5 ? (['md5'] as const) : [])],
      pinned: true,
      versions,
    },
    write: {
      ...limits,
      singleDigest: bodyDigest,
      partDigest: bodyDigest,
      completeDigest: crc32c ? 'crc32c' : null,
      digestTiming: 'after',
      statedDigests: [...(crc32c ? (['crc32c'] as const) : []), ...(checksMd5 ? (['md5'] as const) : [])],
      conditional,
      conditionalUpload: conditional,
      userMetadata: true,
      contentHeaders: true,
      modifiedAtPrecisionMs: 1,
    },
    tags: tags ? tagRules : null,
    copy:
      copies === 'none'
        ? null
        : {
            scheme: 's3',
            maxBytes: copies === 'parts' ? limits.objectMaxBytes : limits.singleMaxBytes,
            conditional: conditionalCopies && conditional,
            metadata: true,
          },
    conditionalDelete: conditionalDeletes,
    ingest: null,
    presign: { minExpiresMs: 1000, maxExpiresMs: presignMaxMs[signer] },
    folders: 'marker',
    quota: false,
    caseSensitive: true,
    maxKeyBytes: 1024,
  };
}
