import type { ChecksumAlgorithm } from '../checksums/checksum.ts';
import type { ByteString } from '../keys.ts';
import type { Blob } from './blobs.ts';

export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  /** Base64; for COMPOSITE with `-N` after it, N being the number of parts. */
  readonly value: string;
}

/** What a writer says about an object besides its bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
export interface ObjectAttributes {
  /** System metadata by lower-case header name: content-type, cache-control and so on. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata by lower-case name without `x-amz-meta-`; values hold one character per UTF-8 byte. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly storageClass: string;
  readonly tags: readonly Tag[];
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface ObjectPart {
  readonly partNumber: number;
  readonly size: number;
  /** The part's checksum in base64, when the object's algorithm was given for its parts. */
  readonly checksum: string | undefined;
}

export interface ObjectRecord extends ObjectAttributes {
  readonly key: ByteString;
  /** Absent: the null version, of a bucket without versioning or before it had any. */
  readonly versionId?: string;
  readonly size: number;
  /** Without quotes: the MD5 in hex, or for a multipart upload the MD5 of the parts' MD5s with `-N`. */
  readonly etag: string;
  /** Milliseconds since the epoch, in whole seconds as S3 keeps it. */
  readonly lastModified: number;
  readonly checksum: StoredChecksum | undefined;
  /** Only for objects made by a multipart upload. */
  readonly parts: readonly ObjectPart[] | undefined;
  readonly blobs: readonly Blob[];
}

/**
 * What stands in the place of an object that was deleted in a bucket with versioning.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
 */
export interface DeleteMarker {
  readonly key: ByteString;
  readonly versionId: string;
  readonly lastModified: number;
  readonly isDeleteMarker: true;
}

export type Version = ObjectRecord | DeleteMarker;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_Part.html */
export interface PartRecord {
  readonly partNumber: number;
  readonly size: number;
  readonly etag: string;
  readonly lastModified: number;
  /** Base64, of the upload's checksum algorithm. */
  readonly checksum: string | undefined;
  readonly blob: Blob;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_MultipartUpload.html */
export interface UploadRecord extends ObjectAttributes {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: ByteString;
  readonly initiated: number;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: ChecksumType | undefined;
}

export interface BucketRecord {
  readonly name: string;
  readonly created: number;
  readonly versioning?: Versioning;
}

/** Absent until it is set for the first time: https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html */
export type Versioning = 'Enabled' | 'Suspended';

/** The present time as S3 records it: whole seconds. */
export function currentSecond(): number {
  return Math.floor(Date.now() / 1000) * 1000;
}
