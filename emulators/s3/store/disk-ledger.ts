import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ByteString } from '../keys.ts';
import type { DiskBlobStorage } from './disk-blobs.ts';
import type { Ledger, LedgerContents } from './ledger.ts';
import type { BucketRecord, DeleteMarker, ObjectRecord, PartRecord, UploadRecord, Version } from './records.ts';
import { isDeleteMarker } from './versions.ts';

interface BlobReference {
  readonly id: string;
  readonly size: number;
}

type SavedVersion = DeleteMarker | (Omit<ObjectRecord, 'blobs'> & { readonly blobs: readonly BlobReference[] });

/**
 * One JSON file per record, written beside its place and renamed over it. The name of an object's file is the SHA-256
 * of its key, so any key is a safe name whatever the file system folds or forbids; the key itself is in the file, and so
 * are the older versions of the object.
 *
 *     buckets/NAME/bucket.json
 *     buckets/NAME/objects/ab/abcd….json
 *     uploads/ID/upload.json
 *     uploads/ID/part-00001.json
 */
export class DiskLedger implements Ledger {
  readonly #buckets: string;
  readonly #uploads: string;
  readonly #temporary: string;
  readonly #blobs: DiskBlobStorage;
  #sequence = 0;

  constructor(directory: string, blobs: DiskBlobStorage) {
    this.#buckets = join(directory, 'buckets');
    this.#uploads = join(directory, 'uploads');
    this.#temporary = join(directory, 'temporary');
    this.#blobs = blobs;
    rmSync(this.#temporary, { recursive: true, force: true });
    for (const path of [this.#buckets, this.#uploads, this.#temporary]) {
      mkdirSync(path, { recursive: true });
    }
  }

  load(): LedgerContents {
    const buckets: BucketRecord[] = [];
    const objects: { bucket: string; versions: Version[] }[] = [];
    const known = new Set<string>();
    for (const name of readdirSync(this.#buckets)) {
      const path = join(this.#buckets, name, 'bucket.json');
      if (!existsSync(path)) {
        // The record is written last at creation and removed first at deletion: this bucket does not exist.
        rmSync(join(this.#buckets, name), { recursive: true });
        continue;
      }
      buckets.push(readRecord<BucketRecord>(path));
      for (const file of this.#objectFiles(name)) {
        const { older = [], ...latest } = readRecord<SavedVersion & { older?: SavedVersion[] }>(file);
        const versions = [latest, ...older].map((version) =>
          'blobs' in version ? { ...version, blobs: version.blobs.map((blob) => this.#reopen(blob, known)) } : version,
        );
        objects.push({ bucket: name, versions });
      }
    }
    const uploads: { upload: UploadRecord; parts: PartRecord[] }[] = [];
    for (const uploadId of readdirSync(this.#uploads)) {
      const loaded = this.#loadUpload(uploadId, known);
      if (loaded === undefined) {
        this.deleteUpload(uploadId);
      } else {
        uploads.push(loaded);
      }
    }
    this.#blobs.sweep(known);
    return { buckets, objects, uploads };
  }

  saveBucket(bucket: BucketRecord): void {
    mkdirSync(join(this.#buckets, bucket.name, 'objects'), { recursive: true });
    this.#write(join(this.#buckets, bucket.name, 'bucket.json'), bucket);
  }

  deleteBucket(name: string): void {
    unlinkSync(join(this.#buckets, name, 'bucket.json'));
    rmSync(join(this.#buckets, name), { recursive: true });
  }

  saveVersions(bucket: string, key: ByteString, versions: readonly Version[]): void {
    const path = this.#objectPath(bucket, key);
    const [latest, ...older] = versions.map((version) =>
      isDeleteMarker(version) ? version : { ...version, blobs: version.blobs.map(({ id, size }) => ({ id, size })) },
    );
    if (latest === undefined) unlinkSync(path);
    else this.#write(path, older.length === 0 ? latest : { ...latest, older });
  }

  saveUpload(upload: UploadRecord): void {
    mkdirSync(join(this.#uploads, upload.uploadId));
    this.#write(join(this.#uploads, upload.uploadId, 'upload.json'), upload);
  }

  savePart(uploadId: string, part: PartRecord): void {
    const name = `part-${String(part.partNumber).padStart(5, '0')}.json`;
    this.#write(join(this.#uploads, uploadId, name), { ...part, blob: { id: part.blob.id, size: part.blob.size } });
  }

  deleteUpload(uploadId: string): void {
    rmSync(join(this.#uploads, uploadId), { recursive: true });
  }

  /** Undefined for an upload that was completed, aborted or not yet begun when the process ended. */
  #loadUpload(uploadId: string, known: Set<string>): { upload: UploadRecord; parts: PartRecord[] } | undefined {
    const directory = join(this.#uploads, uploadId);
    if (!existsSync(join(directory, 'upload.json'))) {
      return undefined;
    }
    const upload = readRecord<UploadRecord>(join(directory, 'upload.json'));
    const records = readdirSync(directory)
      .filter((name) => name.startsWith('part-'))
      .map((name) => readRecord<Omit<PartRecord, 'blob'> & { blob: BlobReference }>(join(directory, name)));
    // A completed object is recorded before its upload is removed, and takes over the blobs of the parts.
    if (records.some(({ blob }) => known.has(blob.id))) {
      return undefined;
    }
    return { upload, parts: records.map((part) => ({ ...part, blob: this.#reopen(part.blob, known) })) };
  }

  #reopen(reference: BlobReference, known: Set<string>) {
    known.add(reference.id);
    return this.#blobs.reopen(reference.id, reference.size);
  }

  *#objectFiles(bucket: string): Iterable<string> {
    const objects = join(this.#buckets, bucket, 'objects');
    for (const shard of readdirSync(objects)) {
      for (const name of readdirSync(join(objects, shard))) {
        yield join(objects, shard, name);
      }
    }
  }

  #objectPath(bucket: string, key: ByteString): string {
    const name = createHash('sha256').update(key, 'latin1').digest('hex');
    return join(this.#buckets, bucket, 'objects', name.slice(0, 2), `${name}.json`);
  }

  #write(path: string, record: object): void {
    const temporary = join(this.#temporary, String(this.#sequence));
    this.#sequence += 1;
    writeFileSync(temporary, JSON.stringify(record));
    try {
      renameSync(temporary, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error;
      }
      mkdirSync(join(path, '..'), { recursive: true });
      renameSync(temporary, path);
    }
  }
}

function readRecord<Record>(path: string): Record {
  return JSON.parse(readFileSync(path, 'utf8')) as Record;
}
