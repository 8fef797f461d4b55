import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppError, toAppError } from '../../core/errors.ts';
import { createDigest } from '../digest.ts';
import type { Digests } from '../digest-algorithm.ts';
import type { PartReceipt, StorageProvider, UploadSession } from '../provider.ts';
import {
  bodyOf,
  bytesOf,
  type Current,
  container,
  expectBytes,
  expectCode,
  freshKey,
  get,
  keptMetadata,
  type Locally,
  never,
  noMetadata,
  put,
  type Session,
} from './fixture.ts';
import type { Resumption } from './resume.ts';

/** For a process that hangs: to start one takes seconds on a busy machine. */
const otherProcessMs = 120_000;

/** Parts of the least size that is worth testing. */
export function partSize(session: Session): number {
  return Math.max(session.capabilities.write.partMinBytes, 300_000);
}

export function begin(session: Session, key: string, sizeBytes: number): Promise<UploadSession> {
  return session.provider.beginUpload({ container, key, sizeBytes, metadata: noMetadata }, never());
}

export function sendPart(
  session: Session,
  upload: UploadSession,
  bytes: Buffer,
  partNumber: number,
  provider: StorageProvider = session.provider,
): Promise<PartReceipt> {
  const size = partSize(session);
  const offset = (partNumber - 1) * size;
  const body = bodyOf(bytes.subarray(offset, offset + size), session.capabilities);
  return provider.putPart({ session: upload, partNumber, offset, body }, never());
}

/** The digest that the provider wants for the whole, if any. */
export function wholeDigests(session: Session, bytes: Uint8Array): Digests {
  const { completeDigest } = session.capabilities.write;
  if (completeDigest === null) return {};
  const digest = createDigest([completeDigest]);
  digest.update(bytes);
  return digest.digest();
}

/** Parts as the store tells them, or as their receipts were kept where it does not. */
export async function partsHeld(
  session: Session,
  upload: UploadSession,
  receipts: readonly PartReceipt[],
  provider: StorageProvider = session.provider,
): Promise<readonly PartReceipt[]> {
  if (session.capabilities.write.listsParts) return provider.listParts(upload, never());
  await expectCode(provider.listParts(upload, never()), 'NOT_SUPPORTED');
  return receipts;
}

export async function isThere(session: Session, key: string): Promise<boolean> {
  return (await session.provider.list({ container, prefix: key }, never())).items.length > 0;
}

export function uploads(current: Current, locally: Locally): void {
  describe.each([
    ['a byte less than a part', -1],
    ['exactly a part', 0],
    ['a byte more than a part', 1],
  ])('of %s', (_what, difference) => {
    it('keeps every byte', async () => {
      const session = current();
      const key = freshKey('parts');
      const bytes = bytesOf(partSize(session) + difference);
      const upload = await begin(session, key, bytes.length);
      const parts: PartReceipt[] = [];
      for (let number = 1; (number - 1) * partSize(session) < bytes.length; number++) {
        parts.push(await sendPart(session, upload, bytes, number));
      }
      const digests = wholeDigests(session, bytes);
      await session.provider.completeUpload({ session: upload, parts, digests }, never());
      expectBytes(await get(session, key), bytes);
    });
  });

  it('takes parts in parallel and in any order, shows nothing before the end, and keeps metadata', async () => {
    const session = current();
    const key = freshKey('parts');
    const bytes = bytesOf(partSize(session) * 3 + 5);
    const metadata = {
      contentType: 'text/x-test',
      contentEncoding: 'identity',
      contentLanguage: 'de',
      contentDisposition: 'attachment; filename="Größe 東京.md"',
      cacheControl: 'max-age=60',
      user: { name: 'Zürich' },
      modifiedAt: new Date(1_500_000_000_123),
    };
    const upload = await session.provider.beginUpload({ container, key, sizeBytes: bytes.length, metadata }, never());
    const { lastPartCloses } = session.capabilities.write;
    const together = lastPartCloses ? [2, 3, 1] : [4, 2, 3, 1];
    const parts = await Promise.all(together.map((number) => sendPart(session, upload, bytes, number)));
    if (lastPartCloses) parts.push(await sendPart(session, upload, bytes, 4));
    expect(await isThere(session, key)).toBe(false);
    await expectCode(session.provider.stat({ container, key }, never()), 'OBJECT_NOT_FOUND');
    parts.sort((a, b) => a.partNumber - b.partNumber);
    const digests = wholeDigests(session, bytes);
    const result = await session.provider.completeUpload({ session: upload, parts, digests }, never());
    const info = await session.provider.stat({ container, key }, never());
    const kept = keptMetadata(metadata, session.capabilities);
    expect(info).toMatchObject({ sizeBytes: bytes.length, version: result.version, metadata: kept });
    expectBytes(await get(session, key), bytes);
    const { completeDigest } = session.capabilities.write;
    if (completeDigest !== null) {
      expect(result.digests[completeDigest]).toBe(digests[completeDigest]);
      expect(info.digests[completeDigest]).toBe(digests[completeDigest]);
    }
  });

  it('acknowledges each part with a digest that the store has checked', async () => {
    const session = current();
    const { partDigest } = session.capabilities.write;
    const upload = await begin(session, freshKey('parts'), 10);
    const receipt = await sendPart(session, upload, bytesOf(10), 1);
    expect(receipt).toMatchObject({ partNumber: 1, sizeBytes: 10 });
    if (partDigest !== null) expect(receipt.digests[partDigest]).toMatch(/^[0-9a-f]+$/);
    else expect(receipt.digests).toEqual({});
    expect(JSON.parse(JSON.stringify(receipt))).toEqual(receipt);
    await session.provider.abortUpload(upload, never());
  });

  it('is resumed from JSON by another provider, which asks what is there', async () => {
    const session = current();
    const key = freshKey('parts');
    const bytes = bytesOf(partSize(session) * 2 + 1);
    const upload = await begin(session, key, bytes.length);
    const receipts = [await sendPart(session, upload, bytes, 2)];
    const other = session.open();
    const resumed = JSON.parse(JSON.stringify(upload)) as UploadSession;
    expect((await partsHeld(session, resumed, receipts, other)).map((part) => part.partNumber)).toEqual([2]);
    receipts.unshift(await sendPart(session, resumed, bytes, 1, other));
    receipts.push(await sendPart(session, resumed, bytes, 3, other));
    const parts = await partsHeld(session, resumed, receipts, other);
    expect(parts.map(({ partNumber, sizeBytes }) => [partNumber, sizeBytes])).toEqual([
      [1, partSize(session)],
      [2, partSize(session)],
      [3, 1],
    ]);
    await other.completeUpload({ session: resumed, parts, digests: wholeDigests(session, bytes) }, never());
    expectBytes(await get(session, key), bytes);
  });

  locally('uploads that another process resumes', (current) => {
    it(
      'is resumed by another process, which is given JSON and asks what is there',
      async () => {
        const session = current();
        const { fixture, endpoint, capabilities } = session;
        const key = freshKey('parts');
        const partBytes = partSize(session);
        const filler = 'what another process goes on with ';
        const bytes = Buffer.alloc(partBytes * 2 + 1, filler);
        const upload = await begin(session, key, bytes.length);
        const receipts = [await sendPart(session, upload, bytes, 2)];
        const order = { session: upload, receipts, partBytes, filler, capabilities };
        const child = fork(fileURLToPath(new URL('./resume.ts', import.meta.url)), { execArgv: [] });
        const [credentials, operator] = [fixture.credentials(endpoint), fixture.operator?.(endpoint)];
        child.send({ ...order, credentials, operator } satisfies Resumption);
        onTestFinished(() => void child.kill());
        const [parts] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
        expect(parts).toEqual([
          [1, partBytes],
          [2, partBytes],
          [3, 1],
        ]);
        expectBytes(await get(session, key), bytes);
      },
      otherProcessMs,
    );
  });

  it('takes parts of any multiple that it declares', async () => {
    const session = current();
    const { partMinBytes, partMultipleBytes } = session.capabilities.write;
    const key = freshKey('parts');
    const partBytes = (Math.floor(partMinBytes / partMultipleBytes) + 1) * partMultipleBytes;
    const bytes = bytesOf(partBytes + 1);
    const upload = await begin(session, key, bytes.length);
    const parts: PartReceipt[] = [];
    for (const [index, offset] of [0, partBytes].entries()) {
      const body = bodyOf(bytes.subarray(offset, offset + partBytes), session.capabilities);
      const request = { session: upload, partNumber: index + 1, offset, body };
      parts.push(await session.provider.putPart(request, never()));
    }
    await session.provider.completeUpload({ session: upload, parts, digests: wholeDigests(session, bytes) }, never());
    expectBytes(await get(session, key), bytes);
  });

  it('takes a part of the highest number that it declares, and none of a higher one', async () => {
    const session = current();
    const { maxParts, lastPartCloses, partMinBytes } = session.capabilities.write;
    const key = freshKey('parts');
    // Where the last part closes the upload, a number says where the part begins, and all before it must be there.
    const offset = lastPartCloses ? (maxParts - 1) * partMinBytes : 0;
    const upload = await begin(session, key, offset + 10);
    const send = (partNumber: number) => {
      const body = bodyOf(bytesOf(10), session.capabilities);
      return session.provider.putPart({ session: upload, partNumber, offset, body }, never());
    };
    for (const beyond of [maxParts + 1, 0]) await expectCode(send(beyond), 'INVALID_INPUT');
    const parts = [await send(maxParts)];
    expect(parts).toMatchObject([{ partNumber: maxParts, sizeBytes: 10 }]);
    const digests = wholeDigests(session, bytesOf(10));
    const completing = session.provider.completeUpload({ session: upload, parts, digests }, never());
    if (lastPartCloses) {
      await expectCode(completing, 'UPLOAD_EXPIRED');
      await session.provider.abortUpload(upload, never());
      return;
    }
    await completing;
    expectBytes(await get(session, key), bytesOf(10));
  });

  it('refuses a part that is larger than it declares, before it sends any', async () => {
    const session = current();
    const sizeBytes = session.capabilities.write.partMaxBytes + 1;
    const upload = await begin(session, freshKey('parts'), sizeBytes);
    const body = { sizeBytes, source: [], digest: () => '' };
    const sending = session.provider.putPart({ session: upload, partNumber: 1, offset: 0, body }, never());
    await expectCode(sending, 'INVALID_INPUT');
    await session.provider.abortUpload(upload, never());
  });

  it('does not put other bytes in the place of a part, or declares to', async () => {
    const session = current();
    if (session.capabilities.write.replacesParts) return;
    const key = freshKey('parts');
    const bytes = bytesOf(partSize(session));
    const upload = await begin(session, key, bytes.length);
    await sendPart(session, upload, Buffer.alloc(bytes.length), 1);
    const replacing = async () => {
      const parts = [await sendPart(session, upload, bytes, 1)];
      const digests = wholeDigests(session, bytes);
      await session.provider.completeUpload({ session: upload, parts, digests }, never());
    };
    await expect(replacing()).rejects.toBeInstanceOf(AppError);
    expect(await isThere(session, key)).toBe(false);
    await session.provider.abortUpload(upload, never());
  });

  it('lets a part be sent again', async () => {
    const session = current();
    const key = freshKey('parts');
    const bytes = bytesOf(partSize(session));
    const upload = await begin(session, key, bytes.length);
    const first = session.capabilities.write.replacesParts ? Buffer.alloc(bytes.length) : bytes;
    await sendPart(session, upload, first, 1);
    const parts = [await sendPart(session, upload, bytes, 1)];
    await session.provider.completeUpload({ session: upload, parts, digests: wholeDigests(session, bytes) }, never());
    expectBytes(await get(session, key), bytes);
  });

  it('makes the object of the bytes that were acknowledged, or none, when a part was sent again with others', async () => {
    const session = current();
    const key = freshKey('parts');
    const bytes = bytesOf(partSize(session));
    const upload = await begin(session, key, bytes.length);
    const parts = [await sendPart(session, upload, bytes, 1)];
    await sendPart(session, upload, Buffer.alloc(bytes.length), 1).catch(() => {});
    const digests = wholeDigests(session, bytes);
    const error = await session.provider
      .completeUpload({ session: upload, parts, digests }, never())
      .then(() => null, toAppError);
    if (error === null) expectBytes(await get(session, key), bytes);
    else expect(await isThere(session, key)).toBe(false);
    await session.provider.abortUpload(upload, never());
  });

  it('takes the last part before others, or declares that it closes the upload', async () => {
    const session = current();
    const key = freshKey('parts');
    const bytes = bytesOf(partSize(session) + 1);
    const upload = await begin(session, key, bytes.length);
    const last = await sendPart(session, upload, bytes, 2);
    if (session.capabilities.write.lastPartCloses) {
      await expectCode(sendPart(session, upload, bytes, 1), 'UPLOAD_EXPIRED');
      return;
    }
    const parts = [await sendPart(session, upload, bytes, 1), last];
    await session.provider.completeUpload({ session: upload, parts, digests: wholeDigests(session, bytes) }, never());
    expectBytes(await get(session, key), bytes);
  });

  locally('uploads whose last answer is lost', (current) => {
    it('completes again when the answer was lost', async () => {
      const session = current();
      const key = freshKey('parts');
      const bytes = bytesOf(partSize(session) + 1);
      const upload = await begin(session, key, bytes.length);
      const parts = [await sendPart(session, upload, bytes, 1), await sendPart(session, upload, bytes, 2)];
      const request = {
        session: upload,
        parts,
        digests: wholeDigests(session, bytes),
        ...(session.capabilities.write.conditionalUpload ? { precondition: { ifAbsent: true as const } } : {}),
      };
      const spoiled = session.proxy.spoilNext({ kind: 'loseAnswer' });
      await expectCode(session.open({ proxied: true }).completeUpload(request, never()), 'PROVIDER_UNAVAILABLE');
      await spoiled;
      const result = await session.provider.completeUpload(request, never());
      const info = await session.provider.stat({ container, key }, never());
      expect(info.version).toEqual(result.version);
      expectBytes(await get(session, key), bytes);
    });
  });

  it('keeps two uploads of one object apart', async () => {
    const session = current();
    const key = freshKey('parts');
    const [bytes, others] = [bytesOf(partSize(session)), Buffer.alloc(partSize(session), 7)];
    const [upload, rival] = [await begin(session, key, bytes.length), await begin(session, key, others.length)];
    await sendPart(session, rival, others, 1);
    const parts = [await sendPart(session, upload, bytes, 1)];
    expect(await partsHeld(session, upload, parts)).toHaveLength(1);
    await session.provider.completeUpload({ session: upload, parts, digests: wholeDigests(session, bytes) }, never());
    expectBytes(await get(session, key), bytes);
  });

  it('leaves the object as it was when it is aborted, and may be aborted twice', async () => {
    const session = current();
    const [key, existing] = [freshKey('parts'), freshKey('parts')];
    await put(session, existing, bytesOf(10));
    for (const name of [key, existing]) {
      const bytes = bytesOf(partSize(session));
      const upload = await begin(session, name, bytes.length);
      await sendPart(session, upload, bytes, 1);
      await session.provider.abortUpload(upload, never());
      await session.provider.abortUpload(upload, never());
    }
    expect(await isThere(session, key)).toBe(false);
    expectBytes(await get(session, existing), bytesOf(10));
  });

  it('fails when parts or the upload are gone, though an object of the same size is there', async () => {
    const session = current();
    const key = freshKey('parts');
    const bytes = bytesOf(partSize(session) + 1);
    await put(session, key, Buffer.alloc(bytes.length));
    const [upload, gone] = [await begin(session, key, bytes.length), await begin(session, key, bytes.length)];
    const elsewhere = await begin(session, freshKey('parts'), bytes.length);
    await session.provider.abortUpload(gone, never());
    const part = await sendPart(session, upload, bytes, 1);
    const parts = [part, await sendPart(session, elsewhere, bytes, 2)];
    for (const of of [upload, gone]) {
      const completing = session.provider.completeUpload({ session: of, parts, digests: {} }, never());
      await expectCode(completing, 'UPLOAD_EXPIRED');
    }
    expectBytes(await get(session, key), Buffer.alloc(bytes.length));
    await session.provider.abortUpload(upload, never());
    await session.provider.abortUpload(elsewhere, never());
  });
}
