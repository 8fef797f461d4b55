import type { Dropbox, files } from 'dropbox';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../blob.ts';
import { failure, MiB, sdkClient, startWithClient, testBytes } from '../testing/support.ts';

async function start(client: Dropbox, tag: 'sequential' | 'concurrent', contents = Buffer.alloc(0), close = false) {
  const { result } = await client.filesUploadSessionStart({ contents, close, session_type: { '.tag': tag } });
  return result.session_id;
}

const append = (client: Dropbox, session_id: string, offset: number, contents: Buffer, close = false) =>
  client.filesUploadSessionAppendV2({ cursor: { session_id, offset }, close, contents });

const finish = (client: Dropbox, session_id: string, offset: number, commit: files.CommitInfo) =>
  client.filesUploadSessionFinish({ cursor: { session_id, offset }, commit, contents: Buffer.alloc(0) });

describe('files/upload', () => {
  it('write modes: add, overwrite, update; strict_conflict and autorename', async () => {
    const { client } = await startWithClient();
    const upload = (contents: string, more: Partial<files.CommitInfo> = {}) =>
      client.filesUpload({ path: '/a.txt', contents, ...more });
    const { rev } = (await upload('one')).result;
    expect((await upload('one')).result.rev).toBe(rev);
    expect(await failure(upload('one', { strict_conflict: true }))).toMatchObject({
      status: 409,
      error: { error: { '.tag': 'path', reason: { '.tag': 'conflict', conflict: { '.tag': 'file' } } } },
    });
    expect((await failure(upload('two'))).summary).toBe('path/conflict/file/...');
    expect((await upload('two', { autorename: true })).result.name).toBe('a (1).txt');
    const second = (await upload('three', { mode: { '.tag': 'update', update: rev } })).result;
    expect((await failure(upload('four', { mode: { '.tag': 'update', update: rev } }))).status).toBe(409);
    expect((await upload('five', { mode: { '.tag': 'overwrite' } })).result.id).toBe(second.id);
  });

  it('keeps client_modified to the second, and checks content_hash', async () => {
    const { client } = await startWithClient();
    const client_modified = '2001-02-03T04:05:06Z';
    const { result } = await client.filesUpload({ path: '/a', contents: 'x', client_modified });
    expect(result).toMatchObject({ client_modified, size: 1, content_hash: contentHash([Buffer.from('x')]) });
    const lie = client.filesUpload({ path: '/b', contents: 'x', content_hash: '0'.repeat(64) });
    expect((await failure(lie)).summary).toBe('content_hash_mismatch/...');
  });

  it('Content hash: whatever the pieces, and of nothing that of nothing', () => {
    const bytes = testBytes(4 * MiB + 1);
    expect(contentHash([bytes])).toBe(contentHash([bytes.subarray(0, 7), bytes.subarray(7)]));
    expect(contentHash([])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('space: more than the account has is insufficient_space', async () => {
    const { client } = await startWithClient({
      accounts: [{ id: 'ann', refreshTokens: ['refresh-ann'], allocatedBytes: 10 }],
    });
    expect((await failure(client.filesUpload({ path: '/a', contents: 'x'.repeat(11) }))).summary).toBe(
      'path/insufficient_space/...',
    );
  });
});

describe('files/upload_session, sequential', () => {
  it('takes data in order, and tells the right offset otherwise', async () => {
    const { client } = await startWithClient();
    const id = await start(client, 'sequential', Buffer.from('abc'));
    await append(client, id, 3, Buffer.from('def'));
    expect(await failure(append(client, id, 3, Buffer.from('ghi')))).toMatchObject({
      status: 409,
      error: { error: { '.tag': 'incorrect_offset', correct_offset: 6 } },
    });
    const { result } = await finish(client, id, 6, { path: '/a' });
    expect(result).toMatchObject({ size: 6, content_hash: contentHash([Buffer.from('abcdef')]) });
    expect((await failure(finish(client, id, 6, { path: '/a' }))).summary).toBe('lookup_failed/not_found/...');
  });

  it('"can be used for a maximum of 7 days"', async () => {
    const { server, client } = await startWithClient();
    const id = await start(client, 'sequential', Buffer.from('abc'));
    server.advance(7 * 24 * 60 * 60 * 1000);
    const fresh = sdkClient(server);
    expect((await failure(append(fresh, id, 3, Buffer.from('d')))).summary).toBe('not_found/...');
  });
});

describe('files/upload_session, concurrent', () => {
  it('takes multiples of 4 MiB at any offset, the rest with close, and nothing in start or finish', async () => {
    const { client } = await startWithClient();
    const bytes = testBytes(8 * MiB + 5);
    expect((await failure(start(client, 'concurrent', Buffer.from('x')))).summary).toMatch(/data_not_allowed/);
    const id = await start(client, 'concurrent');
    const part = (from: number, to: number, close = false) => append(client, id, from, bytes.subarray(from, to), close);
    expect((await failure(part(1, 4 * MiB + 1))).summary).toBe('concurrent_session_invalid_offset/...');
    expect((await failure(part(0, 5))).summary).toBe('concurrent_session_invalid_data_size/...');
    await part(4 * MiB, 8 * MiB);
    expect((await failure(finish(client, id, 8 * MiB, { path: '/a' }))).summary).toMatch(/not_closed/);
    await part(0, 4 * MiB);
    await part(8 * MiB, bytes.length, true);
    expect((await failure(part(0, 4 * MiB))).summary).toBe('closed/...');
    const { result } = await finish(client, id, bytes.length, { path: '/a' });
    expect(result).toMatchObject({ size: bytes.length, content_hash: contentHash([bytes]) });
  });

  it('is not finished while data is missing', async () => {
    const { client } = await startWithClient();
    const id = await start(client, 'concurrent');
    await append(client, id, 4 * MiB, Buffer.from('x'), true);
    expect((await failure(finish(client, id, 4 * MiB + 1, { path: '/a' }))).summary).toMatch(/missing_data/);
  });
});

describe('files/upload_session/finish_batch_v2', () => {
  it('commits many at once, each with its own result', async () => {
    const { client } = await startWithClient();
    const { session_ids: ids } = (await client.filesUploadSessionStartBatch({ num_sessions: 2 })).result;
    await append(client, ids[0] as string, 0, Buffer.from('a'), true);
    const entries = ids.map((session_id, index) => ({
      cursor: { session_id, offset: 1 - index },
      commit: { path: `/batch/${index}` },
    }));
    const { result } = await client.filesUploadSessionFinishBatchV2({ entries });
    expect(result.entries).toMatchObject([
      { '.tag': 'success', path_display: '/batch/0' },
      { '.tag': 'failure', failure: { '.tag': 'lookup_failed', lookup_failed: { '.tag': 'not_closed' } } },
    ]);
  });

  it('finish_batch does the same as a job', async () => {
    const { client } = await startWithClient();
    const id = await start(client, 'sequential', Buffer.from('x'), true);
    const entries = [{ cursor: { session_id: id, offset: 1 }, commit: { path: '/job' } }];
    const job = (await client.filesUploadSessionFinishBatch({ entries })).result as { async_job_id: string };
    await expect
      .poll(async () => (await client.filesUploadSessionFinishBatchCheck(job)).result['.tag'])
      .toBe('complete');
  });

  it('takes a thousand entries and no more', async () => {
    const { client } = await startWithClient();
    const entry = { cursor: { session_id: 'no', offset: 0 }, commit: { path: '/a' } };
    const entries = Array.from({ length: 1001 }, () => entry);
    expect((await failure(client.filesUploadSessionFinishBatchV2({ entries }))).status).toBe(400);
  });
});

it('Performance guide, "Namespace lock contention": writes to one namespace that meet are refused', async () => {
  const { client } = await startWithClient({ commitMs: 50 });
  await client.filesListFolder({ path: '' });
  const writes = ['/a', '/b'].map((path) => client.filesUpload({ path, contents: path }));
  const [failed] = (await Promise.allSettled(writes)).filter((one) => one.status === 'rejected');
  expect(await failure(Promise.reject(failed?.reason))).toMatchObject({
    status: 429,
    error: { error: { reason: { '.tag': 'too_many_write_operations' }, retry_after: 1 } },
  });
  const { client: free } = await startWithClient({ commitLock: false });
  await Promise.all(['/a', '/b'].map((path) => free.filesUpload({ path, contents: path })));
});
