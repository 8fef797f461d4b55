import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { AppError } from '../core/errors.ts';
import {
  bufferedBody,
  combineCrc32,
  combineCrc32c,
  combineDropboxBlocks,
  createDigest,
  dropboxBlockBytes,
  streamBody,
} from './digest.ts';

const all = ['crc32c', 'crc32', 'md5', 'sha256'] as const;

function digestOf(bytes: Uint8Array) {
  const digest = createDigest(all);
  digest.update(bytes);
  return digest.digest();
}

describe('createDigest', () => {
  // Check values of the CRC catalogue (CRC-32/ISO-HDLC, CRC-32/ISCSI), RFC 1321 and FIPS 180 for the same nine bytes.
  it('gives the published check values', () => {
    expect(digestOf(Buffer.from('123456789'))).toEqual({
      crc32c: 'e3069283',
      crc32: 'cbf43926',
      md5: '25f9e794323b453885f5181f1b624d0b',
      sha256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
    });
  });

  it('gives the same for any split of the bytes', () => {
    const bytes = randomBytes(100_000);
    const digest = createDigest(all);
    for (let at = 0; at < bytes.length; at += 7919) digest.update(bytes.subarray(at, at + 7919));
    expect(digest.digest()).toEqual(digestOf(bytes));
  });

  it('pads CRCs to eight digits', () => {
    expect(digestOf(Buffer.alloc(0))).toMatchObject({ crc32: '00000000', crc32c: '00000000' });
  });

  it('refuses what it cannot compute', () => {
    expect(() => createDigest(['crc64nvme'])).toThrow(RangeError);
  });
});

describe('the content hash of Dropbox', () => {
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  const of = (algorithm: 'dropbox' | 'dropbox-blocks', ...chunks: Uint8Array[]) => {
    const digest = createDigest([algorithm]);
    for (const chunk of chunks) digest.update(chunk);
    return digest.digest()[algorithm] as string;
  };

  it('is SHA-256 over the SHA-256 of blocks of 4 MiB, for any split of the bytes', () => {
    const bytes = randomBytes(2 * dropboxBlockBytes + 5);
    const blocks = [0, 1, 2].map((at) => hash(bytes.subarray(at * dropboxBlockBytes, (at + 1) * dropboxBlockBytes)));
    const expected = hash(Buffer.concat(blocks)).toString('hex');
    expect(of('dropbox', bytes)).toBe(expected);
    expect(of('dropbox', bytes.subarray(0, 1), bytes.subarray(1, 6_000_000), bytes.subarray(6_000_000))).toBe(expected);
    expect(of('dropbox', bytes.subarray(0, dropboxBlockBytes))).toBe(hash(blocks[0] as Buffer).toString('hex'));
  });

  it('of nothing is the SHA-256 of nothing', () => {
    expect(of('dropbox')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('is put together from the blocks of pieces', () => {
    const bytes = randomBytes(3 * dropboxBlockBytes + 5);
    const pieces = [bytes.subarray(0, 2 * dropboxBlockBytes), bytes.subarray(2 * dropboxBlockBytes)];
    expect(combineDropboxBlocks(pieces.map((piece) => of('dropbox-blocks', piece)))).toBe(of('dropbox', bytes));
    expect(combineDropboxBlocks([])).toBe(of('dropbox'));
  });
});

describe('combining CRCs', () => {
  it.each([0, 1, 2, 255, 4096, 65_537])('joins a tail of %i bytes', (length) => {
    const head = randomBytes(1000);
    const tail = randomBytes(length);
    const [a, b, whole] = [digestOf(head), digestOf(tail), digestOf(Buffer.concat([head, tail]))];
    expect(combineCrc32c(a.crc32c as string, b.crc32c as string, length)).toBe(whole.crc32c);
    expect(combineCrc32(a.crc32 as string, b.crc32 as string, length)).toBe(whole.crc32);
  });

  it('joins tails longer than 4 GiB, associatively', () => {
    const [a, b, c] = ['12345678', '9abcdef0', '0fedcba9'];
    const long = 5 * 2 ** 40 + 3;
    const left = combineCrc32c(combineCrc32c(a, b, long), c, 2 ** 33 + 1);
    expect(left).toBe(combineCrc32c(a, combineCrc32c(b, c, 2 ** 33 + 1), long + 2 ** 33 + 1));
  });

  it('refuses a length that is none', () => {
    expect(() => combineCrc32c('00000000', '00000000', -1)).toThrow(RangeError);
    expect(() => combineCrc32c('0', '00000000', 1)).toThrow(RangeError);
  });
});

describe('streamBody', () => {
  it('passes the bytes on and knows the digest afterwards only', async () => {
    const bytes = randomBytes(300_000);
    const body = streamBody(Readable.from(pieces(bytes, 65_536)), bytes.length, ['crc32c']);
    expect(() => body.digest('crc32c')).toThrow('not been read');
    expect(await buffer(body.source)).toEqual(bytes);
    expect(body.digest('crc32c')).toBe(digestOf(bytes).crc32c);
    expect(() => body.digest('md5')).toThrow('not made with md5');
  });

  it('hands on an empty source', async () => {
    const body = streamBody(Readable.from([]), 0, ['md5']);
    expect(await buffer(body.source)).toHaveLength(0);
    expect(body.digest('md5')).toBe('d41d8cd98f00b204e9800998ecf8427e');
  });

  it.each([
    ['shorter', 101],
    ['longer', 99],
  ])('fails for a source that is %s than said', async (how, said) => {
    const body = streamBody(Readable.from([Buffer.alloc(60), Buffer.alloc(40)]), said, ['crc32c']);
    const error = await buffer(body.source).catch((reason) => reason);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'OBJECT_CHANGED', message: expect.stringContaining(how) });
  });

  it('fails with the error of its source, and with a source that closes early', async () => {
    const broken = new Readable({ read() {} });
    const cause = new AppError('PROVIDER_UNAVAILABLE', 'gone');
    const failing = buffer(streamBody(broken, 10, []).source);
    broken.destroy(cause);
    await expect(failing).rejects.toBe(cause);

    const closed = new Readable({ read() {} });
    const ending = buffer(streamBody(closed, 10, []).source);
    closed.destroy();
    await expect(ending).rejects.toMatchObject({ code: 'OBJECT_CHANGED' });
  });

  it('keeps the error of its source for whoever reads it later', async () => {
    const broken = new Readable({ read() {} });
    const { source } = streamBody(broken, 10, []);
    const cause = new AppError('PROVIDER_UNAVAILABLE', 'gone');
    // An error that nobody listens to would end the process.
    broken.destroy(cause);
    await new Promise(setImmediate);
    await expect(buffer(source)).rejects.toBe(cause);
  });

  it('destroys its source when it is destroyed', async () => {
    const inner = new Readable({ read() {} });
    const body = streamBody(inner, 10, []);
    body.source.destroy();
    await new Promise((resolve) => inner.once('close', resolve));
    expect(inner.destroyed).toBe(true);
  });

  it('holds its source back when nobody reads', async () => {
    let made = 0;
    const inner = new Readable({
      highWaterMark: 65_536,
      read() {
        made += 65_536;
        this.push(Buffer.alloc(65_536));
      },
    });
    const body = streamBody(inner, 2 ** 30, []);
    await new Promise((resolve) => body.source.once('readable', resolve));
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(made).toBeLessThanOrEqual(6 * 65_536);
    body.source.destroy();
  });
});

describe('bufferedBody', () => {
  it('knows size and digests at once', () => {
    const bytes = randomBytes(1000);
    const body = bufferedBody([bytes.subarray(0, 300), bytes.subarray(300)], ['md5', 'crc32c']);
    expect(body.sizeBytes).toBe(1000);
    expect(body.digest('md5')).toBe(digestOf(bytes).md5);
    expect(body.digest('crc32c')).toBe(digestOf(bytes).crc32c);
    expect(() => body.digest('sha256')).toThrow('not made with sha256');
  });
});

function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
