import { type Capabilities, capabilitiesRevision, type TagRules } from '../../capabilities.ts';
import type { BlobAccess } from './access.ts';

const MiB = 1024 * 1024;

/** What the service fetches at once: the bound of Copy Blob From URL, which answers in time for the others too. */
export const fromUrlBytes = 256 * MiB;
const maxBlocks = 50_000;

/** A key that signs for users is good for a week ("Create a user delegation SAS"); what an account's key signs is held to it too. */
const presignMaxMs = 7 * 86_400_000;

/** "Set Blob Tags" of the Storage REST reference. */
const tagRules: TagRules = {
  maxTags: 10,
  maxNameLength: 128,
  maxValueLength: 256,
  namePattern: '^[A-Za-z0-9 +\\-./:=_]+$',
  valuePattern: '^[A-Za-z0-9 +\\-./:=_]*$',
};

/**
 * Limits of "Scalability and performance targets for Blob storage", but for the size of what is sent at once: the
 * service takes 4,000 MiB a block and 5,000 MiB a blob, yet it checks a body against an MD5 that comes before it, so
 * that every body is held in memory. 100 MiB in 50,000 blocks are 4.7 TiB.
 *
 * A SAS token makes no URL for one object: it opens all that it opens, for as long as it lives.
 *
 * With a hierarchical namespace folders are real, an object's key cannot end in a slash, and there are no tags ("Blob Storage
 * feature support in Azure Storage accounts").
 */
export function azureCapabilities(access: BlobAccess['kind'], isHierarchical: boolean): Capabilities {
  return {
    revision: capabilitiesRevision,
    listing: { order: 'none', maxPageSize: 5000, hasFolders: true },
    read: { digests: ['md5'], pinned: true, versions: false },
    write: {
      singleMaxBytes: 100 * MiB,
      objectMaxBytes: maxBlocks * 100 * MiB,
      partMinBytes: 1,
      partMaxBytes: 100 * MiB,
      maxParts: maxBlocks,
      partMultipleBytes: 1,
      listsParts: true,
      replacesParts: true,
      lastPartCloses: false,
      singleDigest: 'md5',
      partDigest: 'md5',
      completeDigest: null,
      digestTiming: 'before',
      statedDigests: ['md5'],
      conditional: true,
      conditionalUpload: true,
      userMetadata: true,
      contentHeaders: true,
      modifiedAtPrecisionMs: 1,
    },
    tags: isHierarchical ? null : tagRules,
    copy: { scheme: 'azure', maxBytes: maxBlocks * fromUrlBytes, conditional: true, metadata: true },
    conditionalDelete: true,
    ingest: { maxBytes: maxBlocks * fromUrlBytes, conditional: true, metadata: true },
    presign: access === 'sas' ? null : { minExpiresMs: 1000, maxExpiresMs: presignMaxMs },
    folders: isHierarchical ? 'real' : 'marker',
    quota: false,
    caseSensitive: true,
    maxKeyBytes: 1024,
  };
}
