import { bucketName, bucketOf, integerParameter, parameter, type RequestContext } from '../context.ts';
import { S3Error } from '../errors.ts';
import { type ByteString, toByteString, toText } from '../keys.ts';
import { sendXml } from '../respond.ts';
import { type Listing, listKeys } from '../store/listing.ts';
import type { ObjectRecord } from '../store/records.ts';
import { element, wrap, xmlDocument } from '../xml.ts';
import { listingEncoder, OWNER_XML, quoted } from './shared.ts';

const MAXIMUM_KEYS = 1000;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
export async function listObjectsV2(context: RequestContext): Promise<void> {
  const common = readCommon(context);
  const token = parameter(context, 'continuation-token');
  const startAfter = parameter(context, 'start-after');
  // A continuation token outweighs start-after.
  const after = token === undefined ? toByteString(startAfter ?? '') : decodeToken(token);
  const listing = listKeys(bucketOf(context).index, { ...common, after });
  const owner = parameter(context, 'fetch-owner') === 'true' ? OWNER_XML : '';
  await sendXml(
    context,
    xmlDocument(
      'ListBucketResult',
      commonXml(context, common),
      element('KeyCount', listing.keys.length + listing.commonPrefixes.length),
      element('IsTruncated', listing.isTruncated),
      element('ContinuationToken', token),
      element('NextContinuationToken', listing.isTruncated ? encodeToken(listing.last as ByteString) : undefined),
      startAfter === undefined ? '' : element('StartAfter', common.encode(toByteString(startAfter))),
      entriesXml(context, common, listing, owner),
    ),
  );
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html */
export async function listObjects(context: RequestContext): Promise<void> {
  const common = readCommon(context);
  const marker = toByteString(parameter(context, 'marker') ?? '');
  const listing = listKeys(bucketOf(context).index, { ...common, after: marker });
  // NextMarker is returned only with a delimiter; without one the last key serves.
  const next = listing.isTruncated && common.delimiter !== '' ? listing.last : undefined;
  await sendXml(
    context,
    xmlDocument(
      'ListBucketResult',
      commonXml(context, common),
      element('Marker', common.encode(marker)),
      element('NextMarker', next === undefined ? undefined : common.encode(next)),
      element('IsTruncated', listing.isTruncated),
      entriesXml(context, common, listing, OWNER_XML),
    ),
  );
}

export interface CommonQuery {
  readonly prefix: ByteString;
  readonly delimiter: ByteString;
  readonly maximum: number;
  readonly encode: (bytes: ByteString) => string;
}

export function readCommon(context: RequestContext): CommonQuery {
  return {
    prefix: toByteString(parameter(context, 'prefix') ?? ''),
    delimiter: toByteString(parameter(context, 'delimiter') ?? ''),
    // More than 1,000 may be asked for; the answer never holds more.
    maximum: Math.min(integerParameter(context, 'max-keys', MAXIMUM_KEYS, 0), MAXIMUM_KEYS),
    encode: listingEncoder(parameter(context, 'encoding-type')),
  };
}

export function commonXml(context: RequestContext, { prefix, delimiter, maximum, encode }: CommonQuery): string {
  return [
    element('Name', bucketName(context)),
    element('Prefix', encode(prefix)),
    delimiter === '' ? '' : element('Delimiter', encode(delimiter)),
    element('MaxKeys', maximum),
    element('EncodingType', parameter(context, 'encoding-type')),
  ].join('');
}

function entriesXml(context: RequestContext, { encode }: CommonQuery, listing: Listing, owner: string): string {
  const { objects } = bucketOf(context);
  const contents = listing.keys.map((key) =>
    wrap('Contents', objectFields(objects.get(key) as ObjectRecord, encode(key)), owner),
  );
  const prefixes = listing.commonPrefixes.map((prefix) => wrap('CommonPrefixes', element('Prefix', encode(prefix))));
  return contents.join('') + prefixes.join('');
}

/** What all listings tell of an object. */
export function objectFields(object: ObjectRecord, encodedKey: string): string {
  return [
    element('Key', encodedKey),
    element('LastModified', new Date(object.lastModified).toISOString()),
    element('ETag', quoted(object.etag)),
    object.checksum === undefined
      ? ''
      : element('ChecksumAlgorithm', object.checksum.algorithm) + element('ChecksumType', object.checksum.type),
    element('Size', object.size),
    element('StorageClass', object.storageClass),
  ].join('');
}

/** Opaque to clients: the last entry of the page before. */
function encodeToken(last: ByteString): string {
  return Buffer.from(`1${toText(last)}`, 'utf8').toString('base64');
}

function decodeToken(token: string): ByteString {
  const text = Buffer.from(token, 'base64').toString('utf8');
  if (!text.startsWith('1') || Buffer.from(text, 'utf8').toString('base64') !== token) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect', {
      details: { ArgumentName: 'continuation-token' },
    });
  }
  return toByteString(text.slice(1));
}
