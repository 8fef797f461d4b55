import { expect, it } from 'vitest';
import { bufferedBody } from '../../digest.ts';
import type { ObjectMetadata } from '../../provider.ts';
import {
  acknowledged,
  generationOf,
  infoOfHeaders,
  infoOfResource,
  requiredGeneration,
  toPutHeaders,
  toResource,
  versionOf,
} from './properties.ts';

const metadata: ObjectMetadata = {
  contentType: 'text/plain',
  contentDisposition: 'attachment; filename="ü"',
  cacheControl: 'no-store',
  user: { unicode: 'Zürich 東京', word: '=?UTF-8?B?eA==?=', plain: 'a b' },
  modifiedAt: new Date('2001-02-03T04:05:06.789Z'),
};
const facts = { size: '5', generation: '17', updated: '2020-01-02T03:04:05.678Z', crc32c: '4waSgw==' };
const headers = {
  'content-length': '5',
  'x-goog-generation': '17',
  'x-goog-hash': 'crc32c=4waSgw==',
  'last-modified': 'Thu, 02 Jan 2020 03:04:05 GMT',
  'x-goog-storage-class': 'STANDARD',
};

it('writes the same metadata by both APIs, and reads it back by both', () => {
  const info = infoOfResource({ ...facts, storageClass: 'STANDARD', ...toResource(metadata) });
  expect(info).toMatchObject({ sizeBytes: 5, digests: { crc32c: 'e3069283' }, metadata });
  expect(infoOfHeaders({ ...headers, ...toPutHeaders(metadata) })).toEqual(info);
});

it('keeps the modification time as rclone does, and reads what others wrote', () => {
  expect(toPutHeaders(metadata)['x-goog-meta-mtime']).toBe('2001-02-03T04:05:06.789Z');
  const nanoseconds = infoOfResource({ ...facts, metadata: { mtime: '2001-02-03T04:05:06.789012345Z' } });
  expect(nanoseconds.metadata.modifiedAt).toEqual(metadata.modifiedAt);
  const other = infoOfResource({ ...facts, metadata: { mtime: 'yesterday', Case: 'ü' } });
  expect(other.metadata).toEqual({ user: { mtime: 'yesterday', case: 'ü' } });
});

it('does not take the caching that the service adds for that of the object', () => {
  const read = (caching: string) => infoOfHeaders({ ...headers, 'cache-control': caching }).metadata.cacheControl;
  expect(read('private, max-age=0')).toBeUndefined();
  expect(read('public, max-age=3600')).toBeUndefined();
  expect(read('public, max-age=60')).toBe('public, max-age=60');
});

it('takes no answer to a write that states no CRC32C, as the service always does', () => {
  const body = bufferedBody([Buffer.from('12345')], ['crc32c', 'md5']);
  const crc32c = `crc32c=${Buffer.from(body.digest('crc32c'), 'hex').toString('base64')}`;
  expect(acknowledged({ 'x-goog-hash': crc32c }, body)).toEqual({ crc32c: body.digest('crc32c') });
  const md5 = `md5=${Buffer.from(body.digest('md5'), 'hex').toString('base64')}`;
  for (const answer of [{}, { 'x-goog-hash': md5 }] as Record<string, string>[]) {
    expect(() => acknowledged(answer, body)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  }
});

it('knows a version by its generation, and none but its own', () => {
  expect(generationOf(versionOf('17'))).toBe('17');
  expect(generationOf({ etag: '"17"' })).toBe('17');
  expect(generationOf({ etag: '"0x8DC"' })).toBeUndefined();
  expect(() => versionOf('1 or 2')).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  expect(requiredGeneration({ ifAbsent: true })).toBe('0');
  expect(() => requiredGeneration({ ifMatch: { etag: '"x"' } })).toThrow(
    expect.objectContaining({ code: 'PRECONDITION_FAILED' }),
  );
});
