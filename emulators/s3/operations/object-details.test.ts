import {
  DeleteObjectTaggingCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { failure, md5Hex, STORES, signedRequest, startWithClient } from '../testing/support.ts';

const Bucket = 'bucket';

describe.each(STORES)('metadata, tags and attributes in %s', (store) => {
  it('keeps system and user metadata (API_PutObject, userguide: UsingMetadata)', async () => {
    const { client } = await startWithClient({ store });
    const system = {
      CacheControl: 'max-age=1',
      ContentDisposition: 'attachment; filename="a b"',
      ContentEncoding: 'gzip',
      ContentLanguage: 'de',
      ContentType: 'text/x-test; charset=utf-8',
      ExpiresString: 'Thu, 01 Dec 1994 16:00:00 GMT',
      WebsiteRedirectLocation: '/elsewhere',
      StorageClass: 'STANDARD_IA',
    } as const;
    const Metadata = { mtime: '1700000000.123456789', empty: '', mixed: 'A b' };
    const { ExpiresString, ...sent } = system;
    await client.send(
      new PutObjectCommand({ Bucket, Key: 'k', Body: '', ...sent, Expires: new Date(ExpiresString), Metadata }),
    );
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
    expect(head).toMatchObject({ ...system, Metadata });
    expect(head.LastModified?.getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  it('gives an object without a Content-Type binary/octet-stream, and STANDARD no header (API_PutObject)', async () => {
    const { server } = await startWithClient({ store });
    await signedRequest(server, { method: 'PUT', path: '/bucket/k', body: 'x', headers: { 'content-length': '1' } });
    const head = await signedRequest(server, { method: 'HEAD', path: '/bucket/k' });
    expect(head.headers['content-type']).toBe('binary/octet-stream');
    expect(head.headers['x-amz-storage-class']).toBeUndefined();
  });

  it('returns user metadata outside of ASCII encoded by RFC 2047 (userguide: UsingMetadata)', async () => {
    const { server } = await startWithClient({ store });
    await signedRequest(server, {
      method: 'PUT',
      path: '/bucket/k',
      body: '',
      headers: { 'x-amz-meta-a': '=?UTF-8?Q?=C3=9Cn=C3=AF_code?=', 'x-amz-meta-b': 'Ünïcode' },
    });
    const head = await signedRequest(server, { method: 'HEAD', path: '/bucket/k' });
    expect(head.headers['x-amz-meta-a']).toBe(`=?UTF-8?B?${Buffer.from('Ünï code').toString('base64')}?=`);
    expect(head.headers['x-amz-meta-b']).toBe(`=?UTF-8?B?${Buffer.from('Ünïcode').toString('base64')}?=`);
  });

  it('refuses more than 2 KB of user metadata with MetadataTooLarge (userguide: UsingMetadata)', async () => {
    const { client } = await startWithClient({ store });
    const put = (length: number) =>
      client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '', Metadata: { a: 'x'.repeat(length) } }));
    await put(2047);
    expect(await failure(put(2048))).toMatchObject({ code: 'MetadataTooLarge', status: 400 });
  });

  it('refuses what it does not do instead of ignoring it (API_PutObject: encryption, ACLs, storage classes)', async () => {
    const { client } = await startWithClient({ store });
    const put = (input: object) => failure(client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '', ...input })));
    expect(await put({ ServerSideEncryption: 'aws:kms:dsse' })).toMatchObject({ code: 'InvalidArgument', status: 400 });
    expect(await put({ SSEKMSKeyId: 'alias/key' })).toMatchObject({ code: 'InvalidArgument', status: 400 });
    expect(await put({ ACL: 'public-read' })).toMatchObject({ code: 'AccessControlListNotSupported', status: 400 });
    expect(await put({ StorageClass: 'CHEAP' })).toMatchObject({ code: 'InvalidStorageClass', status: 400 });
    expect(await failure(client.send(new HeadObjectCommand({ Bucket, Key: 'k' })))).toMatchObject({ status: 404 });
  });

  it('knows only the null version of an object (API_GetObject: versionId)', async () => {
    const { client } = await startWithClient({ store });
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    await client.send(new HeadObjectCommand({ Bucket, Key: 'k', VersionId: 'null' }));
    const other = await failure(client.send(new GetObjectCommand({ Bucket, Key: 'k', VersionId: 'v1' })));
    expect(other).toMatchObject({ code: 'NoSuchVersion', status: 404 });
  });

  it('does not hand out archived objects (userguide: restoring-objects)', async () => {
    const { client } = await startWithClient({ store });
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', StorageClass: 'GLACIER' }));
    expect((await client.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).StorageClass).toBe('GLACIER');
    const get = await failure(client.send(new GetObjectCommand({ Bucket, Key: 'k' })));
    expect(get).toMatchObject({ code: 'InvalidObjectState', status: 403 });
  });

  it('GetObjectAttributes returns what was asked for (API_GetObjectAttributes)', async () => {
    const { client } = await startWithClient({ store });
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    const all = await client.send(
      new GetObjectAttributesCommand({
        Bucket,
        Key: 'k',
        ObjectAttributes: ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'],
      }),
    );
    expect(all).toMatchObject({
      ETag: md5Hex('x'),
      ObjectSize: 1,
      StorageClass: 'STANDARD',
      Checksum: { ChecksumCRC32: 'jNwWgw==', ChecksumType: 'FULL_OBJECT' },
    });
    expect(all.ObjectParts).toBeUndefined();
    const size = await client.send(
      new GetObjectAttributesCommand({ Bucket, Key: 'k', ObjectAttributes: ['ObjectSize'] }),
    );
    expect(size.ETag).toBeUndefined();
  });

  it('puts, gets and deletes tags (API_PutObjectTagging, API_GetObjectTagging, API_DeleteObjectTagging)', async () => {
    const { client } = await startWithClient({ store });
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', Tagging: 'a=1&b%20c=%2B' }));
    const tags = async () => (await client.send(new GetObjectTaggingCommand({ Bucket, Key: 'k' }))).TagSet;
    expect(await tags()).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'b c', Value: '+' },
    ]);
    expect((await client.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).TagCount).toBe(2);
    const put = (TagSet: { Key: string; Value: string }[]) =>
      client.send(new PutObjectTaggingCommand({ Bucket, Key: 'k', Tagging: { TagSet } }));
    await put([{ Key: 'd', Value: '2' }]);
    expect(await tags()).toEqual([{ Key: 'd', Value: '2' }]);
    expect(await (await client.send(new GetObjectCommand({ Bucket, Key: 'k' }))).Body?.transformToString()).toBe('x');
    expect(
      await failure(put(Array.from({ length: 11 }, (_, index) => ({ Key: `${index}`, Value: '' })))),
    ).toMatchObject({ code: 'BadRequest' });
    expect(
      await failure(
        put([
          { Key: 'a', Value: '' },
          { Key: 'a', Value: '' },
        ]),
      ),
    ).toMatchObject({ code: 'InvalidTag' });
    for (const Key of ['aws:own', 'a&b']) {
      expect(await failure(put([{ Key, Value: '' }]))).toMatchObject({ code: 'InvalidTag' });
    }
    await client.send(new DeleteObjectTaggingCommand({ Bucket, Key: 'k' }));
    expect(await tags()).toEqual([]);
  });
});
