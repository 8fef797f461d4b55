import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import {
  container,
  failure,
  get,
  hashOf,
  keysOf,
  never,
  open,
  put,
  startServer,
  startWithProvider,
} from '../../../test/support/dropbox.ts';
import type { IngestRequest, UploadSession } from '../../provider.ts';

const metadata = { user: {} };

async function startPair() {
  const server = await startServer();
  return { server, ann: open(server), ben: open(server, 'ben') };
}

it('another account copies what is offered, by a reference', async () => {
  const { ann, ben } = await startPair();
  await put(ann, 'dir/a', 'shared');
  const offer = JSON.parse(JSON.stringify(await ann.offerCopy({ container, key: 'dir/a' }, never())));
  const copy = { container, key: 'to/b', offer, metadata };
  const result = await ben.copy(copy, never());
  const info = await ben.stat({ container, key: 'to/b' }, never());
  expect(info).toMatchObject({ version: result.version, digests: hashOf(Buffer.from('shared')) });
  await ben.copy(copy, never());
  expect(await keysOf(ben)).toEqual(['to/b']);
  await ann.copy({ ...copy, key: 'own' }, never());
  expect(await get(ann, 'own')).toBe('shared');
});

it('a source that changed after the offer is not copied, and nothing is left', async () => {
  const { ann, ben } = await startPair();
  const { version: pin } = await put(ann, 'a', 'first');
  const offer = await ann.offerCopy({ container, key: 'a', pin }, never());
  await put(ann, 'a', 'second');
  await failure(ben.copy({ container, key: 'b', offer, metadata }, never()), 'OBJECT_CHANGED');
  await failure(ann.offerCopy({ container, key: 'a', pin }, never()), 'OBJECT_CHANGED');
  await expect.poll(() => keysOf(ben)).toEqual([]);
  const elsewhere = { ...offer, store: 'https://elsewhere' };
  await failure(ben.copy({ container, key: 'b', offer: elsewhere, metadata }, never()), 'NOT_SUPPORTED');
});

it('a copy is held to its preconditions', async () => {
  const { ann, ben } = await startPair();
  await put(ann, 'a', 'new');
  const offer = await ann.offerCopy({ container, key: 'a' }, never());
  const { version } = await put(ben, 'b', 'old');
  const copy = (precondition: object) => ben.copy({ container, key: 'b', offer, metadata, precondition }, never());
  await failure(copy({ ifAbsent: true }), 'PRECONDITION_FAILED');
  await failure(copy({ ifMatch: { versionId: '0123456789' } }), 'PRECONDITION_FAILED');
  expect(await get(ben, 'b')).toBe('old');
  await copy({ ifMatch: version });
  expect(await get(ben, 'b')).toBe('new');
  await expect.poll(() => keysOf(ben)).toEqual(['b']);
});

/** What `onUpload` was told, in order. */
function listener() {
  const told: (UploadSession | null)[] = [];
  const onUpload = async (session: UploadSession | null) => void told.push(session);
  return { told, onUpload };
}

/** A web server with one file, and a provider that may have it fetched. */
async function startSource(text: string) {
  const source = createServer((request, response) => {
    response.statusCode = request.url === '/ok' ? 200 : 403;
    response.end(text);
  }).listen(0, '127.0.0.1');
  await once(source, 'listening');
  onTestFinished(() => void source.close());
  const url = `http://127.0.0.1:${(source.address() as AddressInfo).port}/ok`;
  const { server, provider } = await startWithProvider();
  const ingest = (more: Partial<IngestRequest> = {}) =>
    provider.ingest({ container, key: 'a', url, sizeBytes: text.length, metadata, digests: {}, ...more }, never());
  return { server, provider, ingest, url };
}

it('save_url renames silently on a conflict: it is sent elsewhere first, and then takes the place', async () => {
  const { provider, ingest } = await startSource('fetched');
  await put(provider, 'a', 'old');
  const result = await ingest({ digests: hashOf(Buffer.from('fetched')) });
  expect((await provider.stat({ container, key: 'a' }, never())).version).toEqual(result.version);
  expect(await get(provider, 'a')).toBe('fetched');
  expect(await keysOf(provider)).toEqual(['a']);
  await failure(ingest({ precondition: { ifAbsent: true } }), 'PRECONDITION_FAILED');
  await expect.poll(() => keysOf(provider)).toEqual(['a']);
});

it('what save_url fetched is checked by size and content hash before it shows', async () => {
  const { provider, ingest, url } = await startSource('fetched');
  await put(provider, 'a', 'old');
  await failure(ingest({ sizeBytes: 8 }), 'OBJECT_CHANGED');
  await failure(ingest({ digests: hashOf(Buffer.from('other')) }), 'CHECKSUM_MISMATCH');
  const error = await failure(ingest({ url: url.replace('ok', 'no?sig=secret') }), 'ENDPOINT_UNREACHABLE');
  expect(error.message).not.toContain('secret');
  await failure(ingest({ url: 'ftp://x' }), 'ENDPOINT_UNREACHABLE');
  expect(await get(provider, 'a')).toBe('old');
  await expect.poll(() => keysOf(provider)).toEqual(['a']);
});

it('save_url gives up after 15 minutes: the object cannot be fetched, and nothing is left to wait for', async () => {
  const source = createServer(() => {}).listen(0, '127.0.0.1');
  await once(source, 'listening');
  onTestFinished(() => {
    source.closeAllConnections();
    source.close();
  });
  const { server, provider } = await startWithProvider();
  const { told, onUpload } = listener();
  const asked = server.observer.waitFor({ route: 'files/save_url/check_job_status' }, 'finished');
  const url = `http://127.0.0.1:${(source.address() as AddressInfo).port}/`;
  const request = { container, key: 'a', url, sizeBytes: 7, metadata, digests: {}, onUpload };
  const ingesting = failure(provider.ingest(request, never()), 'ENDPOINT_UNREACHABLE');
  await asked;
  server.advance(15 * 60_000);
  await ingesting;
  expect(told).toEqual([expect.objectContaining({ key: 'a' }), null]);
});

it('fetching is left at once when it is cancelled', async () => {
  const { server, provider, url } = await startSource('fetched');
  const controller = new AbortController();
  const asked = server.observer.waitFor({ route: 'files/save_url/check_job_status' }, 'finished');
  const request = { container, key: 'a', url, sizeBytes: 7, metadata, digests: {} };
  const ingesting = provider.ingest(request, controller.signal);
  void asked.then(() => controller.abort());
  await failure(ingesting, 'CANCELLED');
});

it('the hidden file is told of before it is asked for, and that it is gone after a failure that removed it', async () => {
  const { server, provider } = await startWithProvider();
  await put(provider, 'a', 'shared');
  const offer = await provider.offerCopy({ container, key: 'a' }, never());
  const { told, onUpload } = listener();
  const asked = server.observer.waitFor({ route: 'files/copy_reference/save' }).then(() => told.length);
  const copy = { container, key: 'dir/b', offer, metadata, onUpload };
  await provider.copy(copy, never());
  expect(await asked).toBe(1);
  expect(told).toEqual([{ container, key: 'dir/b', sizeBytes: 6, metadata, id: expect.stringContaining(':/dir/.') }]);
  server.faults.add({ match: { route: 'files/move_v2' }, action: { kind: 'status', status: 500 } });
  await failure(provider.copy(copy, never()), 'PROVIDER_UNAVAILABLE');
  server.faults.add({
    match: { route: 'files/copy_reference/save' },
    action: { kind: 'refuse', error: { '.tag': 'too_many_files' } },
  });
  await failure(provider.copy(copy, never()), 'CONFLICT');
  expect(told.map((session) => session === null)).toEqual([false, false, true, false, true]);
});

it('a hidden file that was asked for and is not there counts as gone once it cannot arrive any more', async () => {
  const { server, provider } = await startWithProvider();
  await put(provider, 'a', 'shared');
  const offer = await provider.offerCopy({ container, key: 'a' }, never());
  const { told, onUpload } = listener();
  server.faults.add({ match: { route: 'files/copy_reference/save' }, action: { kind: 'reset' } });
  await failure(provider.copy({ container, key: 'b', offer, metadata, onUpload }, never()), 'PROVIDER_UNAVAILABLE');
  const [session] = told as [UploadSession];
  expect(told).toEqual([session]);
  await failure(provider.abortUpload(session, never()), 'PROVIDER_UNAVAILABLE');
  const longAgo = session.id.replace(/^\d+/, (askedAt) => String(Number(askedAt) - 21 * 60_000));
  await provider.abortUpload({ ...session, id: longAgo }, never());
  // It arrives after all, and is removed.
  await put(provider, session.id.replace(/^\d+:\//, ''), 'shared');
  await provider.abortUpload(session, never());
  expect(await keysOf(provider)).toEqual(['a']);
});
