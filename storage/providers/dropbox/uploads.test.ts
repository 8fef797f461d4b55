import { expect, it } from 'vitest';
import {
  begin,
  container,
  failure,
  get,
  hashOf,
  keysOf,
  never,
  open,
  partBytes,
  put,
  sendPart,
  startServer,
  startWithProvider,
  streamOf,
} from '../../../test/support/dropbox.ts';
import { bufferedBody } from '../../digest.ts';
import type { Precondition } from '../../provider.ts';

it('commits in one namespace go in batches and never meet (too_many_write_operations)', async () => {
  const server = await startServer({}, { commitMs: 20 });
  const provider = open(server);
  await Promise.all(Array.from({ length: 60 }, (_, index) => put(provider, `many/${index}`, String(index))));
  expect(await keysOf(provider)).toHaveLength(60);
  expect(server.observer.count('files/upload_session/finish_batch_v2')).toBeLessThan(20);
  const deleting = provider.deleteObjects({ container, keys: ['many/1', 'many/2'] }, never());
  await Promise.all([deleting, put(provider, 'a', 'a'), put(provider, 'b', 'b')]);
  expect(await keysOf(provider)).toHaveLength(60);
});

it('another program that writes meanwhile is a reason to wait', async () => {
  const { server, provider } = await startWithProvider();
  const action = { kind: 'rateLimit', reason: 'too_many_write_operations', retryAfterSeconds: 2 } as const;
  server.faults.add({ match: { route: 'files/upload_session/finish_batch_v2' }, action });
  expect(await failure(put(provider, 'a', 'x'), 'THROTTLED')).toMatchObject({ retryAfterMs: 2000 });
});

it('a wrong hash in the answer to a commit: the revision is deleted again', async () => {
  const { server, provider } = await startWithProvider();
  const match = { route: 'files/upload_session/finish_batch_v2' };
  server.faults.add({ match, action: { kind: 'wrongHash' } });
  await failure(put(provider, 'a', 'x'), 'CHECKSUM_MISMATCH');
  expect(await keysOf(provider)).toEqual([]);
  server.faults.add({ match, action: { kind: 'wrongHash' } });
  server.faults.add({ match: { route: 'files/delete_v2' }, action: { kind: 'status', status: 500 } });
  const error = await failure(put(provider, 'a', 'x'), 'CHECKSUM_MISMATCH');
  expect(error.message).toContain('could not be removed');
});

it('a wrong hash in the answer to a commit: what somebody has written since stays', async () => {
  const { server, provider } = await startWithProvider();
  const { promise: until, resolve } = Promise.withResolvers<void>();
  server.faults.add({ match: { route: 'files/upload_session/finish_batch_v2' }, action: { kind: 'wrongHash' } });
  const held = server.faults.add({ match: { route: 'files/delete_v2' }, action: { kind: 'hold', until } });
  const writing = failure(put(provider, 'a', 'mine'), 'CHECKSUM_MISMATCH');
  await held.hit;
  await put(open(server), 'a', 'of somebody else');
  resolve();
  await writing;
  expect(await get(provider, 'a')).toBe('of somebody else');
});

it('a body that is in memory is checked by Dropbox before anything is stored', async () => {
  const { server, provider } = await startWithProvider();
  server.faults.add({ match: { route: 'files/upload_session/start' }, action: { kind: 'corrupt' } });
  await failure(put(provider, 'a', 'x'), 'CHECKSUM_MISMATCH');
  expect(server.observer.count('files/upload_session/finish_batch_v2')).toBe(0);
});

it('strict_conflict: a precondition does not hold for the same content, nor for a file that is gone', async () => {
  const { provider } = await startWithProvider();
  const write = (precondition: Precondition) => {
    const body = bufferedBody([Buffer.from('same')], ['dropbox']);
    return provider.write({ container, key: 'a', body, metadata: { user: {} }, precondition }, never());
  };
  const { version } = await write({ ifAbsent: true });
  await failure(write({ ifAbsent: true }), 'PRECONDITION_FAILED');
  await provider.deleteObjects({ container, keys: ['a'] }, never());
  await failure(write({ ifMatch: version }), 'PRECONDITION_FAILED');
  expect(await keysOf(provider)).toEqual([]);
});

it('modification times are kept to the second', async () => {
  const { provider } = await startWithProvider();
  const metadata = { user: {}, modifiedAt: new Date('2001-02-03T04:05:06.789Z') };
  await provider.write({ container, key: 'a', body: bufferedBody([], ['dropbox']), metadata }, never());
  const info = await provider.stat({ container, key: 'a' }, never());
  expect(info.metadata.modifiedAt).toEqual(new Date('2001-02-03T04:05:06Z'));
});

it('an empty object in parts: its session is closed at once', async () => {
  const { provider } = await startWithProvider();
  for (const withPart of [true, false]) {
    const session = await begin(provider, 'empty', 0);
    const parts = withPart ? [await sendPart(provider, session, Buffer.alloc(0), 1)] : [];
    await provider.completeUpload({ session, parts, digests: hashOf(Buffer.alloc(0)) }, never());
    expect((await provider.stat({ container, key: 'empty' }, never())).sizeBytes).toBe(0);
  }
});

it('the answer to the closing part was lost: sending it again is a success, and its digest is known', async () => {
  const { server, provider } = await startWithProvider();
  const bytes = Buffer.alloc(partBytes + 100_000, 7);
  const session = await begin(provider, 'a', bytes.length);
  const parts = [await sendPart(provider, session, bytes, 1)];
  server.faults.add({ match: { route: 'files/upload_session/append_v2' }, action: { kind: 'loseAnswer' } });
  await failure(sendPart(provider, session, bytes, 2), 'PROVIDER_UNAVAILABLE');
  const body = streamOf(bytes.subarray(partBytes));
  parts.push(await provider.putPart({ session, partNumber: 2, offset: partBytes, body }, never()));
  expect(body.digest('dropbox')).toMatch(/^[0-9a-f]{64}$/);
  await provider.completeUpload({ session, parts, digests: hashOf(bytes) }, never());
});

it('on incorrect_offset, correct_offset behind the part means that Dropbox has it', async () => {
  const { server, provider } = await startWithProvider();
  const bytes = Buffer.alloc(2 * partBytes, 7);
  const session = await begin(provider, 'a', bytes.length);
  const refuse = (correct_offset: number) =>
    server.faults.add({
      match: { route: 'files/upload_session/append_v2' },
      action: { kind: 'refuse', error: { '.tag': 'incorrect_offset', correct_offset } },
    });
  refuse(partBytes);
  expect(await sendPart(provider, session, bytes, 1)).toMatchObject({ partNumber: 1 });
  refuse(17);
  await failure(sendPart(provider, session, bytes, 1), 'UPLOAD_EXPIRED');
});

it('a commit that is sent again finds its own file, also where it had to be absent, but nobody else’s', async () => {
  const { server, provider } = await startWithProvider();
  const bytes = Buffer.alloc(100_000, 7);
  const complete = async (key: string, digests = hashOf(bytes)) => {
    const session = await begin(provider, key, bytes.length);
    const parts = [await sendPart(provider, session, bytes, 1)];
    const request = { session, parts, digests, precondition: { ifAbsent: true } as const };
    server.faults.add({ match: { path: `/${key}` }, action: { kind: 'loseAnswer' } });
    await failure(provider.completeUpload(request, never()), 'PROVIDER_UNAVAILABLE');
    return request;
  };
  const request = await complete('a');
  expect((await provider.completeUpload(request, never())).digests).toEqual(hashOf(bytes));
  const another = await complete('b');
  await put(provider, 'b', 'somebody else');
  await failure(provider.completeUpload(another, never()), 'UPLOAD_EXPIRED');
  expect(await get(provider, 'b')).toBe('somebody else');
});

it('upload sessions end after seven days', async () => {
  const { server, provider } = await startWithProvider();
  const session = await begin(provider, 'a', partBytes);
  server.advance(7 * 24 * 60 * 60 * 1000);
  const error = await failure(sendPart(open(server), session, Buffer.alloc(partBytes), 1), 'UPLOAD_EXPIRED');
  expect(error.retry).toBe('restart');
});

it('an account without room, and a name that a folder has', async () => {
  const { provider } = await startWithProvider({ allocatedBytes: 10 });
  await put(provider, 'folder/a', '12345678');
  await failure(put(provider, 'b', '123'), 'QUOTA_EXCEEDED');
  await failure(put(provider, 'folder', '1'), 'NAME_COLLISION');
  await failure(put(provider, 'folder/a/b', '1'), 'NAME_COLLISION');
  expect(await provider.quota(never())).toEqual({ usedBytes: 8, totalBytes: 10 });
});
