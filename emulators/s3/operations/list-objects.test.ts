import {
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { failure, HARD_KEYS, STORES, signedRequest, startWithClient } from '../testing/support.ts';

const Bucket = 'bucket';

async function putAll(client: S3Client, keys: readonly string[]): Promise<void> {
  for (const Key of keys) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  }
}

/** All pages: the keys and, with a slash of their own kind before them, the common prefixes. */
async function listAll(client: S3Client, input: Partial<ListObjectsV2CommandInput> = {}) {
  const keys: (string | undefined)[] = [];
  const prefixes: (string | undefined)[] = [];
  let pages = 0;
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket, ...input, ContinuationToken }));
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
    prefixes.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix));
    pages += 1;
    ContinuationToken = page.NextContinuationToken;
    expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
    expect(page.KeyCount).toBe((page.Contents?.length ?? 0) + (page.CommonPrefixes?.length ?? 0));
  } while (ContinuationToken !== undefined);
  return { keys, prefixes, pages };
}

const byBytes = (keys: readonly string[]) =>
  [...keys].sort((a, b) => Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8')));

describe.each(STORES)('listings in %s', (store) => {
  it('ListObjectsV2 is in byte order of UTF-8, whole and in pages (API_ListObjectsV2)', async () => {
    const { client } = await startWithClient({ store });
    await putAll(client, HARD_KEYS);
    const readable = byBytes(HARD_KEYS);
    // The order of UTF-16 differs: this test would not see a mistake without such keys.
    expect(readable).not.toEqual([...HARD_KEYS].sort());
    expect((await listAll(client, { MaxKeys: 1000 })).keys.length).toBe(HARD_KEYS.length);
    const paged = await listAll(client, { MaxKeys: 3, EncodingType: 'url' });
    expect(paged.keys.map((key) => decodeURIComponent((key as string).replaceAll('+', '%20')))).toEqual(readable);
    expect(paged.pages).toBe(Math.ceil(HARD_KEYS.length / 3));
  });
});

describe('listings', () => {
  it('groups keys by delimiter, across pages (API_ListObjectsV2: CommonPrefixes)', async () => {
    const { client } = await startWithClient();
    await putAll(client, ['a', 'b/1', 'b/2', 'b/c/3', 'b0', 'd/4', 'd//5', 'e']);
    expect(await listAll(client, { Delimiter: '/' })).toMatchObject({ keys: ['a', 'b0', 'e'], prefixes: ['b/', 'd/'] });
    expect(await listAll(client, { Delimiter: '/', MaxKeys: 1 })).toMatchObject({
      keys: ['a', 'b0', 'e'],
      prefixes: ['b/', 'd/'],
      pages: 5,
    });
    expect(await listAll(client, { Delimiter: '/', Prefix: 'b/' })).toMatchObject({
      keys: ['b/1', 'b/2'],
      prefixes: ['b/c/'],
    });
    expect(await listAll(client, { Delimiter: '/', Prefix: 'd/' })).toMatchObject({ keys: ['d/4'], prefixes: ['d//'] });
    expect(await listAll(client, { Prefix: 'b' })).toMatchObject({ keys: ['b/1', 'b/2', 'b/c/3', 'b0'], prefixes: [] });
    expect(await listAll(client, { Prefix: 'x' })).toMatchObject({ keys: [], prefixes: [] });
  });

  it('starts after a key, which need not exist (API_ListObjectsV2: start-after)', async () => {
    const { client } = await startWithClient();
    await putAll(client, ['a', 'b', 'c']);
    expect((await listAll(client, { StartAfter: 'a' })).keys).toEqual(['b', 'c']);
    expect((await listAll(client, { StartAfter: 'aa' })).keys).toEqual(['b', 'c']);
    expect((await listAll(client, { StartAfter: 'c' })).keys).toEqual([]);
    expect((await listAll(client, { StartAfter: 'a', MaxKeys: 1 })).keys).toEqual(['b', 'c']);
  });

  it('answers at most 1,000 keys, none for max-keys=0, and refuses nonsense (API_ListObjectsV2: max-keys)', async () => {
    const { client } = await startWithClient();
    await putAll(
      client,
      Array.from({ length: 1001 }, (_, index) => `k${index}`),
    );
    const page = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 5000 }));
    expect(page).toMatchObject({ KeyCount: 1000, MaxKeys: 1000, IsTruncated: true });
    const none = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
    expect(none).toMatchObject({ KeyCount: 0, IsTruncated: false });
    const negative = await failure(client.send(new ListObjectsV2Command({ Bucket, MaxKeys: -1 })));
    expect(negative).toMatchObject({ code: 'InvalidArgument', status: 400 });
  });

  it('refuses a continuation token that it did not give (API_ListObjectsV2: continuation-token)', async () => {
    const { client } = await startWithClient();
    const call = client.send(new ListObjectsV2Command({ Bucket, ContinuationToken: 'made up' }));
    expect(await failure(call)).toMatchObject({ code: 'InvalidArgument', status: 400 });
  });

  it('encoding-type=url encodes as S3 does: a space is a plus, slashes stay (API_ListObjectsV2: encoding-type)', async () => {
    const { client } = await startWithClient();
    await putAll(client, ["dir a/test_file(3)+%~*'é.png"]);
    const page = await client.send(
      new ListObjectsV2Command({ Bucket, EncodingType: 'url', Prefix: 'dir a/', StartAfter: 'a b' }),
    );
    expect(page.Contents?.[0]?.Key).toBe('dir+a/test_file%283%29%2B%25%7E*%27%C3%A9.png');
    expect(page).toMatchObject({ Prefix: 'dir+a/', StartAfter: 'a+b', EncodingType: 'url' });
  });

  it('writes control characters as references without encoding-type (API_ListObjectsV2: encoding-type)', async () => {
    const { client, server } = await startWithClient();
    await putAll(client, ['bell\u0007']);
    const page = await signedRequest(server, { path: '/bucket?list-type=2' });
    expect(page.text).toContain('<Key>bell&#x7;</Key>');
  });

  it('names owners only when asked (API_ListObjectsV2: fetch-owner)', async () => {
    const { client } = await startWithClient();
    await putAll(client, ['a']);
    const owner = async (FetchOwner: boolean) =>
      (await client.send(new ListObjectsV2Command({ Bucket, FetchOwner }))).Contents?.[0]?.Owner?.DisplayName;
    expect(await owner(true)).toBe('skyferry');
    expect(await owner(false)).toBeUndefined();
  });

  it('describes objects (API_ListObjectsV2: Contents)', async () => {
    const { client } = await startWithClient();
    await client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'abc', StorageClass: 'ONEZONE_IA' }));
    const [object] = (await client.send(new ListObjectsV2Command({ Bucket }))).Contents ?? [];
    expect(object).toMatchObject({
      Key: 'a',
      Size: 3,
      ETag: '"900150983cd24fb0d6963f7d28e17f72"',
      StorageClass: 'ONEZONE_IA',
      ChecksumAlgorithm: ['CRC32'],
      ChecksumType: 'FULL_OBJECT',
    });
    expect(object?.LastModified?.getMilliseconds()).toBe(0);
  });

  it('ListObjects pages by marker, and names the next one only with a delimiter (API_ListObjects)', async () => {
    const { client } = await startWithClient();
    await putAll(client, ['a', 'b/1', 'b/2', 'c', 'd/1']);
    const page = (input: object) => client.send(new ListObjectsCommand({ Bucket, MaxKeys: 2, ...input }));
    const first = await page({ Delimiter: '/' });
    expect(first).toMatchObject({ IsTruncated: true, NextMarker: 'b/', CommonPrefixes: [{ Prefix: 'b/' }] });
    const second = await page({ Delimiter: '/', Marker: first.NextMarker });
    expect(second).toMatchObject({
      IsTruncated: false,
      Marker: 'b/',
      Contents: [{ Key: 'c' }],
      CommonPrefixes: [{ Prefix: 'd/' }],
    });
    const plain = await page({});
    expect(plain).toMatchObject({ IsTruncated: true, Contents: [{ Key: 'a' }, { Key: 'b/1' }] });
    expect(plain.NextMarker).toBeUndefined();
    expect(plain.Contents?.[0]?.Owner?.DisplayName).toBe('skyferry');
  });
});
