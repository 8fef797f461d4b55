import { expect, test } from 'vitest';
import { startGcsServer } from '../../emulators/gcs/server.ts';
import { createAddressPolicy } from '../address-policy.ts';
import { uploadsIn } from './found-uploads.ts';
import { openGcs } from './gcs.ts';

const upload = (key: string, id: string, at: string) =>
  `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>2026-01-01T00:00:${at}Z</Initiated></Upload>`;
const listing = (...uploads: string[]) =>
  `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`;
const location = { container: 'bucket', key: 'a&b' };

/** Found of what was begun 5 to 10 s ago, by a cloud whose clock is ahead of this one's by far. */
function find(document: string): string[] {
  const request = { ...location, oldestMs: 10_000, newestMs: 5_000 };
  return uploadsIn(document, request, 'Thu, 01 Jan 2026 00:00:30 GMT', (key) => key).map(({ id }) => id);
}

test('of uploads are found those of the very key and of the span of time, by the clock of the cloud', () => {
  const begun = ['18.999', '19.000', '22.500', '26.000', '26.001'];
  const ofKey = begun.map((at) => upload('a&amp;b', at, at));
  expect(find(listing(...ofKey, upload('a&amp;b/c', 'of another key', '22.500')))).toEqual(begun.slice(1, 4));
});

test('the beginning of a listing is none', () => {
  expect(() => find(listing(upload('a&amp;b', 'x', '22.500')).slice(0, -10))).toThrow(
    expect.objectContaining({ code: 'PROVIDER_UNAVAILABLE' }),
  );
});

test('Google lists uploads that were begun, until they are aborted', async () => {
  const server = await startGcsServer({ buckets: ['bucket'] });
  const serviceAccountKey = server.serviceAccountKey();
  const provider = openGcs(
    { provider: 'gcs', endpoint: server.endpoint, serviceAccountKey },
    { addressPolicy: createAddressPolicy(['127.0.0.1']) },
  );
  const { signal } = new AbortController();
  try {
    const { id } = await provider.beginUpload({ ...location, sizeBytes: 1, metadata: { user: {} } }, signal);
    await provider.beginUpload({ ...location, key: 'a&b/c', sizeBytes: 1, metadata: { user: {} } }, signal);
    const request = { ...location, oldestMs: 60_000, newestMs: 0 };
    const found = await provider.findUploads(request, signal);
    expect(found).toMatchObject([{ ...location, id }]);
    for (const session of found) await provider.abortUpload(session, signal);
    expect(await provider.findUploads(request, signal)).toEqual([]);
  } finally {
    await provider.close();
    await server.close();
  }
});
