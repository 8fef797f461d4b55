import type { Digests } from '../../digest-algorithm.ts';
import type { Location, Version } from '../../provider.ts';
import { encodeKey, encodeValue } from '../endpoint.ts';
import { element, unescapeXml } from '../xml.ts';
import { checkBucketName } from './address.ts';
import { notS3, parseFault, s3Error } from './errors.ts';
import { fromBase64, md5OfEtag, versionOf } from './properties.ts';
import type { S3Rest } from './rest.ts';

/** The answer is a few lines. */
const maxAnswerBytes = 64 * 1024;
/** A store may be silent while it copies 5 GB; S3 itself sends blanks. */
const copyTimeoutMs = 10 * 60_000;

export interface CopySource extends Location {
  version: Version;
}

export interface CopyAnswer {
  /** ETag as it came, which names a part. */
  tag: string;
  version: Version;
  /** Of the object or part that was made, as far as the store computed them. */
  digests: Digests;
}

interface Target extends Location {
  query?: Record<string, string>;
  headers?: Record<string, string>;
  /** Half-open; absent: all of the source. */
  range?: { start: number; end: number };
}

/**
 * CopyObject, or UploadPartCopy with the query of a part: pinned to the source's version. Where it has begun, S3 answers
 * 200 first and tells of a failure in the document after ("CopyObject" in the S3 API reference, "Response and special
 * errors").
 */
export async function sendCopy(
  rest: S3Rest,
  source: CopySource,
  { container, key, query = {}, headers = {}, range }: Target,
  signal: AbortSignal,
): Promise<CopyAnswer> {
  checkBucketName(source.container);
  const { etag, versionId } = source.version;
  const version = versionId === undefined ? '' : `?versionId=${encodeValue(versionId)}`;
  const response = await rest.send({
    method: 'PUT',
    bucket: container,
    key,
    query,
    headers: {
      ...headers,
      'x-amz-copy-source': `/${source.container}/${encodeKey(source.key)}${version}`,
      ...(etag === undefined ? {} : { 'x-amz-copy-source-if-match': etag }),
      ...(range === undefined ? {} : { 'x-amz-copy-source-range': `bytes=${range.start}-${range.end - 1}` }),
    },
    headersTimeoutMs: copyTimeoutMs,
    signal,
  });
  // S3 answers 200 at once, and sends blanks for as long as it copies.
  const document = await response.body.text(maxAnswerBytes, copyTimeoutMs);
  if (/<Error[\s>]/.test(document)) throw s3Error({ status: 500, headers: response.headers, ...parseFault(document) });
  const result = element(document, 'ETag');
  if (!/<Copy(Object|Part)Result[\s>]/.test(document) || result === undefined) throw notS3();
  const tag = unescapeXml(result);
  return {
    tag,
    version: versionOf(tag, response.headers['x-amz-version-id']),
    digests: digestsOf(document, { ...response.headers, etag: tag }),
  };
}

function digestsOf(document: string, headers: Record<string, string>): Digests {
  const md5 = md5OfEtag(headers);
  const crc32c = element(document, 'ChecksumType') === 'COMPOSITE' ? undefined : element(document, 'ChecksumCRC32C');
  return {
    ...(md5 === undefined ? {} : { md5 }),
    ...(crc32c === undefined ? {} : { crc32c: fromBase64(crc32c) as string }),
  };
}
