import { type Capabilities, capabilitiesRevision } from '../../provider.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

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

/** What a compatible store is known to do of these. */
export interface S3Abilities {
  /** Listings are in byte order. */
  ordered: boolean;
  /** ETags of objects written at once are their MD5. */
  etagIsMd5: boolean;
  /** CRC32C is checked: in headers and trailers, for parts, and for the whole of a multipart upload. */
  crc32c: boolean;
  /** Preconditions hold, for PutObject and CompleteMultipartUpload. */
  conditional: boolean;
}

/** AWS's own documentation promises these. */
export const awsAbilities: S3Abilities = { ordered: true, etagIsMd5: true, crc32c: true, conditional: true };
/** What any store that calls itself compatible does. */
export const leastAbilities: S3Abilities = { ordered: false, etagIsMd5: true, crc32c: false, conditional: false };

export function s3Capabilities({ ordered, etagIsMd5, crc32c, conditional }: S3Abilities): Capabilities {
  const bodyDigest = crc32c ? 'crc32c' : etagIsMd5 ? 'md5' : null;
  return {
    revision: capabilitiesRevision,
    listing: { order: ordered ? 'bytes' : 'none', maxPageSize: 1000 },
    read: {
      digests: [...(crc32c ? (['crc32c', 'crc32', 'sha256'] as const) : []), ...(etagIsMd5 ? (['md5'] as const) : [])],
      pinned: true,
    },
    write: {
      ...limits,
      singleDigest: bodyDigest,
      partDigest: bodyDigest,
      completeDigest: crc32c ? 'crc32c' : null,
      digestTiming: 'after',
      conditional,
      conditionalUpload: conditional,
      userMetadata: true,
      contentHeaders: true,
      modifiedAtPrecisionMs: 1,
    },
    copy: null,
    ingest: null,
    presign: null,
    folders: 'marker',
    quota: false,
    caseSensitive: true,
    maxKeyBytes: 1024,
  };
}
