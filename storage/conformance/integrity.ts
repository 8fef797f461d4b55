import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { createDigest, statedBody, streamBody } from '../digest.ts';
import type { Digests } from '../digest-algorithm.ts';
import type { UploadBody } from '../provider.ts';
import {
  bodyOf,
  bytesOf,
  type Current,
  container,
  digestless,
  expectBytes,
  expectCode,
  freshKey,
  get,
  type Locally,
  lying,
  never,
  noMetadata,
  put,
} from './fixture.ts';
import { begin, isThere, sendPart, wholeDigests } from './uploads.ts';

export function integrity(current: Current, locally: Locally): void {
  it('states digests of what it stored', async () => {
    const session = current();
    const { singleDigest } = session.capabilities.write;
    const key = freshKey('digest');
    const { digests } = await put(session, key, bytesOf(70_000));
    const computed = createDigest(['md5', 'crc32c', 'dropbox']);
    computed.update(bytesOf(70_000));
    const expected = computed.digest();
    if (singleDigest === null) expect(digests).toEqual({});
    else expect(digests[singleDigest]).toBe(expected[singleDigest]);
    const info = await session.provider.stat({ container, key }, never());
    const stated = { ...info.assertedDigests, ...info.digests };
    expect(Object.keys(stated).length > 0).toBe(session.capabilities.read.digests.length > 0);
    for (const algorithm of ['md5', 'crc32c', 'dropbox'] as const) {
      if (digests[algorithm] !== undefined) expect(digests[algorithm]).toBe(expected[algorithm]);
      if (stated[algorithm] !== undefined) expect(stated[algorithm]).toBe(expected[algorithm]);
    }
    expect(Object.keys(stated).every((one) => session.capabilities.read.digests.includes(one as 'md5'))).toBe(true);
  });

  it('refuses a body whose digest lies, and leaves nothing; or declares none, and asks for none', async () => {
    const session = current();
    const { singleDigest } = session.capabilities.write;
    const key = freshKey('lie');
    const bytes = bytesOf(50_000);
    const body = singleDigest === null ? digestless(bytes) : lying(bodyOf(bytes, session.capabilities));
    const writing = session.provider.write({ container, key, body, metadata: noMetadata }, never());
    if (singleDigest === null) {
      await writing;
      expectBytes(await get(session, key), bytes);
      return;
    }
    await expectCode(writing, 'CHECKSUM_MISMATCH');
    expect(await isThere(session, key)).toBe(false);
  });

  it('takes what the source states in place of a digest, and nothing but bytes that have it', async () => {
    const session = current();
    const { statedDigests } = session.capabilities.write;
    const bytes = bytesOf(300_000);
    const write = (key: string, stated: NonNullable<UploadBody['stated']>) => {
      const body = statedBody(streamBody(Readable.from([bytes]), bytes.length, []), stated);
      return session.provider.write({ container, key, body, metadata: noMetadata }, never());
    };
    const right = createDigest(['crc32c', 'md5']);
    right.update(bytes);
    const digests = right.digest();
    for (const algorithm of ['crc32c', 'md5'] as const) {
      const key = freshKey('stated');
      await put(session, key, bytesOf(10));
      const value = digests[algorithm] as string;
      if (!statedDigests.includes(algorithm)) {
        await expect(write(key, { [algorithm]: value })).rejects.toThrow();
        continue;
      }
      await expectCode(write(key, { [algorithm]: '0'.repeat(value.length) }), 'CHECKSUM_MISMATCH');
      expectBytes(await get(session, key), bytesOf(10));
      expect((await write(key, { [algorithm]: value })).digests[algorithm]).toBe(value);
      expectBytes(await get(session, key), bytes);
    }
  });

  locally('bits that flip on their way', (current) => {
    it('notices a bit that flips on its way, and leaves nothing; or declares that it checks nothing', async () => {
      const session = current();
      const { singleDigest } = session.capabilities.write;
      const key = freshKey('flip');
      const provider = session.open({ proxied: true });
      const spoiled = session.proxy.spoilNext({ kind: 'corrupt', atByte: 100_000 });
      const body = bodyOf(bytesOf(200_000), session.capabilities);
      const writing = provider.write({ container, key, body, metadata: noMetadata }, never());
      if (singleDigest === null) {
        await Promise.all([writing, spoiled]);
        expect((await get(session, key)).equals(bytesOf(200_000))).toBe(false);
        return;
      }
      await expectCode(writing, 'CHECKSUM_MISMATCH');
      await spoiled;
      expect(await isThere(session, key)).toBe(false);
    });

    it('states what tells of a bit that flips on its way here', async () => {
      const session = current();
      const key = freshKey('flip');
      await put(session, key, bytesOf(200_000));
      const provider = session.open({ proxied: true });
      const spoiled = session.proxy.spoilNext({ kind: 'corruptAnswer', atByte: 100_000 });
      const { stream, info } = await provider.read({ container, key }, never());
      const read = createDigest(['md5', 'crc32c', 'dropbox']);
      for await (const chunk of stream as AsyncIterable<Uint8Array>) read.update(chunk);
      await spoiled;
      const { digests, assertedDigests } = info;
      const computed = read.digest();
      const stated = Object.entries({ ...assertedDigests, ...digests }) as [keyof typeof computed, string][];
      const comparable = stated.filter(([algorithm]) => computed[algorithm] !== undefined);
      expect(comparable.length > 0).toBe(session.capabilities.read.digests.length > 0);
      for (const [algorithm, value] of comparable) expect(computed[algorithm]).not.toBe(value);
    });

    it('gives a body that comes slowly whole', async () => {
      const session = current();
      const key = freshKey('slow');
      await put(session, key, bytesOf(200_000));
      const provider = session.open({ proxied: true });
      const spoiled = session.proxy.spoilNext({ kind: 'slow', bytesPerSecond: 1_000_000 });
      const { stream } = await provider.read({ container, key }, never());
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
      await spoiled;
      expectBytes(Buffer.concat(chunks), bytesOf(200_000));
    });
  });

  it('refuses a part whose digest lies, and takes it when it is right; or declares none, and asks for none', async () => {
    const session = current();
    const { partDigest } = session.capabilities.write;
    const key = freshKey('lie');
    const bytes = bytesOf(50_000);
    const upload = await begin(session, key, bytes.length);
    const body = partDigest === null ? digestless(bytes) : lying(bodyOf(bytes, session.capabilities));
    const sending = session.provider.putPart({ session: upload, partNumber: 1, offset: 0, body }, never());
    if (partDigest !== null) await expectCode(sending, 'CHECKSUM_MISMATCH');
    const parts = [partDigest === null ? await sending : await sendPart(session, upload, bytes, 1)];
    await session.provider.completeUpload({ session: upload, parts, digests: wholeDigests(session, bytes) }, never());
    expectBytes(await get(session, key), bytes);
  });

  it('refuses to join parts to what they are not, where it declares to check that', async () => {
    const session = current();
    const { completeDigest } = session.capabilities.write;
    const key = freshKey('lie');
    const bytes = bytesOf(50_000);
    const upload = await begin(session, key, bytes.length);
    const parts = [await sendPart(session, upload, bytes, 1)];
    const lies = { md5: '0'.repeat(32), crc32c: '0'.repeat(8), dropbox: '0'.repeat(64) };
    const digests: Digests = completeDigest === null ? lies : { ...wholeDigests(session, bytes), ...lies };
    const completing = session.provider.completeUpload({ session: upload, parts, digests }, never());
    if (completeDigest === null) {
      await completing;
      // What the store did not check it may keep as an assertion, and must not state as its own.
      expect((await session.provider.stat({ container, key }, never())).digests.md5).not.toBe(digests.md5);
      return;
    }
    await expectCode(completing, 'CHECKSUM_MISMATCH');
    expect(await isThere(session, key)).toBe(false);
    await session.provider.abortUpload(upload, never());
  });

  it('fails with the error of the source it reads from, and leaves what was there', async () => {
    const session = current();
    const { singleDigest, digestTiming } = session.capabilities.write;
    const key = freshKey('source');
    await put(session, key, bytesOf(10));
    const cause = new AppError('OBJECT_CHANGED', 'the source has changed');
    const source = Readable.from(
      (async function* () {
        yield bytesOf(100_000);
        await new Promise(setImmediate);
        throw cause;
      })(),
    );
    const streaming = streamBody(source, 200_000, []);
    // A digest that must be known first is known here: what fails is the stream.
    const body = digestTiming === 'before' ? { ...streaming, digest: () => '0'.repeat(32) } : streaming;
    const writing = session.provider.write({ container, key, body, metadata: noMetadata }, never());
    await expect(writing).rejects.toBe(cause);
    expect(source.destroyed).toBe(true);
    expectBytes(await get(session, key), bytesOf(10));
    expect(singleDigest).toBeDefined();
  });

  it('asks for digests when it has declared to', async () => {
    const session = current();
    const { singleDigest, digestTiming } = session.capabilities.write;
    const body = streamBody(Readable.from([bytesOf(10)]), 10, singleDigest === null ? [] : [singleDigest]);
    const writing = session.provider.write({ container, key: freshKey(), body, metadata: noMetadata }, never());
    if (digestTiming === 'before') await expect(writing).rejects.toThrow('not known yet');
    else await expect(writing).resolves.toMatchObject({ version: expect.anything() });
  });
}
