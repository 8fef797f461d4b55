import { type Capabilities, capabilitiesRevision } from '../../capabilities.ts';

const MiB = 1024 * 1024;

/** The only life that Dropbox gives to a temporary link (reference of files/get_temporary_link). */
export const linkLifeMs = 4 * 60 * 60 * 1000;

/**
 * Limits of the reference of files/upload_session/start: 150 MiB a request, 2^41 - 2^22 bytes a file, and pieces of a
 * concurrent session that are multiples of 4 MiB. It names no limit to the number of pieces. Fetching from a URL is
 * given up after 15 minutes; 5 GiB pass in that time at 6 MB/s.
 */
export const dropboxCapabilities: Capabilities = {
  revision: capabilitiesRevision,
  listing: { order: 'none', maxPageSize: 2000, hasFolders: true },
  read: { digests: ['dropbox'], pinned: true, versions: false },
  write: {
    singleMaxBytes: 150 * MiB,
    objectMaxBytes: 2 ** 41 - 2 ** 22,
    partMinBytes: 4 * MiB,
    partMaxBytes: 148 * MiB,
    maxParts: 100_000,
    partMultipleBytes: 4 * MiB,
    listsParts: false,
    replacesParts: false,
    lastPartCloses: true,
    singleDigest: 'dropbox',
    partDigest: null,
    completeDigest: 'dropbox',
    digestTiming: 'after',
    statedDigests: [],
    conditional: true,
    conditionalUpload: true,
    userMetadata: false,
    contentHeaders: false,
    modifiedAtPrecisionMs: 1000,
  },
  tags: null,
  copy: { scheme: 'dropbox', maxBytes: 2 ** 41 - 2 ** 22, conditional: true, metadata: false },
  conditionalDelete: true,
  ingest: { maxBytes: 5 * 1024 * MiB, conditional: true, metadata: false },
  presign: { minExpiresMs: linkLifeMs, maxExpiresMs: linkLifeMs },
  folders: 'real',
  quota: true,
  caseSensitive: false,
  // A name of so many characters fits; paths of several names may be longer, and checkName tells.
  maxKeyBytes: 255,
};
