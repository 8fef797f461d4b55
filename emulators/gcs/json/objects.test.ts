import { gzipSync } from 'node:zlib';
import type { File } from '@google-cloud/storage';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { failure, raw, sdkClient, startTestServer, startWithClient, testBytes } from '../testing/support.ts';

describe('Buckets (json_api/v1/buckets)', () => {
  it('are made, listed a page at a time, found and deleted when they are empty', async () => {
    const server = await startTestServer();
    const storage = await sdkClient(server);
    await storage.createBucket('other-bucket', { location: 'EU' });
    expect((await failure(storage.createBucket('bucket'))).code).toBe(409);
    const [first, next] = await storage.getBuckets({ autoPaginate: false, maxResults: 1 });
    expect(first.map(({ name }) => name)).toEqual(['bucket']);
    const [second] = await storage.getBuckets({ autoPaginate: false, ...next });
    expect(second.map(({ name }) => name)).toEqual(['other-bucket']);
    expect((await storage.bucket('other-bucket').getMetadata())[0]).toMatchObject({ location: 'EU' });
    await storage.bucket('bucket').file('x').save('x', { resumable: false });
    expect((await failure(storage.bucket('bucket').delete())).code).toBe(409);
    await storage.bucket('other-bucket').delete();
    expect(await storage.bucket('other-bucket').exists()).toEqual([false]);
    expect(await failure(storage.createBucket('Not_allowed'))).toMatchObject({ code: 400, reason: 'invalid' });
  });
});

describe('Objects: list (json_api/v1/objects/list)', () => {
  it('is in byte order, with prefixes, pages and a delimiter', async () => {
    const { bucket } = await startWithClient();
    // U+FB00 comes before U+1F600 in UTF-8 and after it in UTF-16.
    const names = ['A', 'a', 'a/1', 'a/2/x', 'b', '\ufb00', '\u{1f600}'];
    for (const name of [...names].reverse()) await bucket.file(name).save(name, { resumable: false });
    const [all] = await bucket.getFiles();
    expect(all.map(({ name }) => name)).toEqual(names);
    const pages: string[][] = [];
    for (let query: object | null = { autoPaginate: false, maxResults: 2, delimiter: '/' }; query !== null; ) {
      const page: unknown[] = await bucket.getFiles(query);
      const [files, next, { prefixes = [] }] = page as [File[], object | null, { prefixes?: string[] }];
      pages.push([...files.map(({ name }) => name), ...prefixes]);
      query = next;
    }
    expect(pages).toEqual([
      ['A', 'a'],
      ['b', 'a/'],
      ['\ufb00', '\u{1f600}'],
    ]);
    const [below] = await bucket.getFiles({ prefix: 'a/' });
    expect(below.map(({ name }) => name)).toEqual(['a/1', 'a/2/x']);
    expect((await failure(bucket.getFiles({ pageToken: 'no token' }))).code).toBe(400);
  });
});

describe('Objects: get and download', () => {
  it('states size, hashes and generation, and gives ranges and generations', async () => {
    const { server, bucket } = await startWithClient();
    const file = bucket.file('folder/a b+c%.bin');
    const bytes = testBytes(300_000);
    await file.save(bytes, { resumable: false, metadata: { contentType: 'x/y', metadata: { key: 'Zürich' } } });
    const [metadata] = await file.getMetadata();
    expect(metadata).toMatchObject({
      size: '300000',
      contentType: 'x/y',
      metageneration: '1',
      metadata: { key: 'Zürich' },
    });
    // The SDK compares the hashes of what it downloads with x-goog-hash.
    expect((await file.download({ validation: 'crc32c' }))[0].equals(bytes)).toBe(true);
    expect((await file.download({ start: 10, end: 19 }))[0].equals(bytes.subarray(10, 20))).toBe(true);
    const path = `/storage/v1/b/bucket/o/${encodeURIComponent(file.name)}?alt=media`;
    const answer = await raw(server, 'GET', path, { headers: { range: 'bytes=-5' } });
    expect(answer).toMatchObject({ status: 206, body: bytes.subarray(-5) });
    expect(answer.headers).toMatchObject({
      'content-range': 'bytes 299995-299999/300000',
      'x-goog-generation': String(metadata.generation),
      'x-goog-hash': `crc32c=${metadata.crc32c}, md5=${metadata.md5Hash}`,
      'x-goog-stored-content-length': '300000',
    });
    expect((await raw(server, 'GET', path, { headers: { range: 'bytes=300000-' } })).status).toBe(416);
    await file.save('new', { resumable: false });
    expect((await raw(server, 'GET', `${path}&generation=${metadata.generation}`)).status).toBe(404);
    expect((await raw(server, 'GET', `${path}&ifGenerationMatch=${metadata.generation}`)).status).toBe(412);
  });

  it('decompresses gzip for who does not accept it, without a length and whatever the range (storage/docs/transcoding)', async () => {
    const { server, bucket } = await startWithClient();
    const [plain, packed] = [testBytes(1000), gzipSync(testBytes(1000))];
    await bucket.file('z').save(packed, { resumable: false, metadata: { contentEncoding: 'gzip' } });
    const path = '/storage/v1/b/bucket/o/z?alt=media';
    const unpacked = await raw(server, 'GET', path, { headers: { range: 'bytes=0-9' } });
    expect(unpacked).toMatchObject({ status: 200, body: plain });
    expect(unpacked.headers['content-length']).toBeUndefined();
    expect(unpacked.headers['x-goog-stored-content-encoding']).toBe('gzip');
    const stored = await raw(server, 'GET', path, { headers: { range: 'bytes=0-9', 'accept-encoding': 'gzip' } });
    expect(stored).toMatchObject({ status: 206, body: packed.subarray(0, 10) });
    await bucket.file('z').setMetadata({ cacheControl: 'no-transform' });
    expect((await raw(server, 'GET', path)).body.equals(packed)).toBe(true);
  });
});

describe('Objects: insert, patch, delete', () => {
  it('verifies the hashes that a writer states (storage/docs/hashes-etags)', async () => {
    const { server } = await startWithClient();
    const path = '/upload/storage/v1/b/bucket/o?uploadType=multipart';
    const insert = (resource: object) =>
      raw(server, 'POST', path, {
        headers: { 'content-type': 'multipart/related; boundary=xyz' },
        body: `--xyz\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(resource)}\r\n--xyz\r\nContent-Type: text/plain\r\n\r\n123456789\r\n--xyz--\r\n`,
      });
    const wrong = await insert({ name: 'n', crc32c: 'AAAAAA==' });
    expect(wrong.status).toBe(400);
    expect(JSON.parse(wrong.text).error.errors[0].reason).toBe('invalid');
    expect((await insert({ name: 'n', md5Hash: 'AAAAAAAAAAAAAAAAAAAAAA==' })).status).toBe(400);
    // The check value of CRC-32C, e3069283.
    const right = await insert({ name: 'n', crc32c: '4waSgw==' });
    expect(JSON.parse(right.text)).toMatchObject({ size: '9', contentType: 'text/plain', crc32c: '4waSgw==' });
  });

  it('holds writers to their preconditions (storage/docs/request-preconditions)', async () => {
    const { bucket } = await startWithClient();
    const save = (ifGenerationMatch: number | string) =>
      bucket.file('n').save('x', { resumable: false, preconditionOpts: { ifGenerationMatch } });
    await save(0);
    expect(await failure(save(0))).toMatchObject({ code: 412, reason: 'conditionNotMet' });
    const [{ generation = '' }] = await bucket.file('n').getMetadata();
    await save(generation);
    expect(await failure(save(generation))).toMatchObject({ code: 412 });
    expect(
      await failure(bucket.file('n').setMetadata({ metadata: { a: 'b' } }, { ifMetagenerationMatch: 7 })),
    ).toMatchObject({
      code: 412,
    });
    await bucket.file('n').setMetadata({ metadata: { a: 'b', c: 'd' } });
    await bucket.file('n').setMetadata({ metadata: { a: null } });
    expect((await bucket.file('n').getMetadata())[0]).toMatchObject({ metageneration: '3', metadata: { c: 'd' } });
    await bucket.file('n').delete();
    expect(await failure(bucket.file('n').delete())).toMatchObject({ code: 404, reason: 'notFound' });
  });

  it('refuses names that cannot be (storage/docs/objects#naming)', async () => {
    const { bucket } = await startWithClient();
    for (const name of ['a\nb', 'a\rb', '.', '..', '.well-known/acme-challenge/x', 'n'.repeat(1025)]) {
      const file = bucket.file(name);
      expect((await failure(file.save('x', { resumable: false }))).code, name).toBe(400);
    }
    await bucket.file('n'.repeat(1024)).save('x', { resumable: false });
  });

  it('takes one update a second of an object where it is told to (storage/quotas#objects)', async () => {
    const { bucket } = await startWithClient({ onePerSecond: true });
    await bucket.file('n').save('x', { resumable: false });
    const second = await failure(bucket.file('n').save('y', { resumable: false }));
    expect(second).toMatchObject({ code: 429, reason: 'rateLimitExceeded' });
  });
});

describe('Objects: compose, rewrite and copy', () => {
  it('joins up to 32 components, which gives an object without MD5 (json_api/v1/objects/compose)', async () => {
    const { bucket } = await startWithClient();
    const pieces = Array.from({ length: 33 }, (_, index) => testBytes(100 + index, index));
    for (const [index, piece] of pieces.entries()) await bucket.file(`p${index}`).save(piece, { resumable: false });
    const files = pieces.map((_, index) => bucket.file(`p${index}`));
    expect((await failure(bucket.combine(files, bucket.file('all')))).code).toBe(400);
    await bucket.combine(files.slice(0, 32), bucket.file('all'));
    const [metadata] = await bucket.file('all').getMetadata();
    expect(metadata).toMatchObject({ componentCount: 32 });
    expect(metadata.md5Hash).toBeUndefined();
    const [joined] = await bucket.file('all').download({ validation: 'crc32c' });
    expect(joined.equals(Buffer.concat(pieces.slice(0, 32)))).toBe(true);
  });

  it('copies piece by piece with a token (json_api/v1/objects/rewrite)', async () => {
    const { server, bucket } = await startWithClient({ rewriteBytes: 1024 * 1024 });
    const bytes = testBytes(2_500_000);
    await bucket.file('from').save(bytes, { resumable: false, metadata: { metadata: { a: 'b' } } });
    const [copied] = await bucket.file('from').copy(bucket.file('to'));
    expect(server.observer.count('objects.rewrite')).toBe(3);
    expect((await copied.download())[0].equals(bytes)).toBe(true);
    expect((await copied.getMetadata())[0]).toMatchObject({ metadata: { a: 'b' } });
    const path = '/storage/v1/b/bucket/o/from/rewriteTo/b/bucket/o';
    const { rewriteToken } = JSON.parse((await raw(server, 'POST', `${path}/to2`, { body: '' })).text);
    expect((await raw(server, 'POST', `${path}/to3?rewriteToken=${rewriteToken}`, { body: '' })).status).toBe(400);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 8 * 24 * 3600_000 });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const late = await raw(server, 'POST', `${path}/to2?rewriteToken=${rewriteToken}`, { body: '' });
    expect(late.status).toBe(410);
    const conditional = await raw(server, 'POST', `${path}/to?ifGenerationMatch=0`, { body: '' });
    expect(conditional.status).toBe(412);
  });
});
