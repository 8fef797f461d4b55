import { validateTags } from '../attributes.ts';
import { receiveText } from '../body.ts';
import { bucketName, bucketOf, keyOf, type RequestContext } from '../context.ts';
import { S3Error } from '../errors.ts';
import { sendEmpty, sendXml } from '../respond.ts';
import type { Tag } from '../store/records.ts';
import { childText, element, parseXml, wrap, xmlDocument } from '../xml.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html */
export async function getObjectTagging(context: RequestContext): Promise<void> {
  const { tags } = context.store.object(bucketOf(context), keyOf(context));
  const elements = tags.map(({ key, value }) => wrap('Tag', element('Key', key), element('Value', value)));
  await sendXml(context, xmlDocument('Tagging', wrap('TagSet', ...elements)));
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html */
export async function putObjectTagging(context: RequestContext): Promise<void> {
  context.store.object(bucketOf(context), keyOf(context));
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
  replaceTags(context, validateTags(tags));
  sendEmpty(context, 200);
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html */
export function deleteObjectTagging(context: RequestContext): void {
  replaceTags(context, []);
  sendEmpty(context, 204);
}

function replaceTags(context: RequestContext, tags: readonly Tag[]): void {
  const object = context.store.object(bucketOf(context), keyOf(context));
  context.store.putObject(bucketName(context), { ...object, tags }, () => {});
}
