import { expect, test } from 'vitest';
import type { Capabilities } from '../../storage/capabilities.ts';
import { isWhole, partSizeFor, partsOf } from './parts.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const TiB = 1024 * GiB;

const s3: Capabilities['write'] = {
  singleMaxBytes: 5 * GiB,
  objectMaxBytes: 5 * TiB,
  partMinBytes: 5 * MiB,
  partMaxBytes: 5 * GiB,
  maxParts: 10_000,
  partMultipleBytes: 1,
  listsParts: true,
  replacesParts: true,
  lastPartCloses: false,
  singleDigest: 'crc32c',
  partDigest: 'crc32c',
  completeDigest: 'crc32c',
  digestTiming: 'after',
  statedDigests: [],
  conditional: true,
  conditionalUpload: true,
  userMetadata: true,
  contentHeaders: true,
  modifiedAtPrecisionMs: 1,
};
const buffering: Capabilities['write'] = {
  ...s3,
  partMinBytes: 1,
  partMaxBytes: 100 * MiB,
  maxParts: 50_000,
  digestTiming: 'before',
};
const budget = 128 * MiB;

test.each([17 * MiB, 48 * GiB, 80 * GiB + 1, 500 * GiB, 5 * TiB])('%d bytes fit into the limits of S3', (size) => {
  const part = partSizeFor(size, s3, budget);
  expect(part).toBeGreaterThanOrEqual(s3.partMinBytes);
  expect(part).toBeLessThanOrEqual(s3.partMaxBytes);
  expect(Math.ceil(size / part)).toBeLessThanOrEqual(s3.maxParts);
});

test('parts of usual objects are 8 MiB; large objects have about a thousand', () => {
  expect(partSizeFor(100 * MiB, s3, budget)).toBe(8 * MiB);
  expect(Math.ceil((1 * TiB) / partSizeFor(1 * TiB, s3, budget))).toBeLessThanOrEqual(1_000);
});

test('where parts are held in memory, the budget bounds them as far as the number of parts allows', () => {
  expect(partSizeFor(100 * GiB, buffering, budget)).toBe(16 * MiB);
  const part = partSizeFor(2 * TiB, buffering, budget);
  expect(part).toBeLessThanOrEqual(budget);
  expect(Math.ceil((2 * TiB) / part)).toBeLessThanOrEqual(buffering.maxParts);
});

test('parts cover the object without gap or overlap', () => {
  expect([...partsOf(20, 8)]).toEqual([
    { partNumber: 1, start: 0, end: 8 },
    { partNumber: 2, start: 8, end: 16 },
    { partNumber: 3, start: 16, end: 20 },
  ]);
  expect([...partsOf(16, 8)]).toHaveLength(2);
});

test('small objects travel whole, smaller ones where they are held in memory', () => {
  expect([0, 16 * MiB, 16 * MiB + 1].map((size) => isWhole(size, s3))).toEqual([true, true, false]);
  expect([8 * MiB, 8 * MiB + 1].map((size) => isWhole(size, buffering))).toEqual([true, false]);
  expect(isWhole(2 * MiB, { ...s3, singleMaxBytes: MiB })).toBe(false);
});
