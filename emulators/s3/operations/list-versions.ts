import { bucketOf, parameter, type RequestContext } from '../context.ts';
import { S3Error } from '../errors.ts';
import { type ByteString, toByteString } from '../keys.ts';
import { sendXml } from '../respond.ts';
import type { Version } from '../store/records.ts';
import { type Bucket, isDeleteMarker, versionIdOf, versionsOf } from '../store/versions.ts';
import { element, wrap, xmlDocument } from '../xml.ts';
import { type CommonQuery, commonXml, objectFields, readCommon } from './list-objects.ts';
import { OWNER_XML } from './shared.ts';

/** A version, or the common prefix of some keys. */
type Row = { readonly key: ByteString; readonly version?: Version; readonly isLatest?: boolean };

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html */
export async function listObjectVersions(context: RequestContext): Promise<void> {
  const common = readCommon(context);
  const keyMarker = toByteString(parameter(context, 'key-marker') ?? '');
  const versionMarker = parameter(context, 'version-id-marker');
  if (versionMarker !== undefined && keyMarker === '') {
    throw new S3Error('InvalidArgument', 'A version-id marker cannot be specified without a key marker.');
  }
  const page: Row[] = [];
  let isTruncated = false;
  for (const row of rowsAfter(bucketOf(context), common, keyMarker, versionMarker)) {
    isTruncated = page.length === common.maximum;
    if (isTruncated) break;
    page.push(row);
  }
  const last = isTruncated ? page.at(-1) : undefined;
  const { encode } = common;
  await sendXml(
    context,
    xmlDocument(
      'ListVersionsResult',
      commonXml(context, common),
      element('KeyMarker', encode(keyMarker)),
      element('VersionIdMarker', versionMarker ?? ''),
      element('IsTruncated', isTruncated && page.length > 0),
      last === undefined ? '' : element('NextKeyMarker', encode(last.key)),
      last?.version === undefined ? '' : element('NextVersionIdMarker', versionIdOf(last.version)),
      ...page.map((row) => rowXml(row, encode(row.key))),
    ),
  );
}

/** In byte order of the keys, and newest first of each: from behind the marked version, or else the marked key. */
function* rowsAfter(
  bucket: Bucket,
  { prefix, delimiter }: CommonQuery,
  keyMarker: ByteString,
  versionMarker: string | undefined,
): Generator<Row> {
  const keys = [...new Set([...bucket.objects.keys(), ...bucket.history.keys()])].sort();
  let group: ByteString | undefined;
  for (const key of keys) {
    const isMarked = key === keyMarker && versionMarker !== undefined;
    if (!key.startsWith(prefix) || key < keyMarker || (key === keyMarker && !isMarked)) continue;
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (at >= 0) {
      const next = key.slice(0, at + delimiter.length);
      // A group that the marker lies in was part of an earlier page.
      if (next !== group && next > keyMarker) yield { key: next };
      group = next;
      continue;
    }
    const versions = versionsOf(bucket, key);
    const from = isMarked ? versions.findIndex((version) => versionIdOf(version) === versionMarker) + 1 : 0;
    for (const version of versions.slice(from)) yield { key, version, isLatest: version === versions[0] };
  }
}

function rowXml({ version, isLatest }: Row, encodedKey: string): string {
  if (version === undefined) return wrap('CommonPrefixes', element('Prefix', encodedKey));
  const identity = element('VersionId', versionIdOf(version)) + element('IsLatest', isLatest);
  if (!isDeleteMarker(version)) return wrap('Version', objectFields(version, encodedKey), identity, OWNER_XML);
  const modified = element('LastModified', new Date(version.lastModified).toISOString());
  return wrap('DeleteMarker', element('Key', encodedKey), modified, identity, OWNER_XML);
}
