import { expect, it } from 'vitest';
import { type Listing, toPage } from './listing.ts';
import { jsonPath, xmlPath } from './names.ts';

const item = { name: 'a', size: '5', generation: '17', updated: '2020-01-02T03:04:05.678Z', crc32c: '4waSgw==' };
const page = (listing: Listing) => toPage({ kind: 'storage#objects', ...listing }, { prefix: '' });

it('gives rows with what pins and proves them', () => {
  expect(page({ items: [item], nextPageToken: 'next' })).toEqual({
    items: [
      {
        kind: 'file',
        key: 'a',
        sizeBytes: 5,
        modifiedAt: new Date('2020-01-02T03:04:05.678Z'),
        version: { versionId: '17', etag: '"17"' },
        digests: { crc32c: 'e3069283' },
        storageClass: null,
      },
    ],
    nextCursor: 'next',
  });
});

it('sorts folders among the files by bytes', () => {
  const items = ['\ufb00', '\u{1f600}'].map((name) => ({ ...item, name }));
  const { items: rows } = page({ items, prefixes: ['b/', '\ufb01/'] });
  expect(rows.map(({ key }) => key)).toEqual(['b/', '\ufb00', '\ufb01/', '\u{1f600}']);
});

it.each([
  ['another kind', { kind: 'storage#buckets' }],
  ['no size', { items: [{ name: 'a', generation: '1' }] }],
  ['a size that is not exact', { items: [{ ...item, size: '99999999999999999999' }] }],
  ['no generation', { items: [{ name: 'a', size: '1' }] }],
  ['a name that is not Unicode', { items: [{ ...item, name: '\ud800' }] }],
])('refuses a listing with %s', (_what, listing) => {
  expect(() => page(listing as Listing)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
});

it.each([
  ['a name outside the folder that was asked for', { items: [{ ...item, name: 'q/a' }] }],
  ['a folder outside of it', { prefixes: ['../p/'] }],
  ['the page itself as the next one', { nextPageToken: 'here' }],
])('refuses a listing with %s', (_what, listing) => {
  const asked = { prefix: 'p/', cursor: 'here' };
  expect(() => toPage({ kind: 'storage#objects', ...listing }, asked)).toThrow(
    expect.objectContaining({ code: 'ENDPOINT_INVALID' }),
  );
});

it('names objects so that nothing on the way resolves dots or slashes', () => {
  expect(xmlPath('bucket', 'a/../b')).toBe('/bucket/a%2F..%2Fb');
  expect(jsonPath('bucket', '../x y+%')).toBe('/storage/v1/b/bucket/o/..%2Fx%20y%2B%25');
  for (const bucket of ['..', 'a/b', 'x@host', '']) {
    expect(() => xmlPath(bucket, 'n')).toThrow(expect.objectContaining({ code: 'CONTAINER_NOT_FOUND' }));
  }
});
