import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { failure, STORES, startWithClient, testBytes } from '../testing/support.ts';

const Bucket = 'bucket';

describe.each(STORES)('conditions in %s', (store) => {
  it('If-None-Match: * lets only the first writer in, and If-Match only who knows the ETag (userguide: conditional-writes)', async () => {
    const { client } = await startWithClient({ store });
    const put = (Body: string, condition: object) =>
      client.send(new PutObjectCommand({ Bucket, Key: 'k', Body, ...condition }));
    expect(await failure(put('0', { IfMatch: '"abc"' }))).toMatchObject({ code: 'NoSuchKey', status: 404 });
    const { ETag } = await put('1', { IfNoneMatch: '*' });
    expect(await failure(put('2', { IfNoneMatch: '*' }))).toMatchObject({ code: 'PreconditionFailed', status: 412 });
    expect(await failure(put('2', { IfMatch: '"abc"' }))).toMatchObject({ code: 'PreconditionFailed', status: 412 });
    expect(await failure(put('2', { IfNoneMatch: ETag }))).toMatchObject({ code: 'NotImplemented', status: 501 });
    expect(await (await client.send(new GetObjectCommand({ Bucket, Key: 'k' }))).Body?.transformToString()).toBe('1');
    await put('2', { IfMatch: ETag });
  });

  it('If-None-Match: * holds among writers at the same time (userguide: conditional-writes)', async () => {
    const { client } = await startWithClient({ store });
    const data = testBytes(200_000);
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: data, IfNoneMatch: '*' })),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('checks conditions of reads, with their order of precedence (userguide: conditional-reads)', async () => {
    const { client } = await startWithClient({ store });
    const { ETag } = await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    const past = new Date(Date.now() - 3_600_000);
    const future = new Date(Date.now() + 3_600_000);
    const status = async (condition: object) => {
      const call = client.send(new GetObjectCommand({ Bucket, Key: 'k', ...condition }));
      return call.then(
        ({ $metadata }) => $metadata.httpStatusCode,
        (error) => error.$metadata.httpStatusCode,
      );
    };
    expect(await status({ IfMatch: ETag })).toBe(200);
    expect(await status({ IfMatch: '"other"' })).toBe(412);
    expect(await status({ IfNoneMatch: ETag })).toBe(304);
    expect(await status({ IfNoneMatch: '"other"' })).toBe(200);
    expect(await status({ IfModifiedSince: future })).toBe(304);
    expect(await status({ IfModifiedSince: past })).toBe(200);
    expect(await status({ IfUnmodifiedSince: past })).toBe(412);
    expect(await status({ IfUnmodifiedSince: future })).toBe(200);
    expect(await status({ IfMatch: ETag, IfUnmodifiedSince: past })).toBe(200);
    expect(await status({ IfNoneMatch: ETag, IfModifiedSince: past })).toBe(304);
  });
});
