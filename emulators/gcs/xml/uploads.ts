import { childText, element, parseXml, wrap, type XmlElement } from '../../s3/xml.ts';
import { hashHeaders, receiveContent, receiveText, statedHashes, verifyHashes } from '../body.ts';
import { GcsError } from '../errors.ts';
import { type Exchange, header, requireBucket, requireName } from '../exchange.ts';
import { headerAttributes, xmlEtag } from '../resource.ts';
import { sendEmpty, sendXml } from '../respond.ts';
import { joined } from '../store/content.ts';
import type { UploadRecord } from '../store/records.ts';
import { writtenHeaders } from './objects.ts';

/** https://cloud.google.com/storage/quotas#requests */
const MINIMUM_PART_BYTES = 5 * 1024 * 1024;
const MAXIMUM_PART_BYTES = 5 * 1024 ** 3;
const MAXIMUM_PARTS = 10_000;
const MAXIMUM_LISTED = 1000;
const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** https://cloud.google.com/storage/docs/xml-api/post-object-multipart */
export async function initiateUpload(exchange: Exchange): Promise<void> {
  const { store } = exchange;
  await receiveText(exchange);
  refusePreconditions(exchange);
  const upload: UploadRecord = {
    id: store.freshToken(),
    bucket: requireBucket(exchange),
    name: requireName(exchange.name),
    attributes: headerAttributes(exchange),
    initiated: Date.now(),
    parts: new Map(),
  };
  store.uploads.set(upload.id, upload);
  const content = [element('Bucket', upload.bucket), element('Key', upload.name), element('UploadId', upload.id)];
  await sendXml(exchange, document('InitiateMultipartUploadResult', ...content));
}

/** https://cloud.google.com/storage/docs/xml-api/put-object-multipart */
export async function putPart(exchange: Exchange): Promise<void> {
  const upload = requireUpload(exchange);
  const partNumber = Number(exchange.query.get('partNumber'));
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > MAXIMUM_PARTS) {
    throw new GcsError('invalid', 'Part number must be an integer between 1 and 10000, inclusive.');
  }
  if (Number(header(exchange, 'content-length') ?? 0) > MAXIMUM_PART_BYTES) throw new GcsError('entityTooLarge');
  const content = await receiveContent(exchange);
  verifyHashes(content, hashHeaders(exchange));
  // It may have been completed or aborted while the part came in.
  requireUpload(exchange);
  const etag = `"${Buffer.from(content.md5 ?? '', 'base64').toString('hex')}"`;
  upload.parts.set(partNumber, { ...content, partNumber, etag, modified: Date.now() });
  const { crc32c, md5 } = statedHashes(exchange, content);
  sendEmpty(exchange, 200, { etag, 'x-goog-hash': [`crc32c=${crc32c}`, `md5=${md5}`] });
}

/** https://cloud.google.com/storage/docs/xml-api/get-object-multipart: hashes of parts are not repeated. */
export async function listParts(exchange: Exchange): Promise<void> {
  const { id, bucket, name, parts } = requireUpload(exchange);
  const after = Number(exchange.query.get('part-number-marker') ?? 0);
  const maximum = Math.min(Number(exchange.query.get('max-parts') ?? MAXIMUM_LISTED), MAXIMUM_LISTED);
  const rest = [...parts.values()]
    .filter(({ partNumber }) => partNumber > after)
    .sort((a, b) => a.partNumber - b.partNumber);
  const page = rest.slice(0, maximum);
  await sendXml(
    exchange,
    document(
      'ListPartsResult',
      element('Bucket', bucket),
      element('Key', name),
      element('UploadId', id),
      element('StorageClass', 'STANDARD'),
      element('PartNumberMarker', after),
      element('NextPartNumberMarker', page.at(-1)?.partNumber ?? after),
      element('MaxParts', maximum),
      element('IsTruncated', page.length < rest.length),
      ...page.map(({ partNumber, modified, etag, size }) =>
        wrap(
          'Part',
          element('PartNumber', partNumber),
          element('LastModified', new Date(modified).toISOString()),
          element('ETag', etag),
          element('Size', size),
        ),
      ),
    ),
  );
}

/** https://cloud.google.com/storage/docs/xml-api/get-bucket-uploads: all on one page. */
export async function listUploads(exchange: Exchange): Promise<void> {
  const bucket = requireBucket(exchange);
  const prefix = exchange.query.get('prefix') ?? '';
  const uploads = [...exchange.store.uploads.values()]
    .filter((upload) => upload.bucket === bucket && upload.name.startsWith(prefix))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  await sendXml(
    exchange,
    document(
      'ListMultipartUploadsResult',
      element('Bucket', bucket),
      element('Prefix', prefix),
      element('IsTruncated', false),
      ...uploads.map(({ id, name, initiated }) =>
        wrap(
          'Upload',
          element('Key', name),
          element('UploadId', id),
          element('StorageClass', 'STANDARD'),
          element('Initiated', new Date(initiated).toISOString()),
        ),
      ),
    ),
  );
}

/** https://cloud.google.com/storage/docs/xml-api/post-object-complete */
export async function completeUpload(exchange: Exchange): Promise<void> {
  const { store } = exchange;
  const text = await receiveText(exchange);
  const upload = requireUpload(exchange);
  refusePreconditions(exchange);
  const listed = parseDocument(text).children.filter(({ name }) => name === 'Part');
  if (listed.length === 0) throw new GcsError('malformedXml');
  let previous = 0;
  const chosen = listed.map((item) => {
    const partNumber = Number(childText(item, 'PartNumber'));
    const part = upload.parts.get(partNumber);
    if (part === undefined || unquoted(childText(item, 'ETag')) !== unquoted(part.etag)) {
      throw new GcsError('invalidPart');
    }
    if (partNumber <= previous) throw new GcsError('invalidPartOrder');
    previous = partNumber;
    return part;
  });
  if (chosen.slice(0, -1).some(({ size }) => size < MINIMUM_PART_BYTES)) throw new GcsError('entityTooSmall');
  const record = store.put(upload.bucket, upload.name, upload.attributes, joined(chosen));
  store.uploads.delete(upload.id);
  const content = [
    element('Location', `${exchange.origin}/${upload.bucket}/${upload.name}`),
    element('Bucket', upload.bucket),
    element('Key', upload.name),
    element('ETag', xmlEtag(record)),
  ];
  await sendXml(exchange, document('CompleteMultipartUploadResult', ...content), writtenHeaders(exchange, record));
}

/** https://cloud.google.com/storage/docs/xml-api/delete-multipart */
export async function abortUpload(exchange: Exchange): Promise<void> {
  exchange.store.uploads.delete(requireUpload(exchange).id);
  sendEmpty(exchange, 204);
}

/** @throws noSuchBucket, noSuchUpload */
function requireUpload(exchange: Exchange): UploadRecord {
  const bucket = requireBucket(exchange);
  const upload = exchange.store.uploads.get(exchange.query.get('uploadId') ?? '');
  if (upload === undefined || upload.bucket !== bucket || upload.name !== exchange.name) {
    throw new GcsError('noSuchUpload');
  }
  return upload;
}

/** https://cloud.google.com/storage/docs/multipart-uploads: preconditions are not supported in these requests. */
function refusePreconditions(exchange: Exchange): void {
  const name = Object.keys(exchange.request.headers).find((one) => /^(x-goog-if-|if-(none-)?match)/.test(one));
  if (name !== undefined) throw new GcsError('notImplemented', `Preconditions are not supported here: ${name}`);
}

function parseDocument(text: string): XmlElement {
  try {
    return parseXml(text);
  } catch {
    throw new GcsError('malformedXml');
  }
}

function unquoted(etag: string | undefined): string | undefined {
  return etag?.replace(/^"|"$/g, '');
}

function document(root: string, ...content: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${content.join('')}</${root}>`;
}
