import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { streamBody } from '../digest.ts';
import type { StorageProvider, UploadSession } from '../provider.ts';
import {
  bodyOf,
  bytesOf,
  type Current,
  type CurrentLocal,
  container,
  expectBytes,
  expectCode,
  freshKey,
  get,
  inTime,
  type Locally,
  type LocalSession,
  never,
  noMetadata,
  put,
} from './fixture.ts';
import { begin, isThere } from './uploads.ts';

/** Reads a stream to its end; resolves to what came and how it ended. */
async function drain(stream: Readable): Promise<{ bytes: number; error: unknown }> {
  let bytes = 0;
  try {
    for await (const chunk of stream) bytes += (chunk as Buffer).length;
    return { bytes, error: undefined };
  } catch (error) {
    return { bytes, error };
  }
}

export type Call = (provider: StorageProvider, session: UploadSession, signal: AbortSignal) => Promise<unknown>;

const part = { partNumber: 1, sizeBytes: 10, tag: 'AAAA', digests: {} };
/** Every call of the contract that sends something at some provider. */
const calls = (current: CurrentLocal): Record<string, Call> => {
  const body = () => bodyOf(bytesOf(10), current().capabilities);
  return {
    check: (provider, _session, signal) => provider.check(signal),
    revokeGrant: (provider, _session, signal) => provider.revokeGrant(signal),
    listContainers: (provider, _session, signal) => provider.listContainers({}, signal),
    list: (provider, _session, signal) => provider.list({ container, prefix: '' }, signal),
    stat: (provider, { key }, signal) => provider.stat({ container, key }, signal),
    read: (provider, { key }, signal) => provider.read({ container, key }, signal),
    write: (provider, { key }, signal) =>
      provider.write({ container, key, body: body(), metadata: noMetadata }, signal),
    beginUpload: (provider, session, signal) => provider.beginUpload(session, signal),
    putPart: (provider, session, signal) =>
      provider.putPart({ session, partNumber: 1, offset: 0, body: body() }, signal),
    listParts: (provider, session, signal) => provider.listParts(session, signal),
    completeUpload: (provider, session, signal) =>
      provider.completeUpload({ session, parts: [part], digests: {} }, signal),
    abortUpload: (provider, session, signal) => provider.abortUpload(session, signal),
    deleteObjects: (provider, { key }, signal) => provider.deleteObjects({ container, keys: [key] }, signal),
  };
};

/** Expects CANCELLED of the call: before it begins, and while it waits for an answer that does not come. */
export async function settlesWhenAborted(session: LocalSession, provider: StorageProvider, call: Call): Promise<void> {
  const target: UploadSession = {
    container,
    key: freshKey('stall'),
    id: 'session',
    sizeBytes: 10,
    metadata: noMetadata,
  };

  const aborted = AbortSignal.abort();
  await expectCode(call(provider, target, aborted), 'CANCELLED');

  const controller = new AbortController();
  const stalled = session.proxy.spoilNext({ kind: 'stall' });
  const settled = call(provider, target, controller.signal).then(
    (value) => value,
    (error) => error as AppError,
  );
  const sent = await Promise.race([stalled.then(() => true), settled.then(() => false)]);
  if (!sent) {
    // It needs no request here; the fault must not hit somebody else.
    await provider.list({ container, prefix: '' }, AbortSignal.timeout(50)).catch(() => {});
    return;
  }
  controller.abort();
  expect(await inTime(settled)).toMatchObject({ code: 'CANCELLED' });
}

export function interruptions(current: Current, locally: Locally): void {
  locally('exchanges that are cut off, throttled or never answered', spoiledExchanges);

  it('ends a read that nobody wants any more', async () => {
    const session = current();
    const key = freshKey('abort');
    await put(session, key, bytesOf(5_000_000));
    const controller = new AbortController();
    const { stream } = await session.provider.read({ container, key }, controller.signal);
    stream.once('data', () => controller.abort());
    const { error } = await drain(stream);
    expect(error).toMatchObject({ code: 'CANCELLED' });
  });

  it('ends a write in the middle of its body, closes its source and leaves nothing', async () => {
    const session = current();
    const { digestTiming } = session.capabilities.write;
    const key = freshKey('abort');
    const controller = new AbortController();
    const source = new Readable({ read() {} });
    source.push(bytesOf(100_000));
    const streaming = streamBody(source, 200_000, []);
    const body = digestTiming === 'before' ? { ...streaming, digest: () => '0'.repeat(32) } : streaming;
    const writing = session.provider.write({ container, key, body, metadata: noMetadata }, controller.signal);
    const ended = expectCode(writing, 'CANCELLED');
    await new Promise((resolve) => streaming.source.once('pause', resolve).once('data', resolve));
    controller.abort();
    await ended;
    expect(source.destroyed).toBe(true);
    expect(await isThere(session, key)).toBe(false);
  });
}

function spoiledExchanges(current: CurrentLocal): void {
  it.each(['reset', 'end'] as const)('fails when a read is cut off (%s), never ends early', async (how) => {
    const session = current();
    const key = freshKey('cut');
    await put(session, key, bytesOf(2_000_000));
    const provider = session.open({ proxied: true });
    const spoiled = session.proxy.spoilNext({ kind: 'cut', afterBytes: 300_000, how });
    const { stream } = await provider.read({ container, key }, never());
    await spoiled;
    const { bytes, error } = await drain(stream);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retry: 'backoff' });
    expect(bytes).toBeLessThan(2_000_000);
  });

  it('fails when a write is cut off, and leaves what was there', async () => {
    const session = current();
    const key = freshKey('cut');
    await put(session, key, bytesOf(10));
    const provider = session.open({ proxied: true });
    const spoiled = session.proxy.spoilNext({ kind: 'cut', afterBytes: 0, how: 'reset' });
    const body = bodyOf(bytesOf(500_000), session.capabilities);
    const writing = provider.write({ container, key: freshKey('cut'), body, metadata: noMetadata }, never());
    await expectCode(writing, 'PROVIDER_UNAVAILABLE');
    await spoiled;
    expectBytes(await get(session, key), bytesOf(10));
  });

  for (const name of Object.keys(calls(current))) {
    it(`settles ${name} when its signal is aborted`, async () => {
      const session = current();
      const provider = session.open({ proxied: true });
      await settlesWhenAborted(session, provider, calls(current)[name] as Call);
    });
  }

  it.each([
    ['429 Too Many Requests', 'THROTTLED'],
    ['503 Service Unavailable', 'THROTTLED'],
  ] as const)('takes %s for a request to slow down, and says until when', async (status, code) => {
    const session = current();
    const provider = session.open({ proxied: true });
    const response = `HTTP/1.1 ${status}\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n`;
    for (const name of ['stat', 'list', 'write', 'putPart', 'deleteObjects']) {
      const upload = await begin(session, freshKey('slow'), 10);
      const spoiled = session.proxy.spoilNext({ kind: 'answer', response });
      const error = await expectCode((calls(current)[name] as Call)(provider, upload, never()), code);
      await spoiled;
      expect(error).toMatchObject({ retry: 'backoff', retryAfterMs: 7000 });
      await session.provider.abortUpload(upload, never());
    }
  });

  it('makes one attempt: who calls decides on more', async () => {
    const session = current();
    const provider = session.open({ proxied: true });
    for (const name of ['listContainers', 'list', 'stat']) {
      const spoiled = session.proxy.spoilNext({
        kind: 'answer',
        response: 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n',
      });
      const target = { container, key: 'x', id: 'session', sizeBytes: 1, metadata: noMetadata };
      await expectCode((calls(current)[name] as Call)(provider, target, never()), 'PROVIDER_UNAVAILABLE');
      await spoiled;
    }
  });

  it('leaves nothing with a signal that outlives its calls', async () => {
    const { provider, capabilities } = current();
    const key = freshKey('listeners');
    const { signal } = new AbortController();
    const body = (bytes: number) => bodyOf(bytesOf(bytes), capabilities);
    const calls: Record<string, () => Promise<unknown>> = {
      write: () => provider.write({ container, key, body: body(100_000), metadata: noMetadata }, signal),
      stat: () => provider.stat({ container, key }, signal),
      read: async () => drain((await provider.read({ container, key }, signal)).stream),
      'read of a part': async () => {
        const range = { start: 1, end: 10 };
        return drain((await provider.read({ container, key, range }, signal)).stream);
      },
      'read of nothing': () => expectCode(provider.read({ container, key: 'nothing' }, signal), 'OBJECT_NOT_FOUND'),
      list: () => provider.list({ container, prefix: key }, signal),
      listContainers: () => provider.listContainers({}, signal),
      upload: async () => {
        const target = { container, key: freshKey('listeners'), sizeBytes: 10, metadata: noMetadata };
        const session = await provider.beginUpload(target, signal);
        await provider.putPart({ session, partNumber: 1, offset: 0, body: body(10) }, signal);
        await provider.abortUpload(session, signal);
      },
      deleteObjects: () => provider.deleteObjects({ container, keys: [key] }, signal),
    };
    for (const [name, call] of Object.entries(calls)) {
      await call();
      await expect.poll(() => getEventListeners(signal, 'abort').length, { message: name }).toBe(0);
    }
  });

  it('leaves no socket behind when it is closed', async () => {
    const session = current();
    const key = freshKey('close');
    await put(session, key, bytesOf(5_000_000));
    const before = session.proxy.connections();
    const provider = session.open({ proxied: true });
    const { stream } = await provider.read({ container, key }, never());
    await Promise.all([provider.list({ container, prefix: 'no' }, never()), provider.listContainers({}, never())]);
    expect(session.proxy.connections()).toBeGreaterThan(before);
    await provider.close();
    expect((await drain(stream)).error).toMatchObject({ code: 'CANCELLED' });
    await expect.poll(() => session.proxy.connections()).toBe(before);
  });
}
