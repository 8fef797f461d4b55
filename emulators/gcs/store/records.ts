import type { Blob } from '../../s3/store/blobs.ts';

/** What a writer says about an object besides its bytes. */
export interface ObjectAttributes {
  contentType?: string | undefined;
  contentEncoding?: string | undefined;
  contentLanguage?: string | undefined;
  contentDisposition?: string | undefined;
  cacheControl?: string | undefined;
  customTime?: string | undefined;
  storageClass: string;
  /** Custom metadata. */
  metadata: Readonly<Record<string, string>>;
}

/** One state of an object; replaced as a whole when it changes: https://cloud.google.com/storage/docs/json_api/v1/objects */
export interface ObjectRecord extends ObjectAttributes {
  readonly bucket: string;
  readonly name: string;
  /** Rises with every write of the name, in decimal. */
  readonly generation: string;
  /** 1, and one more with every change of the metadata. */
  readonly metageneration: number;
  readonly size: number;
  /** Base64. */
  readonly crc32c: string;
  /** Base64; composite objects and those of XML multipart uploads have none. */
  readonly md5: string | undefined;
  /** Of composite objects. */
  readonly componentCount: number | undefined;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly updated: number;
  readonly blobs: readonly Blob[];
}

export interface BucketRecord {
  readonly name: string;
  readonly projectId: string;
  readonly location: string;
  readonly storageClass: string;
  readonly created: number;
  /** Whether generations are kept when they are replaced or deleted. https://cloud.google.com/storage/docs/object-versioning */
  readonly versioning: boolean;
}

/** Bytes that arrived, with what was computed on the way. Digests are base64. */
export interface Content {
  readonly blobs: readonly Blob[];
  readonly size: number;
  readonly crc32c: string;
  readonly md5: string | undefined;
  readonly componentCount?: number | undefined;
}

/** An unfinished XML API multipart upload. */
export interface UploadRecord {
  readonly id: string;
  readonly bucket: string;
  readonly name: string;
  readonly attributes: ObjectAttributes;
  /** In milliseconds since 1970. */
  readonly initiated: number;
  readonly parts: Map<number, PartRecord>;
}

export interface PartRecord extends Content {
  readonly partNumber: number;
  /** With its quotes. */
  readonly etag: string;
  readonly modified: number;
}

/** A rewrite that goes on by its token. */
export interface RewriteRecord {
  readonly token: string;
  readonly source: string;
  readonly destination: string;
  /** What the first request said about the destination. */
  readonly resource: Record<string, unknown>;
  readonly begun: number;
  bytesRewritten: number;
}
