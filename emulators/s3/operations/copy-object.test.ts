import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { failure, md5Hex, STORES, startWithClient, testBytes } from '../testing/support.ts';

const Bucket = 'bucket';

describe.each(STORES)('copies in %s', (store) => {
  it('copies with the metadata of the source or with that of the request (API_CopyObject)', async () => {
    const { client } = await startWithClient({ store });
    const body = testBytes(100_000);
    await client.send(
      new PutObjectCommand({
        Bucket,
        Key: 'from ü+',
        Body: body,
        Metadata: { a: '1' },
        ContentType: 'text/a',
        Tagging: 'x=1',
      }),
    );
    const source = { Bucket, CopySource: `bucket/${encodeURIComponent('from ü+')}` };
    const copied = await client.send(new CopyObjectCommand({ ...source, Key: 'copy' }));
    expect(copied.CopyObjectResult?.ETag).toBe(`"${md5Hex(body)}"`);
    expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))).toMatchObject({
      Metadata: { a: '1' },
      ContentType: 'text/a',
      TagCount: 1,
    });
    await client.send(
      new CopyObjectCommand({
        ...source,
        Key: 'copy',
        MetadataDirective: 'REPLACE',
        Metadata: { b: '2' },
        ContentType: 'text/b',
        TaggingDirective: 'REPLACE',
      }),
    );
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'copy' }));
    expect(head).toMatchObject({ Metadata: { b: '2' }, ContentType: 'text/b' });
    expect(head.TagCount).toBeUndefined();
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'from ü+' }));
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'copy' }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
  });

  it('refuses a copy onto itself that changes nothing, and missing sources (API_CopyObject)', async () => {
    const { client } = await startWithClient({ store });
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    const copy = (CopySource: string, input: object = {}) =>
      client.send(new CopyObjectCommand({ Bucket, Key: 'k', CopySource, ...input }));
    expect(await failure(copy('bucket/k'))).toMatchObject({ code: 'InvalidRequest', status: 400 });
    await copy('/bucket/k', { MetadataDirective: 'REPLACE', Metadata: { a: '1' } });
    expect(await failure(copy('bucket/none'))).toMatchObject({ code: 'NoSuchKey', status: 404 });
    expect(await failure(copy('nobucket/k'))).toMatchObject({ code: 'NoSuchBucket', status: 404 });
    expect(await failure(copy('bucket'))).toMatchObject({ code: 'InvalidArgument', status: 400 });
    expect(await failure(copy('bucket/k?versionId=v1'))).toMatchObject({ code: 'NoSuchVersion', status: 404 });
  });

  it('checks the conditions on the source of a copy (API_CopyObject: x-amz-copy-source-if-)', async () => {
    const { client } = await startWithClient({ store });
    const { ETag } = await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    const past = new Date(Date.now() - 3_600_000);
    const future = new Date(Date.now() + 3_600_000);
    const copy = (input: object) =>
      client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: 'bucket/k', ...input }));
    for (const input of [
      { CopySourceIfMatch: '"other"' },
      { CopySourceIfNoneMatch: ETag },
      { CopySourceIfUnmodifiedSince: past },
      { CopySourceIfModifiedSince: future },
    ]) {
      expect(await failure(copy(input))).toMatchObject({ code: 'PreconditionFailed', status: 412 });
    }
    await copy({ CopySourceIfMatch: ETag, CopySourceIfUnmodifiedSince: past });
    expect(await failure(copy({ IfNoneMatch: '*' }))).toMatchObject({ code: 'PreconditionFailed', status: 412 });
  });
});
