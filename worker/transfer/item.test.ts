import { expect, test } from 'vitest';
import type { ObjectMetadata } from '../../storage/provider.ts';
import { type Checkpoint, Item } from './item.ts';

test('a checkpoint comes back as it was kept, with all that the upload is completed by', () => {
  const metadata: Required<ObjectMetadata> = {
    contentType: 'text/plain',
    contentEncoding: 'gzip',
    contentLanguage: 'en',
    contentDisposition: 'inline',
    cacheControl: 'no-cache',
    user: { a: 'b' },
    modifiedAt: new Date(0),
    isModifiedAtInferred: true,
    tags: { c: 'd' },
  };
  const checkpoint: Checkpoint = {
    session: { container: 'to', key: 'a', id: 'upload', sizeBytes: 5, metadata },
    version: { etag: 'e', versionId: 'v' },
    partSizeBytes: 4,
    statement: { algorithm: 'md5', value: '00', asserted: false },
    isByCloud: false,
    parts: [{ receipt: { partNumber: 1, sizeBytes: 4, tag: 't', digests: { md5: '01' } }, sent: { crc32c: '02' } }],
  };
  const item = new Item({
    ...{ ordinal: 0, sizeBytes: 5, attempts: 0, acknowledgedBytes: 4 },
    ...{ sourceContainer: 'from', sourceKey: 'a', destinationContainer: 'to', destinationKey: 'a' },
    ...{ sourceVersion: null, destinationVersion: null, sourceRemoval: null, evidence: null },
    ...{ state: 'RUNNING', action: 'WRITE', route: 'RELAY', fallback: null, droppedTags: [] },
    // As Postgres gives it.
    checkpoint: JSON.parse(JSON.stringify(checkpoint)),
  });
  expect(item.checkpoint).toEqual(checkpoint);
});
