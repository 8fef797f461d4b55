import { createHash } from 'node:crypto';
import { receiveText } from '../body.ts';
import { type ChecksumAlgorithm, checksumElement, checksumHeader, createChecksum } from '../checksums/checksum.ts';
import { type CombinableAlgorithm, combineCrcs } from '../checksums/combine-crc.ts';
import { writeCondition } from '../conditions.ts';
import { bucketName, bucketOf, header, keyOf, keyText, type RequestContext, versionHeaders } from '../context.ts';
import { S3Error } from '../errors.ts';
import { sendXml } from '../respond.ts';
import { currentSecond, type ObjectRecord, type PartRecord, type StoredChecksum } from '../store/records.ts';
import type { Upload } from '../store/store.ts';
import { childText, element, parseXml, type XmlElement, xmlDocument } from '../xml.ts';
import { checksumXml, quoted } from './shared.ts';
import { uploadIdOf } from './upload-part.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html: of every part but the last. */
const MINIMUM_PART_BYTES = 5 * 1024 * 1024;
const MAXIMUM_OBJECT_BYTES = 50 * 1024 ** 4;
const MAXIMUM_DOCUMENT_BYTES = 8 * 1024 * 1024;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html */
export async function completeMultipartUpload(context: RequestContext): Promise<void> {
  bucketOf(context);
  const key = keyOf(context);
  const uploadId = uploadIdOf(context);
  const condition = writeCondition(context);
  context.store.upload(bucketName(context), key, uploadId);
  const document = parseXml(await receiveCompletion(context));
  // Only now: the upload may have been completed or aborted while the document was received.
  const upload = context.store.upload(bucketName(context), key, uploadId);
  const parts = selectParts(document, upload);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  requireSize(context, size);
  const checksum = objectChecksum(upload, parts);
  requireChecksum(context, upload, checksum);
  const { headers, metadata, storageClass, tags } = upload.record;
  const object: ObjectRecord = {
    headers,
    metadata,
    storageClass,
    tags,
    key,
    size,
    etag: multipartEtag(parts),
    lastModified: currentSecond(),
    checksum,
    // Parts of an object are numbered from one without gaps, whatever numbers they were uploaded under.
    parts: parts.map((part, index) => ({ partNumber: index + 1, size: part.size, checksum: part.checksum })),
    blobs: parts.map(({ blob }) => blob),
  };
  const version = context.store.completeUpload(uploadId, object, condition);
  await sendXml(
    context,
    xmlDocument(
      'CompleteMultipartUploadResult',
      element(
        'Location',
        `http://${context.request.headers.host}/${bucketName(context)}/${encodeURIComponent(keyText(context))}`,
      ),
      element('Bucket', bucketName(context)),
      element('Key', keyText(context)),
      element('ETag', quoted(object.etag)),
      checksumXml(checksum),
    ),
    { headers: versionHeaders(bucketOf(context), version) },
  );
}

/**
 * The list of parts. Checksum headers of this request are about the object, not about the document, so they are left
 * out of the verification of the body.
 */
function receiveCompletion(context: RequestContext): Promise<string> {
  return receiveText(context, MAXIMUM_DOCUMENT_BYTES, { checksumsAreOfBody: false });
}

/** @throws MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall, InvalidRequest */
function selectParts(document: XmlElement, upload: Upload): PartRecord[] {
  const entries = document.children.filter(({ name }) => name === 'Part');
  if (document.name !== 'CompleteMultipartUpload' || entries.length === 0 || entries.length > 10_000) {
    throw new S3Error('MalformedXML');
  }
  let previous = 0;
  const parts = entries.map((entry) => {
    const partNumber = Number(childText(entry, 'PartNumber'));
    const etag = childText(entry, 'ETag')?.replaceAll('"', '');
    if (!Number.isInteger(partNumber) || etag === undefined) {
      throw new S3Error('MalformedXML');
    }
    if (partNumber <= previous) {
      throw new S3Error('InvalidPartOrder');
    }
    previous = partNumber;
    const part = upload.parts.get(partNumber);
    if (part === undefined || part.etag !== etag || !checksumAgrees(entry, part, upload)) {
      throw new S3Error('InvalidPart', undefined, {
        details: { UploadId: upload.record.uploadId, PartNumber: String(partNumber), ETag: etag },
      });
    }
    return part;
  });
  for (const part of parts.slice(0, -1)) {
    if (part.size < MINIMUM_PART_BYTES) {
      throw new S3Error('EntityTooSmall', undefined, {
        details: {
          ProposedSize: String(part.size),
          MinSizeAllowed: String(MINIMUM_PART_BYTES),
          PartNumber: String(part.partNumber),
          ETag: part.etag,
        },
      });
    }
  }
  return parts;
}

/** @throws InvalidRequest when a composite checksum lacks that of a part */
function checksumAgrees(entry: XmlElement, part: PartRecord, { record }: Upload): boolean {
  if (record.checksumAlgorithm === undefined) {
    return true;
  }
  const given = childText(entry, checksumElement(record.checksumAlgorithm));
  if (given === undefined && record.checksumType === 'COMPOSITE') {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using a ${record.checksumAlgorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${part.partNumber} in the request.`,
    );
  }
  return given === undefined || given === part.checksum;
}

function requireSize(context: RequestContext, size: number): void {
  const promised = header(context, 'x-amz-mp-object-size');
  if (promised !== undefined && promised !== String(size)) {
    throw new S3Error(
      'InvalidRequest',
      `The provided 'x-amz-mp-object-size' header value ${promised} does not match what was computed: ${size}`,
    );
  }
  if (size > MAXIMUM_OBJECT_BYTES) {
    throw new S3Error('EntityTooLarge', undefined, {
      details: { ProposedSize: String(size), MaxSizeAllowed: String(MAXIMUM_OBJECT_BYTES) },
    });
  }
}

function multipartEtag(parts: readonly PartRecord[]): string {
  const md5 = createHash('md5');
  for (const { etag } of parts) {
    md5.update(etag, 'hex');
  }
  return `${md5.digest('hex')}-${parts.length}`;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
function objectChecksum({ record }: Upload, parts: readonly PartRecord[]): StoredChecksum | undefined {
  const { checksumAlgorithm: algorithm, checksumType: type } = record;
  if (algorithm === undefined || type === undefined) {
    return undefined;
  }
  const raw = (part: PartRecord) => Buffer.from(part.checksum as string, 'base64');
  if (type === 'FULL_OBJECT') {
    const combined = combineCrcs(
      algorithm as CombinableAlgorithm,
      parts.map((part) => ({ crc: raw(part), length: part.size })),
    );
    return { algorithm, type, value: combined.toString('base64') };
  }
  return { algorithm, type, value: `${digestOf(algorithm, parts.map(raw))}-${parts.length}` };
}

function digestOf(algorithm: ChecksumAlgorithm, pieces: readonly Buffer[]): string {
  const checksum = createChecksum(algorithm);
  for (const piece of pieces) {
    checksum.update(piece);
  }
  return checksum.digest().toString('base64');
}

/** @throws BadDigest, InvalidRequest */
function requireChecksum(context: RequestContext, { record }: Upload, checksum: StoredChecksum | undefined): void {
  const type = header(context, 'x-amz-checksum-type')?.toUpperCase();
  if (type !== undefined && type !== record.checksumType) {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using the ${record.checksumType} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  if (checksum === undefined) {
    return;
  }
  const promised = header(context, checksumHeader(checksum.algorithm));
  if (promised !== undefined && promised !== checksum.value && promised !== checksum.value.replace(/-\d+$/, '')) {
    throw new S3Error('BadDigest', `The ${checksum.algorithm} you specified did not match the calculated checksum.`);
  }
}
