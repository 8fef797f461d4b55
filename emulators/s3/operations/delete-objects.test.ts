import { DeleteObjectCommand, DeleteObjectsCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { failure, HARD_KEYS, STORES, signedRequest, startWithClient } from '../testing/support.ts';

const Bucket = 'bucket';

describe.each(STORES)('deletions in %s', (store) => {
  it('DeleteObject succeeds for what is not there, and honours If-Match (API_DeleteObject)', async () => {
    const { client } = await startWithClient({ store });
    const { ETag } = await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    const remove = (input: object = {}) => client.send(new DeleteObjectCommand({ Bucket, Key: 'k', ...input }));
    expect(await failure(remove({ IfMatch: '"other"' }))).toMatchObject({ code: 'PreconditionFailed', status: 412 });
    await remove({ IfMatch: ETag });
    expect((await remove()).$metadata.httpStatusCode).toBe(204);
  });

  it('DeleteObjects reports each key, or only failures when quiet (API_DeleteObjects)', async () => {
    const { client } = await startWithClient({ store });
    for (const Key of HARD_KEYS) {
      // XML 1.0 has no way to carry this character, so S3 cannot delete such a key this way either.
      if (!Key.includes('\u0000')) {
        await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
      }
    }
    const Objects = HARD_KEYS.filter((Key) => !Key.includes('\u0000')).map((Key) => ({ Key }));
    const failing = { Key: 'Case', ETag: '"other"' };
    const quiet = await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Quiet: true, Objects: [failing, { Key: 'none' }] } }),
    );
    expect(quiet.Deleted).toBeUndefined();
    expect(quiet.Errors).toMatchObject([{ Key: 'Case', Code: 'PreconditionFailed' }]);
    const loud = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(loud.Deleted).toHaveLength(Objects.length);
    expect((await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
  });

  it('DeleteObjects takes at most 1,000 keys and requires a checksum (API_DeleteObjects)', async () => {
    const { client, server } = await startWithClient({ store });
    const Objects = Array.from({ length: 1001 }, (_, index) => ({ Key: String(index) }));
    const tooMany = await failure(client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } })));
    expect(tooMany).toMatchObject({ code: 'MalformedXML', status: 400 });
    const body = '<Delete><Object><Key>k</Key></Object></Delete>';
    const unchecked = await signedRequest(server, { method: 'POST', path: '/bucket?delete', body });
    expect(unchecked).toMatchObject({ status: 400, code: 'InvalidRequest' });
  });
});
