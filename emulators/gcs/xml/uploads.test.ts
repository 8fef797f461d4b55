import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import type { GcsServer } from '../server.ts';
import { raw, startWithClient, testBytes } from '../testing/support.ts';

const MIB = 1024 * 1024;

function hashes(bytes: Buffer) {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32c(bytes));
  return { crc32c: crc.toString('base64'), md5: createHash('md5').update(bytes).digest('base64') };
}

async function initiate(server: GcsServer, headers: Record<string, string> = {}): Promise<string> {
  const answer = await raw(server, 'POST', '/bucket/n?uploads', { headers: { 'content-length': '0', ...headers } });
  return /<UploadId>([^<]+)<\/UploadId>/.exec(answer.text)?.[1] as string;
}

const put = (server: GcsServer, id: string, part: number, body: Buffer, headers = {}) =>
  raw(server, 'PUT', `/bucket/n?partNumber=${part}&uploadId=${id}`, { body, headers });

function complete(server: GcsServer, id: string, parts: [number, string][], headers = {}) {
  const items = parts.map(([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`);
  const body = `<CompleteMultipartUpload>${items.join('')}</CompleteMultipartUpload>`;
  return raw(server, 'POST', `/bucket/n?uploadId=${id}`, { body, headers });
}

describe('XML API multipart uploads (storage/docs/multipart-uploads)', () => {
  it('join parts in any order to an object that has a CRC32C and no MD5 (post-object-complete)', async () => {
    const { server, bucket } = await startWithClient();
    const [one, two] = [testBytes(5 * MIB, 1), testBytes(10, 2)];
    const id = await initiate(server, { 'content-type': 'x/y', 'x-goog-meta-key': 'value' });
    const second = await put(server, id, 2, two);
    expect(second.headers['x-goog-hash']).toBe(`crc32c=${hashes(two).crc32c}, md5=${hashes(two).md5}`);
    const first = await put(server, id, 1, one);
    const listed = await raw(server, 'GET', `/bucket/n?uploadId=${id}&max-parts=1`);
    expect(listed.text).toContain('<IsTruncated>true</IsTruncated>');
    expect(listed.text).toContain('<NextPartNumberMarker>1</NextPartNumberMarker>');
    expect((await bucket.file('n').exists())[0]).toBe(false);
    const etags: [number, string][] = [
      [1, first.headers.etag as string],
      [2, second.headers.etag as string],
    ];
    const done = await complete(server, id, etags);
    const whole = Buffer.concat([one, two]);
    expect(done.status).toBe(200);
    expect(done.headers['x-goog-hash']).toBe(`crc32c=${hashes(whole).crc32c}`);
    const [metadata] = await bucket.file('n').getMetadata();
    expect(metadata).toMatchObject({ contentType: 'x/y', metadata: { key: 'value' }, crc32c: hashes(whole).crc32c });
    expect(metadata.md5Hash).toBeUndefined();
    expect((await bucket.file('n').download())[0].equals(whole)).toBe(true);
    expect((await complete(server, id, etags)).text).toContain('<Code>NoSuchUpload</Code>');
  });

  it('check the hashes of parts, their numbers and their sizes (put-object-multipart, quotas#requests)', async () => {
    const { server } = await startWithClient();
    const id = await initiate(server);
    const bytes = testBytes(100);
    const { crc32c: crc, md5 } = hashes(bytes);
    expect((await put(server, id, 1, bytes, { 'x-goog-hash': `crc32c=${crc},md5=${md5}` })).status).toBe(200);
    for (const wrong of [{ 'x-goog-hash': 'crc32c=AAAAAA==' }, { 'content-md5': hashes(testBytes(9)).md5 }]) {
      expect(await put(server, id, 1, bytes, wrong)).toMatchObject({
        status: 400,
        text: expect.stringContaining('<Code>BadDigest</Code>'),
      });
    }
    expect((await put(server, id, 0, bytes)).status).toBe(400);
    expect((await put(server, id, 10_001, bytes)).status).toBe(400);
    const etag = `"${Buffer.from(md5, 'base64').toString('hex')}"`;
    await put(server, id, 2, bytes);
    const codes: [[number, string][], string][] = [
      [
        [
          [1, etag],
          [2, etag],
        ],
        'EntityTooSmall',
      ],
      [
        [
          [2, etag],
          [1, etag],
        ],
        'InvalidPartOrder',
      ],
      [[[3, etag]], 'InvalidPart'],
      [[[1, '"0"']], 'InvalidPart'],
      [[], 'MalformedXML'],
    ];
    for (const [parts, code] of codes) {
      expect((await complete(server, id, parts)).text).toContain(`<Code>${code}</Code>`);
    }
  });

  it('know no preconditions, and nothing of what was aborted', async () => {
    const { server } = await startWithClient();
    const condition = { 'x-goog-if-generation-match': '0' };
    expect(await initiate(server, condition)).toBeUndefined();
    const id = await initiate(server);
    const { headers } = await put(server, id, 1, testBytes(5));
    expect((await complete(server, id, [[1, headers.etag as string]], condition)).status).toBe(501);
    expect((await raw(server, 'DELETE', `/bucket/n?uploadId=${id}`)).status).toBe(204);
    expect((await raw(server, 'DELETE', `/bucket/n?uploadId=${id}`)).status).toBe(404);
    expect((await put(server, id, 1, testBytes(5))).text).toContain('<Code>NoSuchUpload</Code>');
  });
});

describe('XML API objects (xml-api/put-object-upload, get-object-download)', () => {
  it('are written with hashes and conditions, and read with their metadata', async () => {
    const { server } = await startWithClient();
    const bytes = testBytes(1000);
    const { crc32c: crc, md5 } = hashes(bytes);
    const write = (headers: Record<string, string>) => raw(server, 'PUT', '/bucket/a%2Fb', { body: bytes, headers });
    expect((await write({ 'x-goog-hash': 'crc32c=AAAAAA==' })).status).toBe(400);
    const condition = { 'x-goog-if-generation-match': '0', 'x-goog-meta-key': 'value' };
    const written = await write({ 'x-goog-hash': `crc32c=${crc}`, ...condition });
    expect(written.status).toBe(200);
    expect((await write(condition)).status).toBe(412);
    const read = await raw(server, 'GET', `/bucket/a/b?generation=${written.headers['x-goog-generation']}`);
    expect(read.body.equals(bytes)).toBe(true);
    expect(read.headers).toMatchObject({
      etag: `"${Buffer.from(md5, 'base64').toString('hex')}"`,
      'x-goog-meta-key': 'value',
      'x-goog-hash': `crc32c=${crc}, md5=${md5}`,
    });
    expect((await raw(server, 'GET', '/bucket/a/b?generation=1')).text).toContain('<Code>NoSuchKey</Code>');
  });
});
