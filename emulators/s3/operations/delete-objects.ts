import { hasBody, receiveText } from '../body.ts';
import { CHECKSUM_ALGORITHMS, checksumHeader } from '../checksums/checksum.ts';
import { matchesEtag } from '../conditions.ts';
import { bucketName, bucketOf, header, keyOf, parameter, type RequestContext, requireNoVersion } from '../context.ts';
import { S3Error } from '../errors.ts';
import { type ByteString, toByteString } from '../keys.ts';
import { sendEmpty, sendXml } from '../respond.ts';
import { childText, element, parseXml, wrap, xmlDocument } from '../xml.ts';

const MAXIMUM_KEYS = 1000;
const MAXIMUM_DOCUMENT_BYTES = 8 * 1024 * 1024;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html */
export function deleteObject(context: RequestContext): void {
  bucketOf(context);
  requireNoVersion(parameter(context, 'versionId'));
  deleteIfMatching(context, keyOf(context), header(context, 'if-match'));
  sendEmpty(context, 204);
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
    const key = childText(entry, 'Key');
    if (key === undefined || key === '') {
      throw new S3Error('MalformedXML');
    }
    try {
      requireNoVersion(childText(entry, 'VersionId'));
      deleteIfMatching(context, toByteString(key), childText(entry, 'ETag'));
      return isQuiet ? '' : wrap('Deleted', element('Key', key));
    } catch (error) {
      if (!(error instanceof S3Error)) {
        throw error;
      }
      return wrap('Error', element('Key', key), element('Code', error.code), element('Message', error.message));
    }
  });
  await sendXml(context, xmlDocument('DeleteResult', ...results));
}

/** A delete conditional on an entity tag; https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html */
function deleteIfMatching(context: RequestContext, key: ByteString, ifMatch: string | undefined): void {
  const present = bucketOf(context).objects.get(key);
  if (ifMatch !== undefined) {
    if (present === undefined) {
      throw new S3Error('NoSuchKey');
    }
    if (!matchesEtag(ifMatch, present)) {
      throw new S3Error('PreconditionFailed', undefined, { details: { Condition: 'If-Match' } });
    }
  }
  context.store.deleteObject(bucketName(context), key);
}

/** The API reference: Content-MD5 is required for all Multi-Object Delete requests, or another checksum in its place. */
function requireIntegrityHeader(context: RequestContext): void {
  const names = ['content-md5', 'x-amz-trailer', ...CHECKSUM_ALGORITHMS.map(checksumHeader)];
  if (names.every((name) => header(context, name) === undefined)) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5');
  }
}
