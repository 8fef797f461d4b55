import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createDigest } from '../../storage/digest.ts';
import type { DigestAlgorithm } from '../../storage/digest-algorithm.ts';
import { agreement, combineParts, evidenceOf, sourceLeg, statementOf } from './verify.ts';

const hash = (algorithm: DigestAlgorithm, bytes: Uint8Array) => {
  const digest = createDigest([algorithm]);
  digest.update(bytes);
  return digest.digest();
};

test.each(['crc32c', 'crc32'] as const)('%s of the parts gives that of the whole', (algorithm) => {
  const whole = randomBytes(100_000);
  const parts = [
    whole.subarray(0, 33_333),
    whole.subarray(33_333, 33_334),
    whole.subarray(33_334, 33_334),
    whole.subarray(33_334),
  ];
  const pieces = parts.map((part) => ({ sizeBytes: part.length, digests: hash(algorithm, part) }));
  expect(combineParts(algorithm, pieces)).toBe(hash(algorithm, whole)[algorithm]);
});

test("Dropbox's hash of the whole is put together from the blocks of its parts", () => {
  const whole = randomBytes(9 * 1024 * 1024);
  const parts = [whole.subarray(0, 8 * 1024 * 1024), whole.subarray(8 * 1024 * 1024)];
  const pieces = parts.map((part) => ({ sizeBytes: part.length, digests: hash('dropbox-blocks', part) }));
  expect(combineParts('dropbox', pieces)).toBe(hash('dropbox', whole).dropbox);
});

test('what does not combine, or misses a part, gives nothing', () => {
  expect(combineParts('md5', [{ sizeBytes: 1, digests: { md5: 'x' } }])).toBeUndefined();
  expect(combineParts('crc32c', [{ sizeBytes: 1, digests: {} }])).toBeUndefined();
});

test('a source is held against what the cloud vouches for, and then against what it merely keeps', () => {
  const both = { digests: { md5: 'm', crc32: 'c' }, assertedDigests: { sha256: 's' } };
  expect(statementOf(both, [])).toEqual({ algorithm: 'crc32', value: 'c', asserted: false });
  expect(statementOf(both, ['md5'])).toEqual({ algorithm: 'md5', value: 'm', asserted: false });
  expect(statementOf({ ...both, digests: {} }, [])).toEqual({ algorithm: 'sha256', value: 's', asserted: true });
  expect(statementOf({ digests: { crc64nvme: 'x' }, assertedDigests: {} }, [])).toBeNull();
});

test('a leg says what it rests on', () => {
  const statement = { algorithm: 'md5', value: 'm', asserted: false } as const;
  expect(sourceLeg(statement, 'm')).toEqual({ kind: 'provider-hash', algorithm: 'md5', value: 'm' });
  expect(sourceLeg({ ...statement, asserted: true }, 'm')).toMatchObject({ kind: 'asserted' });
  expect(sourceLeg(null, undefined)).toMatchObject({ kind: 'size-only' });
  expect(() => sourceLeg(statement, 'other')).toThrow(expect.objectContaining({ code: 'CHECKSUM_MISMATCH' }));
});

test('verified needs both legs', () => {
  const sure = { kind: 'provider-hash', algorithm: 'md5', value: 'm' } as const;
  const unsure = { kind: 'size-only', algorithm: null, value: null } as const;
  expect(evidenceOf(sure, sure).verified).toBe(true);
  expect(evidenceOf(sure, unsure).verified).toBe(false);
  expect(evidenceOf(unsure, sure).verified).toBe(false);
});

test('every hash that both sides speak of has to agree', () => {
  expect(agreement({ crc32c: 'a', md5: 'm' }, { crc32c: 'a' })).toBe('crc32c');
  expect(agreement({ crc32c: 'a' }, { md5: 'm' })).toBeNull();
  expect(() => agreement({ crc32c: 'a', md5: 'm' }, { crc32c: 'a', md5: 'n' })).toThrow(
    expect.objectContaining({ code: 'CHECKSUM_MISMATCH' }),
  );
});
