import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { failure, md5Hex, STORES, startWithClient, testBytes } from '../testing/support.ts';

const Bucket = 'bucket';
const Key = 'multi/part';
const MEBIBYTE = 1024 * 1024;

async function begin(client: S3Client, input: Partial<CreateMultipartUploadCommandInput> = {}): Promise<string> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...input }));
  return UploadId as string;
}

async function upload(client: S3Client, UploadId: string, PartNumber: number, Body: Buffer): Promise<CompletedPart> {
  const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
  return { PartNumber, ETag };
}

function complete(client: S3Client, UploadId: string, Parts: CompletedPart[], input: object = {}) {
  return client.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...input }),
  );
}

async function read(client: S3Client, input: object = {}): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...input }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

describe.each(STORES)('multipart uploads in %s', (store) => {
  it('joins parts in the order of their numbers (API_CompleteMultipartUpload)', async () => {
    const { client } = await startWithClient({ store });
    const UploadId = await begin(client, { Metadata: { a: '1' }, ContentType: 'text/x' });
    const data = [testBytes(5 * MEBIBYTE, 1), testBytes(5 * MEBIBYTE + 1, 2), testBytes(100, 3)] as const;
    // Uploaded in another order, under numbers with gaps.
    const last = await upload(client, UploadId, 9, data[2]);
    const first = await upload(client, UploadId, 1, data[0]);
    const second = await upload(client, UploadId, 5, data[1]);
    expect(await failure(client.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 });
    const completed = await complete(client, UploadId, [first, second, last]);
    const md5s = Buffer.concat(data.map((part) => Buffer.from(md5Hex(part), 'hex')));
    expect(completed.ETag).toBe(`"${md5Hex(md5s)}-3"`);
    expect((await read(client)).equals(Buffer.concat(data))).toBe(true);
    const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head).toMatchObject({ ETag: completed.ETag, Metadata: { a: '1' }, ContentType: 'text/x' });
    const range = `bytes=${5 * MEBIBYTE - 2}-${10 * MEBIBYTE + 3}`;
    expect(
      (await read(client, { Range: range })).equals(Buffer.concat(data).subarray(5 * MEBIBYTE - 2, 10 * MEBIBYTE + 4)),
    ).toBe(true);
  });

  it('a reader of many parts has all of them, though the object is replaced meanwhile (userguide: consistency model)', async () => {
    const { client } = await startWithClient({ store });
    const UploadId = await begin(client);
    const data = [1, 2, 3].map((seed) => testBytes(8 * MEBIBYTE, seed));
    const parts: CompletedPart[] = [];
    for (const [index, body] of data.entries()) {
      parts.push(await upload(client, UploadId, index + 1, body));
    }
    await complete(client, UploadId, parts);
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'new' }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(Buffer.concat(data))).toBe(true);
    expect((await read(client)).toString()).toBe('new');
  });

  it('returns single parts (API_GetObject: partNumber)', async () => {
    const { client } = await startWithClient({ store });
    const UploadId = await begin(client);
    const data = [testBytes(5 * MEBIBYTE, 1), testBytes(10, 2)] as const;
    await complete(client, UploadId, [
      await upload(client, UploadId, 1, data[0]),
      await upload(client, UploadId, 2, data[1]),
    ]);
    const part = await client.send(new GetObjectCommand({ Bucket, Key, PartNumber: 2 }));
    expect(part).toMatchObject({ PartsCount: 2, ContentRange: `bytes 5242880-5242889/5242890`, ContentLength: 10 });
    expect(Buffer.from((await part.Body?.transformToByteArray()) ?? []).equals(data[1])).toBe(true);
    expect(await client.send(new HeadObjectCommand({ Bucket, Key, PartNumber: 1 }))).toMatchObject({
      ContentLength: 5 * MEBIBYTE,
      PartsCount: 2,
    });
    expect(await failure(read(client, { PartNumber: 3 }))).toMatchObject({ code: 'InvalidPartNumber', status: 416 });
    expect(await failure(read(client, { PartNumber: 1, Range: 'bytes=0-1' }))).toMatchObject({
      code: 'InvalidRequest',
      status: 400,
    });
  });

  it('a part that is uploaded again replaces the earlier one (API_UploadPart)', async () => {
    const { client } = await startWithClient({ store });
    const UploadId = await begin(client);
    const old = await upload(client, UploadId, 1, testBytes(10, 1));
    const part = await upload(client, UploadId, 1, testBytes(10, 2));
    expect(await failure(complete(client, UploadId, [old]))).toMatchObject({ code: 'InvalidPart', status: 400 });
    await complete(client, UploadId, [part]);
    expect((await read(client)).equals(testBytes(10, 2))).toBe(true);
  });

  it('refuses wrong lists of parts and keeps the upload (API_CompleteMultipartUpload: errors)', async () => {
    const { client } = await startWithClient({ store });
    const UploadId = await begin(client);
    const small = await upload(client, UploadId, 1, testBytes(5 * MEBIBYTE - 1));
    const last = await upload(client, UploadId, 2, testBytes(1));
    expect(await failure(complete(client, UploadId, [last, small]))).toMatchObject({
      code: 'InvalidPartOrder',
      status: 400,
    });
    expect(await failure(complete(client, UploadId, [small, small]))).toMatchObject({
      code: 'InvalidPartOrder',
      status: 400,
    });
    expect(await failure(complete(client, UploadId, [small, last]))).toMatchObject({
      code: 'EntityTooSmall',
      status: 400,
    });
    expect(await failure(complete(client, UploadId, [{ PartNumber: 3, ETag: '"x"' }]))).toMatchObject({
      code: 'InvalidPart',
    });
    expect(await failure(complete(client, UploadId, []))).toMatchObject({ code: 'MalformedXML', status: 400 });
    expect(await failure(complete(client, UploadId, [last], { MpuObjectSize: 2 }))).toMatchObject({
      code: 'InvalidRequest',
    });
    await complete(client, UploadId, [last], { MpuObjectSize: 1 });
    expect((await read(client)).length).toBe(1);
  });

  it('completes only if the condition holds (API_CompleteMultipartUpload: If-None-Match)', async () => {
    const { client } = await startWithClient({ store });
    const UploadId = await begin(client);
    const part = await upload(client, UploadId, 1, testBytes(10));
    const { ETag } = await client.send(new PutObjectCommand({ Bucket, Key, Body: 'there' }));
    expect(await failure(complete(client, UploadId, [part], { IfNoneMatch: '*' }))).toMatchObject({
      code: 'PreconditionFailed',
      status: 412,
    });
    expect((await read(client)).toString()).toBe('there');
    await complete(client, UploadId, [part], { IfMatch: ETag });
    expect((await read(client)).length).toBe(10);
  });

  it('an upload that was completed or aborted is gone (API_AbortMultipartUpload: NoSuchUpload)', async () => {
    const { client } = await startWithClient({ store });
    const completed = await begin(client);
    const part = await upload(client, completed, 1, testBytes(10));
    await complete(client, completed, [part]);
    const aborted = await begin(client);
    await upload(client, aborted, 1, testBytes(10));
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: aborted }));
    for (const UploadId of [completed, aborted, 'madeup']) {
      expect(await failure(upload(client, UploadId, 1, testBytes(10)))).toMatchObject({
        code: 'NoSuchUpload',
        status: 404,
      });
      expect(await failure(complete(client, UploadId, [part]))).toMatchObject({ code: 'NoSuchUpload' });
      expect(await failure(client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })))).toMatchObject({
        code: 'NoSuchUpload',
      });
    }
    expect((await read(client)).length).toBe(10);
  });

  it('an upload id serves only its own key (API_UploadPart: NoSuchUpload)', async () => {
    const { client } = await startWithClient({ store });
    const UploadId = await begin(client);
    const other = client.send(new UploadPartCommand({ Bucket, Key: 'other', UploadId, PartNumber: 1, Body: 'x' }));
    expect(await failure(other)).toMatchObject({ code: 'NoSuchUpload', status: 404 });
  });

  it('refuses part numbers outside of 1 to 10,000 (userguide: qfacts)', async () => {
    const { client } = await startWithClient({ store });
    const UploadId = await begin(client);
    for (const PartNumber of [0, 10_001]) {
      expect(await failure(upload(client, UploadId, PartNumber, testBytes(1)))).toMatchObject({
        code: 'InvalidArgument',
        status: 400,
      });
    }
    await upload(client, UploadId, 10_000, testBytes(1));
  });

  it('lists parts in pages (API_ListParts)', async () => {
    const { client } = await startWithClient({ store });
    const UploadId = await begin(client, { ChecksumAlgorithm: 'CRC32C' });
    for (const PartNumber of [12, 3, 7]) {
      await client.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body: 'abc', ChecksumAlgorithm: 'CRC32C' }),
      );
    }
    const list = (input: object) => client.send(new ListPartsCommand({ Bucket, Key, UploadId, ...input }));
    const first = await list({ MaxParts: 2 });
    expect(first).toMatchObject({
      IsTruncated: true,
      NextPartNumberMarker: '7',
      ChecksumAlgorithm: 'CRC32C',
      ChecksumType: 'COMPOSITE',
      Parts: [{ PartNumber: 3, Size: 3, ETag: `"${md5Hex('abc')}"`, ChecksumCRC32C: 'Nks/tw==' }, { PartNumber: 7 }],
    });
    const second = await list({ MaxParts: 2, PartNumberMarker: first.NextPartNumberMarker });
    expect(second).toMatchObject({ IsTruncated: false, Parts: [{ PartNumber: 12 }] });
  });

  it('lists uploads by key, with prefix, delimiter and pages (API_ListMultipartUploads)', async () => {
    const { client } = await startWithClient({ store });
    const ids = new Map<string, string>();
    for (const key of ['b', 'a/1', 'a/2', 'c', 'c#']) {
      ids.set(key, await begin(client, { Key: key.replace('#', '') }));
    }
    const list = (input: object = {}) => client.send(new ListMultipartUploadsCommand({ Bucket, ...input }));
    const keys = async (input: object = {}) => (await list(input)).Uploads?.map((entry) => entry.Key);
    expect(await keys()).toEqual(['a/1', 'a/2', 'b', 'c', 'c']);
    expect(await keys({ Prefix: 'a/' })).toEqual(['a/1', 'a/2']);
    expect(await list({ Delimiter: '/' })).toMatchObject({
      CommonPrefixes: [{ Prefix: 'a/' }],
      Uploads: [{ Key: 'b' }, { Key: 'c' }, { Key: 'c' }],
    });
    const found: (string | undefined)[] = [];
    let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
    for (;;) {
      const page = await list({ MaxUploads: 1, ...marker });
      found.push(...(page.Uploads ?? []).map((entry) => entry.UploadId));
      if (!page.IsTruncated) {
        break;
      }
      marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
    expect(found).toHaveLength(5);
    expect(new Set(found)).toEqual(new Set(ids.values()));
    expect(await keys({ KeyMarker: 'b' })).toEqual(['c', 'c']);
  });

  it('copies ranges of objects into parts (API_UploadPartCopy)', async () => {
    const { client } = await startWithClient({ store });
    const data = testBytes(12 * MEBIBYTE);
    await client.send(new PutObjectCommand({ Bucket, Key: 'source ü', Body: data }));
    const UploadId = await begin(client);
    const copy = (PartNumber: number, CopySourceRange?: string, input: object = {}) =>
      client.send(
        new UploadPartCopyCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          CopySource: `bucket/${encodeURIComponent('source ü')}`,
          CopySourceRange,
          ...input,
        }),
      );
    const first = await copy(1, `bytes=0-${6 * MEBIBYTE}`);
    const second = await copy(2, `bytes=${6 * MEBIBYTE + 1}-${12 * MEBIBYTE - 1}`);
    expect(first.CopyPartResult?.ETag).toBe(`"${md5Hex(data.subarray(0, 6 * MEBIBYTE + 1))}"`);
    expect(await failure(copy(3, `bytes=0-${12 * MEBIBYTE}`))).toMatchObject({ code: 'InvalidArgument', status: 400 });
    expect(await failure(copy(3, undefined, { CopySourceIfMatch: '"other"' }))).toMatchObject({
      code: 'PreconditionFailed',
      status: 412,
    });
    const parts = [first, second].map(({ CopyPartResult }, index) => ({
      PartNumber: index + 1,
      ETag: CopyPartResult?.ETag,
    }));
    await complete(client, UploadId, parts as CompletedPart[]);
    expect((await read(client)).equals(data)).toBe(true);
  });

  it('counts the parts of an object, and lists them where they have checksums (API_GetObjectAttributes: ObjectParts)', async () => {
    const { client } = await startWithClient({ store });
    const attributes = (input: object = {}) =>
      client.send(
        new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ['ObjectParts', 'Checksum'], ...input }),
      );
    const plain = await begin(client);
    await complete(client, plain, [await upload(client, plain, 4, testBytes(10))]);
    expect((await attributes()).ObjectParts).toEqual({ TotalPartsCount: 1 });

    const UploadId = await begin(client, { ChecksumAlgorithm: 'SHA256' });
    const Parts: CompletedPart[] = [];
    for (const PartNumber of [1, 2]) {
      const Body = testBytes(5 * MEBIBYTE, PartNumber);
      const part = await client.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ChecksumAlgorithm: 'SHA256' }),
      );
      Parts.push({ PartNumber, ETag: part.ETag, ChecksumSHA256: part.ChecksumSHA256 });
    }
    await complete(client, UploadId, Parts);
    const first = await attributes({ MaxParts: 1 });
    expect(first.ObjectParts).toMatchObject({
      TotalPartsCount: 2,
      IsTruncated: true,
      Parts: [{ PartNumber: 1, Size: 5 * MEBIBYTE, ChecksumSHA256: Parts[0]?.ChecksumSHA256 }],
    });
    const second = await attributes({ MaxParts: 1, PartNumberMarker: first.ObjectParts?.NextPartNumberMarker });
    expect(second.ObjectParts).toMatchObject({ IsTruncated: false, Parts: [{ PartNumber: 2 }] });
  });
});
