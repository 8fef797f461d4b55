import type { files } from 'dropbox';
import { AppError } from '../../../core/errors.ts';
import type { Digests } from '../../digest-algorithm.ts';
import type { Entry, ObjectInfo, ObjectMetadata, Precondition, Version, WriteResult } from '../../provider.ts';
import { toPath } from './names.ts';

/** Facts of a file as every endpoint states them. */
export type FileFacts = files.FileMetadata;

export function digestsOf({ content_hash: hash }: FileFacts): Digests {
  return hash === undefined ? {} : { dropbox: hash };
}

export function toVersion({ rev }: FileFacts): Version {
  return { versionId: rev };
}

export function toWriteResult(facts: FileFacts): WriteResult {
  return { version: toVersion(facts), digests: digestsOf(facts) };
}

/** The content hash is Dropbox's own always. The time that a writer states is kept; without one it is that of the write. */
export function toObjectInfo(facts: FileFacts): ObjectInfo {
  return {
    sizeBytes: facts.size,
    modifiedAt: new Date(facts.server_modified),
    version: toVersion(facts),
    digests: digestsOf(facts),
    assertedDigests: {},
    metadata: { user: {}, modifiedAt: new Date(facts.client_modified) },
    storageClass: null,
  };
}

export function toFileEntry(key: string, facts: FileFacts): Entry {
  return {
    kind: 'file',
    key,
    sizeBytes: facts.size,
    modifiedAt: new Date(facts.server_modified),
    version: toVersion(facts),
    digests: digestsOf(facts),
    storageClass: null,
  };
}

export function toFolderEntry(key: string): Entry {
  return { kind: 'folder', key, sizeBytes: 0, modifiedAt: null, version: null, digests: {}, storageClass: null };
}

/** Throws OBJECT_CHANGED unless the file is the version that was asked for. */
export function requirePinned(facts: FileFacts, pin: Version | undefined): void {
  if (pin === undefined || facts.rev === requireRev(pin)) return;
  throw new AppError('OBJECT_CHANGED', 'The file has changed since it was listed.');
}

export function requireRev({ versionId }: Version): string {
  if (versionId !== undefined) return versionId;
  throw new AppError('INVALID_INPUT', 'The version of a Dropbox file must hold its revision.');
}

/**
 * How a file is committed (CommitInfo of files/upload). Without a precondition it replaces what is there. With one,
 * `strict_conflict` makes a conflict also of what Dropbox would let pass: the same content, or a file that is gone.
 */
export function toCommit(key: string, metadata: ObjectMetadata, precondition: Precondition | undefined) {
  const mode: files.WriteMode = precondition?.ifAbsent
    ? { '.tag': 'add' }
    : precondition?.ifMatch
      ? { '.tag': 'update', update: requireRev(precondition.ifMatch) }
      : { '.tag': 'overwrite' };
  return {
    path: toPath(key),
    mode,
    autorename: false,
    strict_conflict: precondition !== undefined,
    mute: true,
    ...(metadata.modifiedAt === undefined ? {} : { client_modified: wholeSeconds(metadata.modifiedAt) }),
  } satisfies files.CommitInfo;
}

/** DropboxTimestamp: `%Y-%m-%dT%H:%M:%SZ`. */
function wholeSeconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
