import { describe, expect, it } from 'vitest';
import { testBytes } from '../testing/support.ts';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, createChecksum, isChecksumValue } from './checksum.ts';
import { combineCrcs } from './combine-crc.ts';

function checksum(algorithm: ChecksumAlgorithm, data: Buffer, pieceSize = data.length): Buffer {
  const running = createChecksum(algorithm);
  for (let at = 0; at < data.length; at += pieceSize) {
    running.update(data.subarray(at, at + pieceSize));
  }
  return running.digest();
}

/** The check values of the catalogue of parametrised CRC algorithms, and of FIPS 180-4 for the hashes. */
const CHECKS: Readonly<Record<ChecksumAlgorithm, string>> = {
  CRC32: 'cbf43926',
  CRC32C: 'e3069283',
  CRC64NVME: 'ae8b14860a799888',
  SHA1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  SHA256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
};

describe.each(CHECKSUM_ALGORITHMS)('%s', (algorithm) => {
  it('has the published value for 123456789', () => {
    expect(checksum(algorithm, Buffer.from('123456789')).toString('hex')).toBe(CHECKS[algorithm]);
  });

  it('does not depend on how the data is cut', () => {
    const data = testBytes(10_007);
    const whole = checksum(algorithm, data);
    for (const pieceSize of [1, 7, 8, 9, 4096]) {
      expect(checksum(algorithm, data, pieceSize)).toEqual(whole);
    }
  });

  it('knows its own form in base64', () => {
    const value = checksum(algorithm, Buffer.from('x')).toString('base64');
    expect(isChecksumValue(algorithm, value)).toBe(true);
    expect(isChecksumValue(algorithm, `${value}AAAA`)).toBe(false);
    expect(isChecksumValue(algorithm, value.replace(/.=*$/, ''))).toBe(false);
  });
});

describe.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)('combineCrcs of %s', (algorithm) => {
  it('gives the CRC of the whole from those of its parts', () => {
    const data = testBytes(100_003);
    for (const sizes of [[100_003], [40_000, 40_000, 20_003], [1, 100_002], [0, 100_003, 0], [99_999, 4]]) {
      let at = 0;
      const parts = sizes.map((length) => {
        const crc = checksum(algorithm, data.subarray(at, at + length));
        at += length;
        return { crc, length };
      });
      expect(combineCrcs(algorithm, parts)).toEqual(checksum(algorithm, data));
    }
  });
});
