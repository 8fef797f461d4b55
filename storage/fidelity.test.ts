import { expect, test } from 'vitest';
import { type Capabilities, capabilitiesRevision } from './capabilities.ts';
import { fidelityOf, type LossCode } from './fidelity.ts';

/** Keeps everything. */
const best: Capabilities = {
  revision: capabilitiesRevision,
  listing: { order: 'bytes', maxPageSize: 1000, hasFolders: false },
  read: { digests: ['md5'], pinned: true, versions: false },
  write: {
    singleMaxBytes: 1,
    objectMaxBytes: 1,
    partMinBytes: 1,
    partMaxBytes: 1,
    maxParts: 1,
    partMultipleBytes: 1,
    listsParts: true,
    replacesParts: true,
    lastPartCloses: false,
    singleDigest: null,
    partDigest: null,
    completeDigest: null,
    digestTiming: 'after',
    statedDigests: [],
    conditional: true,
    conditionalUpload: true,
    userMetadata: true,
    contentHeaders: true,
    modifiedAtPrecisionMs: 1,
  },
  tags: { maxTags: 10, maxNameLength: 128, maxValueLength: 256, namePattern: '^.+$', valuePattern: '^.*$' },
  copy: null,
  conditionalDelete: true,
  ingest: null,
  presign: null,
  folders: 'marker',
  quota: false,
  caseSensitive: true,
  maxKeyBytes: 1024,
};

const all = { tags: true };

type Change = Partial<Omit<Capabilities, 'write'>> & { write?: Partial<Capabilities['write']> };
const changed = ({ write, ...rest }: Change): Capabilities => ({
  ...best,
  ...rest,
  write: { ...best.write, ...write },
});
const codes = (source: Change, destination: Change) =>
  fidelityOf(changed(source), changed(destination), all).map(({ code }) => code);

const differences: [LossCode, Change, RegExp][] = [
  ['USER_METADATA', { write: { userMetadata: false } }, /no place/],
  ['CONTENT_HEADERS', { write: { contentHeaders: false } }, /Content type/],
  ['TAGS', { tags: null }, /has none/],
  ['MODIFICATION_TIME', { write: { modifiedAtPrecisionMs: null } }, /time of the transfer/],
  ['MODIFICATION_TIME_PRECISION', { write: { modifiedAtPrecisionMs: 1000 } }, /kept to 1 s, .* to 1 ms/],
  ['NAME_CASE', { caseSensitive: false }, /differ only by case/],
  ['NAME_LENGTH', { maxKeyBytes: 255 }, /more than 255 bytes/],
];

test.each(differences)('%s is lost where the destination cannot keep it', (code, lack, message) => {
  expect(codes({}, lack)).toEqual([code]);
  expect(fidelityOf(best, changed(lack), all).find((loss) => loss.code === code)?.message).toMatch(message);
});

test.each(differences)('%s is not lost where the source has none, nor where it is the other way round', (_, lack) => {
  expect(codes(lack, lack)).toEqual([]);
  expect(codes(lack, {})).toEqual([]);
});

test('tags are lost one by one where the destination takes others', () => {
  const narrow = best.tags && { ...best.tags, valuePattern: '^[a-z]*$' };
  expect(fidelityOf(best, changed({ tags: narrow }), all)[0]?.message).toMatch(/characters .* each object tells/);
  const short = best.tags && { ...best.tags, maxTags: 5 };
  expect(codes({}, { tags: short })).toEqual(['TAGS']);
  expect(codes({ tags: short }, {})).toEqual([]);
  expect(fidelityOf(best, changed({ tags: short }), { tags: false })).not.toContainEqual(
    expect.objectContaining({ code: 'TAGS' }),
  );
});

test('losses stand in their order', () => {
  const poor = { write: { contentHeaders: false, modifiedAtPrecisionMs: null }, tags: null };
  expect(codes({}, poor)).toEqual(['CONTENT_HEADERS', 'TAGS', 'MODIFICATION_TIME']);
});
