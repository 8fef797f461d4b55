import { describe, expect, it } from 'vitest';
import { parseListing } from './listing.ts';

const request = { prefix: '', delimiter: undefined };
const document = (inner: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`;
const contents = (key: string) =>
  `<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;abc&quot;</ETag>` +
  '<Size>12</Size><Owner><ID>x</ID></Owner><StorageClass>GLACIER</StorageClass></Contents>';

describe('listings', () => {
  it('give every field', () => {
    const page = parseListing(document(`<IsTruncated>false</IsTruncated>${contents('a')}`), request);
    expect(page).toEqual({
      nextCursor: null,
      items: [
        {
          kind: 'file',
          key: 'a',
          sizeBytes: 12,
          modifiedAt: new Date('2026-01-02T03:04:05.678Z'),
          version: { etag: '"abc"' },
          digests: {},
          storageClass: 'GLACIER',
        },
      ],
    });
  });

  it('decode keys as the store says that it encoded them', () => {
    const encoded = document(`<EncodingType>url</EncodingType>${contents('a+b%2Bc%0A%F0%9F%98%80/d')}`);
    expect(parseListing(encoded, request).items[0]?.key).toBe('a b+c\n😀/d');
    const plain = document(contents('a+b%2B&amp;&lt;&#x41;&#66;&apos;'));
    expect(parseListing(plain, request).items[0]?.key).toBe("a+b%2B&<AB'");
  });

  it('refuse keys that are not UTF-8', () => {
    const broken = document(`<EncodingType>url</EncodingType>${contents('a%FF')}`);
    expect(() => parseListing(broken, request)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  });

  it.each([
    ['a size that is no number', '<Size>12</Size>', '<Size>abc</Size>'],
    ['an empty size', '<Size>12</Size>', '<Size></Size>'],
    ['no size', '<Size>12</Size>', ''],
    ['a size that is not exact', '<Size>12</Size>', '<Size>1e30</Size>'],
    ['a size beyond what is exact', '<Size>12</Size>', '<Size>9007199254740993</Size>'],
    ['a negative size', '<Size>12</Size>', '<Size>-5</Size>'],
    ['a time that is none', '2026-01-02T03:04:05.678Z', 'yesterday'],
    ['half a surrogate pair', '<Key>k', '<Key>&#xD800;k'],
    ['a character beyond Unicode', '<Key>k', '<Key>&#x110000;k'],
    ['an ETag with controls', '&quot;abc', '&quot;a&#0;bc'],
  ])('refuse %s', (_, from, to) => {
    const hostile = document(contents('k').replace(from, to));
    expect(() => parseListing(hostile, request)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  });

  it('merge folders and files in byte order, and go on where the store says', () => {
    const page = parseListing(
      document(
        `<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>${contents('p/b')}${contents('p/')}` +
          '<CommonPrefixes><Prefix>p/a/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>p/c/</Prefix></CommonPrefixes>',
      ),
      { prefix: 'p/', delimiter: '/' },
    );
    expect(page.items.map((entry) => entry.key)).toEqual(['p/a/', 'p/b', 'p/c/']);
    expect(page.nextCursor).toBe('a&b');
  });

  it.each([
    ['a name outside the folder that was asked for', contents('q/a')],
    ['a folder outside of it', '<CommonPrefixes><Prefix>../p/</Prefix></CommonPrefixes>'],
    [
      'the page itself as the next one',
      '<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>',
    ],
    ['a page that is not the last one and leads to none', `${contents('p/a')}<IsTruncated>true</IsTruncated>`],
  ])('refuse %s', (_, inner) => {
    const hostile = () => parseListing(document(inner), { prefix: 'p/', delimiter: '/', cursor: 'a&b' });
    expect(hostile).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  });

  it('that are cut off anywhere are not taken for shorter ones', () => {
    const whole = document(contents('a') + contents('b'));
    for (let end = whole.indexOf('<ListBucketResult') + '<ListBucketResult'.length; end < whole.length; end += 1) {
      const cut = () => parseListing(whole.slice(0, end), request);
      expect(cut).toThrow(expect.objectContaining({ code: 'PROVIDER_UNAVAILABLE' }));
    }
  });

  it('are no web pages', () => {
    expect(() => parseListing('<html></html>', request)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  });
});
