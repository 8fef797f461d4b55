import { expect, it } from 'vitest';
import { toObjectInfo, toPutHeaders } from './properties.ts';

const etag = '"0123456789abcdef0123456789abcdef"';
const whole = { etag, 'content-length': '10' };

// "Checking object integrity" and "GetObject" of the S3 documentation.
it.each<[string, number, Record<string, string>]>([
  ['a multipart ETag', 200, { ...whole, etag: '"0123456789abcdef0123456789abcdef-2"' }],
  ['an ETag under SSE-KMS', 200, { ...whole, 'x-amz-server-side-encryption': 'aws:kms' }],
  ['an ETag under SSE-C', 200, { ...whole, 'x-amz-server-side-encryption-customer-algorithm': 'AES256' }],
  ['a composite checksum', 200, { 'content-length': '10', 'x-amz-checksum-crc32c': 'AAAAAA==-2' }],
  [
    'a checksum of the checksums of parts',
    200,
    { 'content-length': '10', 'x-amz-checksum-crc32c': 'AAAAAA==', 'x-amz-checksum-type': 'COMPOSITE' },
  ],
  [
    'the checksum of a part that a range matches',
    206,
    { 'content-length': '5', 'content-range': 'bytes 0-4/10', 'x-amz-checksum-crc32c': 'AAAAAA==' },
  ],
])('%s is no digest of the object', (_what, status, headers) => {
  expect(toObjectInfo(status, headers, true).digests).toEqual({});
});

it('an ETag is an MD5, and a checksum of the whole a digest, where the store says so', () => {
  const headers = { ...whole, 'x-amz-checksum-crc32c': 'AAAAAQ==', 'x-amz-checksum-type': 'FULL_OBJECT' };
  expect(toObjectInfo(200, headers, true).digests).toEqual({
    md5: '0123456789abcdef0123456789abcdef',
    crc32c: '00000001',
  });
  expect(toObjectInfo(200, headers, false).digests).toEqual({ crc32c: '00000001' });
});

it('the modification time is x-amz-meta-mtime in seconds, which rclone reads, and no user metadata', () => {
  const modifiedAt = new Date('2017-07-14T02:40:00.123Z');
  expect(toPutHeaders({ user: {}, modifiedAt })['x-amz-meta-mtime']).toBe('1500000000.123');
  const { metadata } = toObjectInfo(200, { ...whole, 'x-amz-meta-mtime': '1500000000.123456789' }, true);
  expect(metadata).toMatchObject({ user: {}, modifiedAt });
});
