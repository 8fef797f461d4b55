import { type Capabilities, capabilitiesRevision } from '../../capabilities.ts';

const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;
/** Largest object, also of one request ("Quotas & limits", Objects). */
const objectMaxBytes = 5 * 1024 ** 4;
/** V4 signatures last a week at most ("V4 signing process", X-Goog-Expires). */
const maxExpiresMs = 7 * 24 * 3600_000;

/** @param presigns whether the credentials hold a key that signs URLs here. */
export function gcsCapabilities(presigns: boolean): Capabilities {
  return {
    revision: capabilitiesRevision,
    listing: { order: 'bytes', maxPageSize: 1000, hasFolders: false },
    // Composite objects, and what was uploaded in parts, have no MD5 ("Hashes and ETags").
    read: { digests: ['crc32c', 'md5'], pinned: true, versions: false },
    write: {
      singleMaxBytes: objectMaxBytes,
      objectMaxBytes,
      partMinBytes: 5 * mebibyte,
      partMaxBytes: 5 * gibibyte,
      maxParts: 10_000,
      partMultipleBytes: 1,
      listsParts: true,
      replacesParts: true,
      lastPartCloses: false,
      singleDigest: 'crc32c',
      partDigest: 'crc32c',
      completeDigest: 'crc32c',
      digestTiming: 'after',
      statedDigests: ['crc32c', 'md5'],
      conditional: true,
      // "XML API multipart uploads": these requests take no preconditions.
      conditionalUpload: false,
      userMetadata: true,
      contentHeaders: true,
      modifiedAtPrecisionMs: 1,
    },
    tags: null,
    copy: { scheme: 'gcs', maxBytes: objectMaxBytes, conditional: true, metadata: true },
    conditionalDelete: true,
    ingest: null,
    presign: presigns ? { minExpiresMs: 1000, maxExpiresMs } : null,
    folders: 'marker',
    quota: false,
    caseSensitive: true,
    maxKeyBytes: 1024,
  };
}
