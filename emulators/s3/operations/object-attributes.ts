import { checksumElement } from '../checksums/checksum.ts';
import { bucketOf, header, objectOf, type RequestContext, versionHeaders } from '../context.ts';
import { S3Error } from '../errors.ts';
import { sendXml } from '../respond.ts';
import type { ObjectRecord } from '../store/records.ts';
import { element, wrap, xmlDocument } from '../xml.ts';
import { checksumXml } from './shared.ts';

const ATTRIBUTES = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html */
export async function getObjectAttributes(context: RequestContext): Promise<void> {
  const object = objectOf(context);
  const wanted = (header(context, 'x-amz-object-attributes') ?? '').split(',').map((name) => name.trim());
  if (wanted.some((name) => !ATTRIBUTES.includes(name))) {
    throw new S3Error('InvalidArgument', 'Invalid attribute name specified.', {
      details: { ArgumentName: 'x-amz-object-attributes' },
    });
  }
  const content = [
    wanted.includes('ETag') ? element('ETag', object.etag) : '',
    wanted.includes('Checksum') && object.checksum !== undefined ? wrap('Checksum', checksumXml(object.checksum)) : '',
    wanted.includes('ObjectParts') ? partsXml(context, object) : '',
    wanted.includes('StorageClass') ? element('StorageClass', object.storageClass) : '',
    wanted.includes('ObjectSize') ? element('ObjectSize', object.size) : '',
  ];
  await sendXml(context, xmlDocument('GetObjectAttributesResponse', ...content), {
    headers: {
      'last-modified': new Date(object.lastModified).toUTCString(),
      ...versionHeaders(bucketOf(context), object),
    },
  });
}

/** The number of parts always; the parts themselves only where each has a checksum, as the API reference says. */
function partsXml(context: RequestContext, object: ObjectRecord): string {
  const { parts, checksum } = object;
  if (parts === undefined) {
    return '';
  }
  const count = element('PartsCount', parts.length);
  if (checksum === undefined) {
    return wrap('ObjectParts', count);
  }
  const marker = integerHeader(context, 'x-amz-part-number-marker', 0);
  const maximum = Math.min(integerHeader(context, 'x-amz-max-parts', 1000), 1000);
  const remaining = parts.filter(({ partNumber }) => partNumber > marker);
  const page = remaining.slice(0, maximum);
  return wrap(
    'ObjectParts',
    count,
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', page.at(-1)?.partNumber ?? 0),
    element('MaxParts', maximum),
    element('IsTruncated', remaining.length > page.length),
    ...page.map((part) =>
      wrap(
        'Part',
        element('PartNumber', part.partNumber),
        element('Size', part.size),
        element(checksumElement(checksum.algorithm), part.checksum),
      ),
    ),
  );
}

function integerHeader(context: RequestContext, name: string, fallback: number): number {
  const text = header(context, name);
  if (text !== undefined && !/^\d{1,9}$/.test(text)) {
    throw new S3Error('InvalidArgument', `${name} must be a whole number`, { details: { ArgumentName: name } });
  }
  return text === undefined ? fallback : Number(text);
}
