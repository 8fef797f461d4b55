import type { ByteString } from '../keys.ts';
import type { BucketRecord, PartRecord, UploadRecord, Version } from './records.ts';

/**
 * Where records outlive the process. Every method is synchronous and atomic: after a crash a record is there whole, in
 * its old or its new form, so that publishing in memory and on disk are one step of the event loop, and no reader sees
 * half an update: https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
 */
export interface Ledger {
  load(): LedgerContents;
  saveBucket(bucket: BucketRecord): void;
  deleteBucket(name: string): void;
  /** All versions of a key, newest first; without any, the key is gone. */
  saveVersions(bucket: string, key: ByteString, versions: readonly Version[]): void;
  saveUpload(upload: UploadRecord): void;
  savePart(uploadId: string, part: PartRecord): void;
  /** Removes the upload and the records of its parts, not their blobs. */
  deleteUpload(uploadId: string): void;
}

export interface LedgerContents {
  readonly buckets: readonly BucketRecord[];
  readonly objects: readonly { readonly bucket: string; readonly versions: readonly Version[] }[];
  readonly uploads: readonly { readonly upload: UploadRecord; readonly parts: readonly PartRecord[] }[];
}
