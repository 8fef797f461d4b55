import { createHash } from 'node:crypto';
import {
  encryptionHeaders,
  etagOf,
  readEncryption,
  readMetadata,
  readStorageClass,
  readSystemHeaders,
  readTaggingHeader,
  refuseUnsupportedHeaders,
  requireReadable,
} from '../attributes.ts';
import { type ChecksumAlgorithm, createChecksum } from '../checksums/checksum.ts';
import { readChecksumAlgorithm } from '../checksums/expected.ts';
import { writeCondition } from '../conditions.ts';
import { bucketName, bucketOf, header, keyOf, type RequestContext, versionHeaders } from '../context.ts';
import { type CopySource, findCopySource } from '../copy-source.ts';
import { S3Error } from '../errors.ts';
import { type ByteRange, parseCopyRange } from '../range.ts';
import { sendXml } from '../respond.ts';
import { type Blob, readBlobs } from '../store/blobs.ts';
import { currentSecond, type ObjectAttributes, type ObjectRecord, type StoredChecksum } from '../store/records.ts';
import { element, xmlDocument } from '../xml.ts';
import { checksumXml, handOver, MAXIMUM_UPLOAD_BYTES, quoted, withRetained } from './shared.ts';
import { partNumberOf, uploadIdOf } from './upload-part.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
export async function copyObject(context: RequestContext): Promise<void> {
  const key = keyOf(context);
  const condition = writeCondition(context);
  condition(bucketOf(context).objects.get(key));
  const source = findCopySource(context);
  requireReadable(source.object);
  if (source.object.size > MAXIMUM_UPLOAD_BYTES) {
    throw new S3Error(
      'InvalidRequest',
      `The specified copy source is larger than the maximum allowable size for a copy source: ${MAXIMUM_UPLOAD_BYTES}`,
    );
  }
  const attributes = copiedAttributes(context, source);
  const algorithm = readChecksumAlgorithm(context) ?? source.object.checksum?.algorithm;
  const copy = await copyBytes(context, source.object, { start: 0, end: source.object.size }, algorithm);
  const object: ObjectRecord = {
    ...attributes,
    key,
    size: source.object.size,
    etag: etagOf(attributes.headers, copy.etag),
    lastModified: currentSecond(),
    checksum: copy.checksum,
    parts: undefined,
    blobs: [copy.blob],
  };
  const version = handOver(copy.blob, () => context.store.putObject(bucketName(context), object, condition));
  const result = { ...copy, etag: object.etag };
  await sendResult(context, 'CopyObjectResult', object.lastModified, result, {
    ...encryptionHeaders(object.headers),
    ...source.headers,
    ...versionHeaders(bucketOf(context), version),
  });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html */
export async function uploadPartCopy(context: RequestContext): Promise<void> {
  const bucket = bucketName(context);
  bucketOf(context);
  const partNumber = partNumberOf(context);
  const { record } = context.store.upload(bucket, keyOf(context), uploadIdOf(context));
  const source = findCopySource(context);
  requireReadable(source.object);
  const range = parseCopyRange(header(context, 'x-amz-copy-source-range'), source.object.size);
  const size = range.end - range.start;
  if (size > MAXIMUM_UPLOAD_BYTES) {
    throw new S3Error('InvalidRequest', 'The specified copy range is larger than the maximum allowable size of a part');
  }
  const copy = await copyBytes(context, source.object, range, record.checksumAlgorithm);
  const part = {
    partNumber,
    size,
    etag: copy.etag,
    lastModified: currentSecond(),
    checksum: copy.checksum?.value,
    blob: copy.blob,
  };
  handOver(copy.blob, () => context.store.putPart(bucket, record.key, record.uploadId, part));
  await sendResult(context, 'CopyPartResult', part.lastModified, copy, source.headers);
}

interface Copy {
  readonly blob: Blob;
  readonly etag: string;
  readonly checksum: StoredChecksum | undefined;
}

function sendResult(
  context: RequestContext,
  root: string,
  lastModified: number,
  copy: Copy,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  return sendXml(
    context,
    xmlDocument(
      root,
      element('LastModified', new Date(lastModified).toISOString()),
      element('ETag', quoted(copy.etag)),
      checksumXml(copy.checksum),
    ),
    { headers },
  );
}

/** What the copy is said to be: taken from the source, or from this request where a directive says REPLACE. */
function copiedAttributes(context: RequestContext, { object }: CopySource): ObjectAttributes {
  refuseUnsupportedHeaders(context);
  const own = encryptionHeaders(object.headers);
  const plain = Object.fromEntries(Object.entries(object.headers).filter(([name]) => !(name in own)));
  const replacesMetadata = isReplaced(context, 'x-amz-metadata-directive');
  const replacesTags = isReplaced(context, 'x-amz-tagging-directive');
  const storageClass = readStorageClass(context);
  // An older version may be: https://docs.aws.amazon.com/AmazonS3/latest/userguide/RestoringPreviousVersions.html
  const isOntoItself = object === bucketOf(context).objects.get(keyOf(context));
  if (isOntoItself && !replacesMetadata && (storageClass === undefined || storageClass === object.storageClass)) {
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  return {
    headers: { ...(replacesMetadata ? readSystemHeaders(context) : plain), ...readEncryption(context) },
    metadata: replacesMetadata ? readMetadata(context) : object.metadata,
    tags: replacesTags ? readTaggingHeader(context) : object.tags,
    storageClass: storageClass ?? 'STANDARD',
  };
}

function isReplaced(context: RequestContext, name: string): boolean {
  const directive = header(context, name) ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE') {
    throw new S3Error('InvalidArgument', 'Unknown directive.', {
      details: { ArgumentName: name, ArgumentValue: directive },
    });
  }
  return directive === 'REPLACE';
}

/** Copies bytes into a blob of their own, which the caller owns, hashing them on the way as for an upload. */
function copyBytes(
  context: RequestContext,
  source: ObjectRecord,
  { start, end }: ByteRange,
  algorithm: ChecksumAlgorithm | undefined,
): Promise<Copy> {
  const writer = context.store.blobs.createWriter();
  const md5 = createHash('md5');
  const checksum = algorithm === undefined ? undefined : createChecksum(algorithm);
  return withRetained(source, async () => {
    try {
      for await (const piece of readBlobs(source.blobs, start, end)) {
        md5.update(piece);
        checksum?.update(piece);
        await writer.write(piece);
        // Pieces in memory come without any wait: other requests are to have their turn between them.
        await new Promise((resolve) => setImmediate(resolve));
      }
      const stored: StoredChecksum | undefined =
        algorithm && checksum
          ? { algorithm, type: 'FULL_OBJECT', value: checksum.digest().toString('base64') }
          : undefined;
      return { blob: await writer.finish(), etag: md5.digest('hex'), checksum: stored };
    } catch (error) {
      await writer.abort();
      throw error;
    }
  });
}
