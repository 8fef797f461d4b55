import { createHash } from 'node:crypto';
import {
  type ChecksumAlgorithm,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { failure, sdkClient, signedRequest, startTestServer, startWithClient, testBytes } from '../testing/support.ts';
import { CHECKSUM_ALGORITHMS, createChecksum } from './checksum.ts';

const Bucket = 'bucket';
const Key = 'k';
const PART = 5 * 1024 * 1024;

function checksumOf(algorithm: (typeof CHECKSUM_ALGORITHMS)[number], data: Buffer): string {
  const checksum = createChecksum(algorithm);
  checksum.update(data);
  return checksum.digest().toString('base64');
}

/** The SDK computes all but CRC64NVME, for which it wants another package. */
const SDK_ALGORITHMS = ['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const;

describe('checksums of objects (userguide: checking-object-integrity-upload)', () => {
  it.each(SDK_ALGORITHMS)('verifies, stores and returns %s as the SDK sends it', async (algorithm) => {
    const { client } = await startWithClient();
    const data = testBytes(100_000);
    const field = `Checksum${algorithm}` as const;
    const put = await client.send(new PutObjectCommand({ Bucket, Key, Body: data, ChecksumAlgorithm: algorithm }));
    expect(put).toMatchObject({ [field]: checksumOf(algorithm, data), ChecksumType: 'FULL_OBJECT' });
    const silent = await client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(silent[field]).toBeUndefined();
    const head = await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({ [field]: checksumOf(algorithm, data), ChecksumType: 'FULL_OBJECT' });
    const range = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED', Range: 'bytes=0-9' }));
    expect(range[field]).toBeUndefined();
    await range.Body?.transformToByteArray();
  });

  it.each(CHECKSUM_ALGORITHMS)(
    'refuses a wrong %s in a header with BadDigest, and a malformed one',
    async (algorithm) => {
      const { client } = await startWithClient();
      const put = (value: string) =>
        client.send(new PutObjectCommand({ Bucket, Key, Body: 'content', [`Checksum${algorithm}`]: value }));
      expect(await failure(put(checksumOf(algorithm, Buffer.from('other'))))).toMatchObject({
        code: 'BadDigest',
        status: 400,
      });
      expect(await failure(put('AAAA'))).toMatchObject({ code: 'InvalidRequest', status: 400 });
      expect(await failure(client.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 });
      const good = await put(checksumOf(algorithm, Buffer.from('content')));
      expect(good[`Checksum${algorithm}`]).toBe(checksumOf(algorithm, Buffer.from('content')));
    },
  );

  it.each(CHECKSUM_ALGORITHMS)('takes %s in a trailer, and refuses a wrong or a missing one', async (algorithm) => {
    const server = await startTestServer();
    const put = (trailer: string) => {
      const body = `7\r\ncontent\r\n0\r\n${trailer}\r\n`;
      return signedRequest(server, {
        method: 'PUT',
        path: '/bucket/k',
        payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        headers: {
          'content-encoding': 'aws-chunked',
          'content-length': String(body.length),
          'x-amz-decoded-content-length': '7',
          'x-amz-trailer': `x-amz-checksum-${algorithm.toLowerCase()}`,
        },
        body,
      });
    };
    const name = `x-amz-checksum-${algorithm.toLowerCase()}`;
    expect(await put(`${name}:${checksumOf(algorithm, Buffer.from('other'))}\r\n`)).toMatchObject({
      status: 400,
      code: 'BadDigest',
    });
    expect(await put('')).toMatchObject({ status: 400, code: 'InvalidRequest' });
    const good = await put(`${name}:${checksumOf(algorithm, Buffer.from('content'))}\r\n`);
    expect(good.status).toBe(200);
    expect(good.headers[name]).toBe(checksumOf(algorithm, Buffer.from('content')));
  });

  it('refuses a wrong Content-MD5 with BadDigest and a malformed one with InvalidDigest (ErrorResponses)', async () => {
    const { client } = await startWithClient();
    const put = (ContentMD5: string) =>
      failure(client.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ContentMD5 })));
    expect(await put(createHash('md5').update('other').digest('base64'))).toMatchObject({
      code: 'BadDigest',
      status: 400,
    });
    expect(await put('nonsense')).toMatchObject({ code: 'InvalidDigest', status: 400 });
    expect(await failure(client.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 });
  });

  it('refuses two checksums, and an algorithm that is named without its value', async () => {
    const server = await startTestServer();
    const put = (headers: Record<string, string>) =>
      signedRequest(server, { method: 'PUT', path: '/bucket/k', body: 'x', headers });
    const crc32 = checksumOf('CRC32', Buffer.from('x'));
    const sha1 = checksumOf('SHA1', Buffer.from('x'));
    expect(await put({ 'x-amz-checksum-crc32': crc32, 'x-amz-checksum-sha1': sha1 })).toMatchObject({
      code: 'InvalidRequest',
    });
    expect(await put({ 'x-amz-sdk-checksum-algorithm': 'CRC32' })).toMatchObject({ code: 'InvalidRequest' });
    expect(await put({ 'x-amz-sdk-checksum-algorithm': 'CRC32', 'x-amz-checksum-crc32': crc32 })).toMatchObject({
      status: 200,
    });
  });

  it('a copy keeps the algorithm of its source, or takes another (API_CopyObject: x-amz-checksum-algorithm)', async () => {
    const { client } = await startWithClient();
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'content', ChecksumAlgorithm: 'SHA1' }));
    const copy = (input: object) =>
      client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: 'bucket/k', ...input }));
    expect((await copy({})).CopyObjectResult).toMatchObject({
      ChecksumSHA1: checksumOf('SHA1', Buffer.from('content')),
    });
    const other = await copy({ ChecksumAlgorithm: 'CRC32C' });
    expect(other.CopyObjectResult).toMatchObject({ ChecksumCRC32C: checksumOf('CRC32C', Buffer.from('content')) });
  });
});

describe('checksums of multipart uploads (userguide: checking-object-integrity-upload)', () => {
  const data = [testBytes(PART, 1), testBytes(1000, 2)] as const;

  async function uploadAll(
    client: ReturnType<typeof sdkClient>,
    algorithm: ChecksumAlgorithm,
    type: 'COMPOSITE' | 'FULL_OBJECT' | undefined,
    complete: object = {},
    keepPartChecksums = true,
  ) {
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: algorithm, ChecksumType: type }),
    );
    const field = `Checksum${algorithm}`;
    const Parts: CompletedPart[] = [];
    for (const [index, Body] of data.entries()) {
      const value = checksumOf(algorithm as 'CRC32', Body);
      const part = await client.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: index + 1, Body, [field]: value }),
      );
      expect(part).toMatchObject({ [field]: value });
      Parts.push({ PartNumber: index + 1, ETag: part.ETag, ...(keepPartChecksums ? { [field]: value } : {}) });
    }
    return client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...complete }),
    );
  }

  it.each(SDK_ALGORITHMS)(
    '%s is composite by default: the checksum of the checksums of the parts',
    async (algorithm) => {
      const { client } = await startWithClient();
      const completed = await uploadAll(client, algorithm, undefined);
      const raw = Buffer.concat(data.map((part) => Buffer.from(checksumOf(algorithm, part), 'base64')));
      expect(completed).toMatchObject({
        [`Checksum${algorithm}`]: `${checksumOf(algorithm, raw)}-2`,
        ChecksumType: 'COMPOSITE',
      });
      const got = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
      expect(got).toMatchObject({ [`Checksum${algorithm}`]: `${checksumOf(algorithm, raw)}-2` });
      expect((await got.Body?.transformToByteArray())?.length).toBe(PART + 1000);
      const part = await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED', PartNumber: 2 }));
      expect(part).toMatchObject({ [`Checksum${algorithm}`]: checksumOf(algorithm, data[1]) });
    },
  );

  it.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)(
    '%s can be that of the full object, combined from the parts',
    async (algorithm) => {
      const { client } = await startWithClient();
      const whole = checksumOf(algorithm, Buffer.concat(data));
      const completed = await uploadAll(
        client,
        algorithm,
        'FULL_OBJECT',
        { [`Checksum${algorithm}`]: whole, ChecksumType: 'FULL_OBJECT' },
        false,
      );
      expect(completed).toMatchObject({ [`Checksum${algorithm}`]: whole, ChecksumType: 'FULL_OBJECT' });
      const wrong = uploadAll(client, algorithm, 'FULL_OBJECT', {
        [`Checksum${algorithm}`]: checksumOf(algorithm, data[0]),
      });
      expect(await failure(wrong)).toMatchObject({ code: 'BadDigest', status: 400 });
    },
  );

  it('a composite checksum wants those of the parts at completion, and the right ones', async () => {
    const { client } = await startWithClient();
    expect(await failure(uploadAll(client, 'SHA256', 'COMPOSITE', {}, false))).toMatchObject({
      code: 'InvalidRequest',
      status: 400,
    });
    expect(await failure(uploadAll(client, 'CRC32', 'COMPOSITE', { ChecksumType: 'FULL_OBJECT' }))).toMatchObject({
      code: 'InvalidRequest',
    });
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'SHA256' }),
    );
    const { ETag } = await client.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'a', ChecksumAlgorithm: 'SHA256' }),
    );
    const Parts = [{ PartNumber: 1, ETag, ChecksumSHA256: checksumOf('SHA256', Buffer.from('b')) }];
    const complete = client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
    );
    expect(await failure(complete)).toMatchObject({ code: 'InvalidPart', status: 400 });
  });

  it('refuses types that an algorithm does not have, and parts of another algorithm', async () => {
    const { client } = await startWithClient();
    const begin = (input: object) => client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...input }));
    expect(await failure(begin({ ChecksumAlgorithm: 'SHA256', ChecksumType: 'FULL_OBJECT' }))).toMatchObject({
      code: 'InvalidRequest',
    });
    expect(await failure(begin({ ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'COMPOSITE' }))).toMatchObject({
      code: 'InvalidRequest',
    });
    expect(await failure(begin({ ChecksumType: 'FULL_OBJECT' }))).toMatchObject({ code: 'InvalidRequest' });
    const { UploadId } = await begin({ ChecksumAlgorithm: 'SHA256' });
    const part = client.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'x', ChecksumAlgorithm: 'CRC32' }),
    );
    expect(await failure(part)).toMatchObject({ code: 'InvalidRequest', status: 400 });
  });
});

describe('a store without the newer checksums', () => {
  it('answers 501 NotImplemented to the default SDK, and works with WHEN_REQUIRED', async () => {
    const server = await startTestServer({ flexibleChecksums: false });
    const modern = await failure(sdkClient(server).send(new PutObjectCommand({ Bucket, Key, Body: 'x' })));
    expect(modern).toMatchObject({ code: 'NotImplemented', status: 501 });
    const client = sdkClient(server, {
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const got = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    expect(await got.Body?.transformToString()).toBe('x');
    expect(
      await failure(client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }))),
    ).toMatchObject({ status: 501 });
    const begin = failure(client.send(new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'CRC32' })));
    expect(await begin).toMatchObject({ code: 'NotImplemented', status: 501 });
  });
});
