import { readAttributes } from '../attributes.ts';
import type { ChecksumAlgorithm } from '../checksums/checksum.ts';
import { checksumElement } from '../checksums/checksum.ts';
import { readChecksumAlgorithm } from '../checksums/expected.ts';
import {
  bucketName,
  bucketOf,
  header,
  integerParameter,
  keyOf,
  keyText,
  parameter,
  type RequestContext,
} from '../context.ts';
import { S3Error } from '../errors.ts';
import { toByteString } from '../keys.ts';
import { sendEmpty, sendXml } from '../respond.ts';
import type { ChecksumType, PartRecord, UploadRecord } from '../store/records.ts';
import { element, wrap, xmlDocument } from '../xml.ts';
import { INITIATOR_XML, listingEncoder, OWNER_XML, quoted } from './shared.ts';
import { uploadIdOf } from './upload-part.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html */
export async function createMultipartUpload(context: RequestContext): Promise<void> {
  const checksumAlgorithm = readChecksumAlgorithm(context);
  const checksumType = readChecksumType(context, checksumAlgorithm);
  const upload = context.store.createUpload({
    ...readAttributes(context),
    bucket: bucketName(context),
    key: keyOf(context),
    checksumAlgorithm,
    checksumType,
  });
  await sendXml(
    context,
    xmlDocument(
      'InitiateMultipartUploadResult',
      element('Bucket', upload.bucket),
      element('Key', keyText(context)),
      element('UploadId', upload.uploadId),
    ),
    {
      headers:
        checksumAlgorithm === undefined
          ? {}
          : { 'x-amz-checksum-algorithm': checksumAlgorithm, 'x-amz-checksum-type': checksumType as string },
    },
  );
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html */
export function abortMultipartUpload(context: RequestContext): void {
  bucketOf(context);
  const { record } = context.store.upload(bucketName(context), keyOf(context), uploadIdOf(context));
  context.store.abortUpload(record.uploadId);
  sendEmpty(context, 204);
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html */
export async function listParts(context: RequestContext): Promise<void> {
  bucketOf(context);
  const { record, parts } = context.store.upload(bucketName(context), keyOf(context), uploadIdOf(context));
  const maximum = Math.min(integerParameter(context, 'max-parts', 1000, 0), 1000);
  const marker = integerParameter(context, 'part-number-marker', 0, 0);
  const encode = listingEncoder(parameter(context, 'encoding-type'));
  const remaining = [...parts.values()]
    .filter(({ partNumber }) => partNumber > marker)
    .sort((a, b) => a.partNumber - b.partNumber);
  const page = remaining.slice(0, maximum);
  await sendXml(
    context,
    xmlDocument(
      'ListPartsResult',
      element('Bucket', record.bucket),
      element('Key', encode(record.key)),
      element('UploadId', record.uploadId),
      INITIATOR_XML,
      OWNER_XML,
      element('StorageClass', record.storageClass),
      element('PartNumberMarker', marker),
      element('NextPartNumberMarker', page.at(-1)?.partNumber ?? 0),
      element('MaxParts', maximum),
      element('IsTruncated', maximum > 0 && remaining.length > page.length),
      element('ChecksumAlgorithm', record.checksumAlgorithm),
      element('ChecksumType', record.checksumType),
      ...page.map((part) => partXml(part, record)),
    ),
  );
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html */
export async function listMultipartUploads(context: RequestContext): Promise<void> {
  bucketOf(context);
  const prefix = toByteString(parameter(context, 'prefix') ?? '');
  const delimiter = toByteString(parameter(context, 'delimiter') ?? '');
  const keyMarker = toByteString(parameter(context, 'key-marker') ?? '');
  const uploadIdMarker = keyMarker === '' ? '' : (parameter(context, 'upload-id-marker') ?? '');
  const maximum = Math.min(integerParameter(context, 'max-uploads', 1000, 0), 1000);
  const encode = listingEncoder(parameter(context, 'encoding-type'));
  const all = context.store.uploadsOf(bucketName(context)).map(({ record }) => record);
  const marked = all.findIndex(({ key, uploadId }) => key === keyMarker && uploadId === uploadIdMarker);

  const uploads: UploadRecord[] = [];
  const groups = new Set<string>();
  let isTruncated = false;
  let last: { key: string; uploadId: string } | undefined;
  for (const [index, upload] of all.entries()) {
    // Without an upload id as marker, uploads of the marked key itself are left out.
    const isAfter = marked >= 0 ? index > marked : upload.key > keyMarker;
    if (!isAfter || !upload.key.startsWith(prefix)) {
      continue;
    }
    const at = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length);
    const group = at < 0 ? undefined : upload.key.slice(0, at + delimiter.length);
    if (group !== undefined && (groups.has(group) || group <= keyMarker)) {
      continue;
    }
    if (uploads.length + groups.size === maximum) {
      isTruncated = maximum > 0;
      break;
    }
    if (group === undefined) {
      uploads.push(upload);
      last = upload;
    } else {
      groups.add(group);
      last = { key: group, uploadId: '' };
    }
  }
  await sendXml(
    context,
    xmlDocument(
      'ListMultipartUploadsResult',
      element('Bucket', bucketName(context)),
      element('KeyMarker', encode(keyMarker)),
      element('UploadIdMarker', uploadIdMarker),
      isTruncated && last !== undefined
        ? element('NextKeyMarker', encode(last.key)) + element('NextUploadIdMarker', last.uploadId)
        : '',
      element('Prefix', encode(prefix)),
      delimiter === '' ? '' : element('Delimiter', encode(delimiter)),
      element('MaxUploads', maximum),
      element('EncodingType', parameter(context, 'encoding-type')),
      element('IsTruncated', isTruncated),
      ...uploads.map((upload) => uploadXml(upload, encode(upload.key))),
      ...[...groups].map((group) => wrap('CommonPrefixes', element('Prefix', encode(group)))),
    ),
  );
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
function readChecksumType(context: RequestContext, algorithm: ChecksumAlgorithm | undefined): ChecksumType | undefined {
  const given = header(context, 'x-amz-checksum-type')?.toUpperCase();
  if (algorithm === undefined) {
    if (given !== undefined) {
      throw new S3Error(
        'InvalidRequest',
        'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
      );
    }
    return undefined;
  }
  const allowed: readonly ChecksumType[] = {
    CRC32: ['COMPOSITE', 'FULL_OBJECT'] as const,
    CRC32C: ['COMPOSITE', 'FULL_OBJECT'] as const,
    CRC64NVME: ['FULL_OBJECT'] as const,
    SHA1: ['COMPOSITE'] as const,
    SHA256: ['COMPOSITE'] as const,
  }[algorithm];
  const type = given === undefined ? allowed[0] : allowed.find((candidate) => candidate === given);
  if (type === undefined) {
    throw new S3Error(
      'InvalidRequest',
      `The ${given} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return type;
}

function partXml(part: PartRecord, { checksumAlgorithm }: UploadRecord): string {
  return wrap(
    'Part',
    element('PartNumber', part.partNumber),
    element('LastModified', new Date(part.lastModified).toISOString()),
    element('ETag', quoted(part.etag)),
    element('Size', part.size),
    checksumAlgorithm === undefined ? '' : element(checksumElement(checksumAlgorithm), part.checksum),
  );
}

function uploadXml(upload: UploadRecord, encodedKey: string): string {
  return wrap(
    'Upload',
    element('Key', encodedKey),
    element('UploadId', upload.uploadId),
    INITIATOR_XML,
    OWNER_XML,
    element('StorageClass', upload.storageClass),
    element('Initiated', new Date(upload.initiated).toISOString()),
    element('ChecksumAlgorithm', upload.checksumAlgorithm),
    element('ChecksumType', upload.checksumType),
  );
}
