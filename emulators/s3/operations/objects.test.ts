import { Readable } from 'node:stream';
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { failure, HARD_KEYS, md5Hex, STORES, signedRequest, startWithClient, testBytes } from '../testing/support.ts';

const Bucket = 'bucket';

describe.each(STORES)('objects in %s', (store) => {
  it('keeps all hard keys apart, whatever they hold (userguide: object-keys)', async () => {
    const { client } = await startWithClient({ store });
    for (const Key of HARD_KEYS) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    }
    for (const Key of HARD_KEYS) {
      const ContentLength = Buffer.byteLength(Key);
      expect(await client.send(new HeadObjectCommand({ Bucket, Key }))).toMatchObject({ ContentLength });
      expect(await (await client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString()).toBe(Key);
    }
    for (const Key of HARD_KEYS) {
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
      const gone = await failure(client.send(new GetObjectCommand({ Bucket, Key })));
      expect(gone).toMatchObject({ code: 'NoSuchKey', status: 404 });
    }
  });

  it('refuses a key above 1,024 bytes with KeyTooLongError, counting bytes and not characters (userguide: object-keys)', async () => {
    const { client } = await startWithClient({ store });
    for (const Key of ['k'.repeat(1025), '\u{1f600}'.repeat(257)]) {
      expect(await failure(client.send(new PutObjectCommand({ Bucket, Key, Body: '' })))).toMatchObject({
        code: 'KeyTooLongError',
        status: 400,
      });
    }
  });

  it.each([0, 1, 65_535, 65_536, 5_000_000])(
    'returns the %i bytes that were put, with their MD5 as ETag (API_PutObject)',
    async (size) => {
      const { client } = await startWithClient({ store });
      const data = testBytes(size);
      const put = await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: data }));
      expect(put.ETag).toBe(`"${md5Hex(data)}"`);
      const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k' }));
      expect(got.ETag).toBe(put.ETag);
      expect(got.ContentLength).toBe(size);
      expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(data)).toBe(true);
    },
  );

  it('takes a stream in chunks with a trailing checksum, as the SDK sends it (API reference: sigv4-streaming-trailers)', async () => {
    const { client } = await startWithClient({ store });
    const data = testBytes(300_000);
    const Body = Readable.from([data.subarray(0, 100_000), data.subarray(100_000)]);
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body, ContentLength: data.length }));
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(data)).toBe(true);
    expect(got.ContentEncoding).toBeUndefined();
  });

  it('answers ranges with 206 and refuses those past the end with InvalidRange (API_GetObject)', async () => {
    const { client } = await startWithClient({ store });
    const data = testBytes(3_000_000);
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: data }));
    for (const [Range, start, end] of [
      ['bytes=0-0', 0, 1],
      ['bytes=1000-2500000', 1000, 2_500_001],
      ['bytes=2999999-9999999', 2_999_999, 3_000_000],
      ['bytes=-10', 2_999_990, 3_000_000],
      ['bytes=5-', 5, 3_000_000],
    ] as const) {
      const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k', Range }));
      expect(got.$metadata.httpStatusCode).toBe(206);
      expect(got.ContentRange).toBe(`bytes ${start}-${end - 1}/3000000`);
      expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(data.subarray(start, end))).toBe(true);
    }
    const past = await failure(client.send(new GetObjectCommand({ Bucket, Key: 'k', Range: 'bytes=3000000-' })));
    expect(past).toMatchObject({ code: 'InvalidRange', status: 416 });
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'k', Range: 'bytes=1-3' }));
    expect(head).toMatchObject({ ContentLength: 3, ContentRange: 'bytes 1-3/3000000' });
  });

  it('answers errors of HEAD without a body, and of GET with a request id (API_HeadObject, ErrorResponses)', async () => {
    const { server } = await startWithClient({ store });
    const head = await signedRequest(server, { method: 'HEAD', path: '/bucket/none' });
    expect(head).toMatchObject({ status: 404, text: '' });
    const get = await signedRequest(server, { path: '/bucket/none' });
    expect(get).toMatchObject({ status: 404, code: 'NoSuchKey' });
    expect(get.text).toContain(`<RequestId>${get.headers['x-amz-request-id']}</RequestId>`);
    expect(get.text).toContain('<Resource>/bucket/none</Resource>');
  });

  it('reading goes on with the old bytes while an object is replaced or deleted (userguide: consistency model)', async () => {
    const { client } = await startWithClient({ store });
    const data = testBytes(12_000_000);
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: data }));
    const replaced = await client.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'new' }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
    expect(Buffer.from((await replaced.Body?.transformToByteArray()) ?? []).equals(data)).toBe(true);
  });
});
