import { hasBody, receiveText } from '../body.ts';
import { CHECKSUM_ALGORITHMS, checksumHeader } from '../checksums/checksum.ts';
import { matchesEtag } from '../conditions.ts';
import { bucketName, bucketOf, header, keyOf, parameter, type RequestContext, versionHeaders } from '../context.ts';
import { S3Error } from '../errors.ts';
import { type ByteString, toByteString } from '../keys.ts';
import { sendEmpty, sendXml } from '../respond.ts';
import type { Version } from '../store/records.ts';
import { isDeleteMarker } from '../store/versions.ts';
import { childText, element, parseXml, wrap, xmlDocument } from '../xml.ts';

const MAXIMUM_KEYS = 1000;
const MAXIMUM_DOCUMENT_BYTES = 8 * 1024 * 1024;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html */
export function deleteObject(context: RequestContext): void {
  const bucket = bucketOf(context);
  const versionId = parameter(context, 'versionId');
  const version = deleteIfMatching(context, keyOf(context), versionId, header(context, 'if-match'));
  sendEmpty(context, 204, {
    ...(isDeleteMarker(version) ? { 'x-amz-delete-marker': 'true' } : {}),
    ...(version === undefined ? {} : versionHeaders(bucket, version)),
  });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
export async function deleteObjects(context: RequestContext): Promise<void> {
  bucketOf(context);
  requireIntegrityHeader(context);
  const request = parseXml(hasBody(context.request) ? await receiveText(context, MAXIMUM_DOCUMENT_BYTES) : '');
  const entries = request.children.filter(({ name }) => name === 'Object');
  if (request.name !== 'Delete' || entries.length === 0 || entries.length > MAXIMUM_KEYS) {
    throw new S3Error('MalformedXML');
  }
  const isQuiet = childText(request, 'Quiet') === 'true';
  const results = entries.map((entry) => {
    const [key, versionId] = [childText(entry, 'Key'), childText(entry, 'VersionId')];
    if (key === undefined || key === '') {
      throw new S3Error('MalformedXML');
    }
    try {
      const version = deleteIfMatching(context, toByteString(key), versionId, childText(entry, 'ETag'));
      return isQuiet ? '' : deletedXml(key, versionId, version);
    } catch (error) {
      if (!(error instanceof S3Error)) {
        throw error;
      }
      return wrap(
        'Error',
        element('Key', key),
        element('VersionId', versionId),
        element('Code', error.code),
        element('Message', error.message),
      );
    }
  });
  await sendXml(context, xmlDocument('DeleteResult', ...results));
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletedObject.html */
function deletedXml(key: string, versionId: string | undefined, version: Version | undefined): string {
  const marker = isDeleteMarker(version)
    ? [element('DeleteMarker', true), element('DeleteMarkerVersionId', version.versionId)]
    : [];
  return wrap('Deleted', element('Key', key), element('VersionId', versionId), ...marker);
}

/** A delete conditional on an entity tag; https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html */
function deleteIfMatching(
  context: RequestContext,
  key: ByteString,
  versionId: string | undefined,
  ifMatch: string | undefined,
): Version | undefined {
  if (ifMatch !== undefined) {
    const present = bucketOf(context).objects.get(key);
    if (present === undefined) {
      throw new S3Error('NoSuchKey');
    }
    if (!matchesEtag(ifMatch, present)) {
      throw new S3Error('PreconditionFailed', undefined, { details: { Condition: 'If-Match' } });
    }
  }
  return context.store.deleteObject(bucketName(context), key, versionId);
}

/** The API reference: Content-MD5 is required for all Multi-Object Delete requests, or another checksum in its place. */
function requireIntegrityHeader(context: RequestContext): void {
  const names = ['content-md5', 'x-amz-trailer', ...CHECKSUM_ALGORITHMS.map(checksumHeader)];
  if (names.every((name) => header(context, name) === undefined)) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5');
  }
}
