import { AppError } from '../../core/errors.ts';
import type { ObjectMetadata } from '../provider.ts';
import { type Tags, TagsDenied } from '../tags.ts';
import { encodeValue } from './endpoint.ts';
import { storableText } from './metadata.ts';
import { blocks, cutOff, element, unescapeXml } from './xml.ts';

/** Ten tags of 128 and 256 characters, all of them escaped, are far below. */
export const maxTaggingBytes = 64 * 1024;

/** Whether there are any. */
export function hasTags(metadata: ObjectMetadata): metadata is ObjectMetadata & { tags: Tags } {
  return metadata.tags !== undefined && Object.keys(metadata.tags).length > 0;
}

/** As S3's `x-amz-tagging` and Azure's `x-ms-tags` carry them: a query string. */
export function tagsHeader(tags: Tags): string {
  return Object.entries(tags)
    .map(([name, value]) => `${encodeValue(name)}=${encodeValue(value)}`)
    .join('&');
}

/** Reads the document of tags that S3 and Azure share; undefined for any other. Throws PROVIDER_UNAVAILABLE for the beginning of one. */
export function parseTags(document: string): Tags | undefined {
  if (/<TagSet\s*\/>/.test(document)) return {};
  if (!document.includes('<TagSet>')) return undefined;
  if (!document.includes('</TagSet>')) throw cutOff('TagSet');
  const textOf = (block: string, name: string) => storableText(unescapeXml(element(block, name) ?? ''));
  return Object.fromEntries([...blocks(document, 'Tag')].map((tag) => [textOf(tag, 'Key'), textOf(tag, 'Value')]));
}

/** Tells of a denied request that carries tags that they may be the reason: TagsDenied with `remedy`. */
export async function withTags<T>(metadata: ObjectMetadata, remedy: string, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    const isDenied = error instanceof AppError && error.code === 'PERMISSION_DENIED' && hasTags(metadata);
    throw isDenied ? new TagsDenied(`${error.message} ${remedy}`, error) : error;
  }
}
