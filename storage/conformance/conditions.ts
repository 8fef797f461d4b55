import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { Precondition, UploadSession, Version } from '../provider.ts';
import {
  bodyOf,
  bytesOf,
  type Current,
  container,
  expectBytes,
  expectCode,
  freshKey,
  get,
  isKept,
  never,
  noMetadata,
  put,
  type Session,
} from './fixture.ts';
import { begin, sendPart, wholeDigests } from './uploads.ts';

function write(session: Session, key: string, bytes: Buffer, precondition: Precondition) {
  const body = bodyOf(bytes, session.capabilities);
  return session.provider.write({ container, key, body, metadata: noMetadata, precondition }, never());
}

async function upload(session: Session, key: string, bytes: Buffer, precondition: Precondition) {
  const begun: UploadSession = await begin(session, key, bytes.length);
  const parts = [await sendPart(session, begun, bytes, 1)];
  const digests = wholeDigests(session, bytes);
  try {
    return await session.provider.completeUpload({ session: begun, parts, digests, precondition }, never());
  } finally {
    await session.provider.abortUpload(begun, never());
  }
}

export function conditions(current: Current): void {
  it('deletes only the version that is meant, or refuses to be held to one', async () => {
    const session = current();
    const key = freshKey('deletion');
    const other = freshKey('deletion');
    const remove = (meant: Version, more: [string, Version][] = []) => {
      const ifMatch = new Map([[key, meant], ...more]);
      return session.provider.deleteObjects({ container, keys: [...ifMatch.keys()], ifMatch }, never());
    };
    const first = await put(session, key, bytesOf(10));
    if (!session.capabilities.conditionalDelete) return expectCode(remove(first.version), 'NOT_SUPPORTED');
    const second = await put(session, key, bytesOf(11));
    const { version } = await put(session, other, bytesOf(12));
    expect((await remove(first.version, [[other, version]])).failed).toMatchObject([
      { key, code: 'PRECONDITION_FAILED' },
    ]);
    expectBytes(await get(session, key), bytesOf(11));
    await expectCode(session.provider.stat({ container, key: other }, never()), 'OBJECT_NOT_FOUND');
    expect(await remove(second.version)).toEqual({ failed: [] });
    await expectCode(session.provider.stat({ container, key }, never()), 'OBJECT_NOT_FOUND');
    // Once more: a lost answer does no harm.
    expect(await remove(second.version)).toEqual({ failed: [] });
  });

  it.each([
    ['a write', write, 'conditional'],
    ['an upload', upload, 'conditionalUpload'],
  ] as const)('holds %s to its preconditions, or refuses to have any', async (_what, send, declared) => {
    const session = current();
    const key = freshKey('condition');
    if (!session.capabilities.write[declared]) {
      await expectCode(send(session, key, bytesOf(10), { ifAbsent: true }), 'NOT_SUPPORTED');
      await expectCode(send(session, key, bytesOf(10), { ifMatch: { etag: '"x"' } }), 'NOT_SUPPORTED');
      return;
    }
    const first = await send(session, key, bytesOf(10), { ifAbsent: true });
    await expectCode(send(session, key, bytesOf(11), { ifAbsent: true }), 'PRECONDITION_FAILED');
    expectBytes(await get(session, key), bytesOf(10));
    const second = await send(session, key, bytesOf(12), { ifMatch: first.version });
    await expectCode(send(session, key, bytesOf(13), { ifMatch: first.version }), 'PRECONDITION_FAILED');
    expectBytes(await get(session, key), bytesOf(12));
    await send(session, key, bytesOf(14), { ifMatch: second.version });
    expectBytes(await get(session, key), bytesOf(14));
  });

  it.each([
    ['a write', write, 'conditional'],
    ['an upload', upload, 'conditionalUpload'],
  ] as const)('does not let %s through that is to match a version which names none', async (_what, send, declared) => {
    const session = current();
    if (!session.capabilities.write[declared]) return;
    const key = freshKey('condition');
    await put(session, key, bytesOf(10));
    const sending = send(session, key, bytesOf(11), { ifMatch: {} });
    await expectCode(sending, 'INVALID_INPUT', 'PRECONDITION_FAILED');
    expectBytes(await get(session, key), bytesOf(10));
  });

  it('takes an object that must be absent where an upload of that name was begun and dropped', async () => {
    const session = current();
    if (!session.capabilities.write.conditional) return;
    for (const size of [0, 10]) {
      const key = freshKey('condition');
      const begun = await begin(session, key, 10);
      await sendPart(session, begun, bytesOf(10), 1);
      await session.provider.abortUpload(begun, never());
      await write(session, key, bytesOf(size), { ifAbsent: true });
      expectBytes(await get(session, key), bytesOf(size));
      await expectCode(write(session, key, bytesOf(11), { ifAbsent: true }), 'PRECONDITION_FAILED');
    }
  });

  it('lets one of many writers win that all want the object absent', async () => {
    const session = current();
    if (!session.capabilities.write.conditional) return;
    const key = freshKey('condition');
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => write(session, key, bytesOf(100 + index), { ifAbsent: true })),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('refuses preconditions where they are not declared', async () => {
    const session = current();
    const { capabilities } = session;
    const provider = session.open({
      capabilities: { ...capabilities, write: { ...capabilities.write, conditional: false } },
    });
    const key = freshKey('condition');
    const body = bodyOf(bytesOf(1), capabilities);
    const precondition = { ifAbsent: true } as const;
    await expectCode(
      provider.write({ container, key, body, metadata: noMetadata, precondition }, never()),
      'NOT_SUPPORTED',
    );
    await expectCode(session.provider.stat({ container, key }, never()), 'OBJECT_NOT_FOUND');
  });

  it('reads the version that it was told, or nothing', async () => {
    const session = current();
    expect(session.capabilities.read.pinned).toBe(true);
    const key = freshKey('pinned');
    const { version: pin } = await put(session, key, bytesOf(100_000));
    const range = { start: 10, end: 50_000 };
    const { stream } = await session.provider.read({ container, key, pin, range }, never());
    expectBytes(await buffer(stream), bytesOf(100_000).subarray(10, 50_000));
    await put(session, key, Buffer.alloc(100_000));
    if (isKept(session, pin)) {
      const part = await session.provider.read({ container, key, pin, range }, never());
      expectBytes(await buffer(part.stream), bytesOf(100_000).subarray(10, 50_000));
      const whole = await session.provider.read({ container, key, pin }, never());
      expectBytes(await buffer(whole.stream), bytesOf(100_000));
      return;
    }
    await expectCode(session.provider.read({ container, key, pin, range }, never()), 'OBJECT_CHANGED');
    await expectCode(session.provider.read({ container, key, pin }, never()), 'OBJECT_CHANGED');
    const empty = { start: 5, end: 5 };
    await expectCode(session.provider.read({ container, key, pin, range: empty }, never()), 'OBJECT_CHANGED');
  });

  it('reads by the version that a listing gave', async () => {
    const session = current();
    const key = freshKey('pinned');
    await put(session, key, bytesOf(1000));
    const { items } = await session.provider.list({ container, prefix: key }, never());
    const pin = items[0]?.version ?? undefined;
    const { stream } = await session.provider.read({ container, key, pin }, never());
    expectBytes(await buffer(stream), bytesOf(1000));
    await put(session, key, bytesOf(1001));
    await expectCode(session.provider.read({ container, key, pin }, never()), 'OBJECT_CHANGED');
  });
}
