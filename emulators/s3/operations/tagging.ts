import { validateTags } from '../attributes.ts';
import { receiveText } from '../body.ts';
import { bucketName, bucketOf, objectOf, type RequestContext, versionHeaders } from '../context.ts';
import { S3Error } from '../errors.ts';
import { sendEmpty, sendXml } from '../respond.ts';
import type { Tag } from '../store/records.ts';
import { childText, element, parseXml, wrap, xmlDocument } from '../xml.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html */
export async function getObjectTagging(context: RequestContext): Promise<void> {
  const object = objectOf(context);
  const elements = object.tags.map(({ key, value }) => wrap('Tag', element('Key', key), element('Value', value)));
  const headers = versionHeaders(bucketOf(context), object);
  await sendXml(context, xmlDocument('Tagging', wrap('TagSet', ...elements)), { headers });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html */
export async function putObjectTagging(context: RequestContext): Promise<void> {
  objectOf(context);
  const document = parseXml(await receiveText(context, 256 * 1024));
  const tagSet = document.children.find(({ name }) => name === 'TagSet');
  if (document.name !== 'Tagging' || tagSet === undefined) {
    throw new S3Error('MalformedXML');
  }
  const tags = tagSet.children.map((tag) => {
    const key = childText(tag, 'Key');
    const value = childText(tag, 'Value');
    if (key === undefined || value === undefined) {
      throw new S3Error('MalformedXML');
    }
    return { key, value };
  });
  sendEmpty(context, 200, replaceTags(context, validateTags(tags)));
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html */
export function deleteObjectTagging(context: RequestContext): void {
  sendEmpty(context, 204, replaceTags(context, []));
}

/** The headers of the answer. */
function replaceTags(context: RequestContext, tags: readonly Tag[]): Record<string, string> {
  const object = objectOf(context);
  context.store.replaceTags(bucketName(context), object, tags);
  return versionHeaders(bucketOf(context), object);
}
