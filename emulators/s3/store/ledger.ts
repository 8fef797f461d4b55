import type { ByteString } from '../keys.ts';
import type { BucketRecord, ObjectRecord, PartRecord, UploadRecord } from './records.ts';

/**
 * Where records outlive the process. Every method is synchronous and atomic: after a crash a record is there whole, in
 * its old or its new form, so that publishing in memory and on disk are one step of the event loop.
 */
export interface Ledger {
  load(): LedgerContents;
  saveBucket(bucket: BucketRecord): void;
  deleteBucket(name: string): void;
  saveObject(bucket: string, object: ObjectRecord): void;
  deleteObject(bucket: string, key: ByteString): void;
  saveUpload(upload: UploadRecord): void;
  savePart(uploadId: string, part: PartRecord): void;
  /** Removes the upload and the records of its parts, not their blobs. */
  deleteUpload(uploadId: string): void;
}

export interface LedgerContents {
  readonly buckets: readonly BucketRecord[];
  readonly objects: readonly { readonly bucket: string; readonly object: ObjectRecord }[];
  readonly uploads: readonly { readonly upload: UploadRecord; readonly parts: readonly PartRecord[] }[];
}
