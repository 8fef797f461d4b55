/** The reflected polynomials of the CRCs that S3 can compute over a whole object from those of its parts. */
const POLYNOMIALS = {
  CRC32: { width: 32, polynomial: 0xedb88320n },
  CRC32C: { width: 32, polynomial: 0x82f63b78n },
  CRC64NVME: { width: 64, polynomial: 0x9a6c9329ac4bc9b5n },
} as const;

export type CombinableAlgorithm = keyof typeof POLYNOMIALS;

/**
 * The CRC of the concatenation of parts, from the CRC and length of each: what S3 does for FULL_OBJECT checksums
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html). Appending n zero bits
 * multiplies a CRC by x^n modulo the polynomial, as in zlib's crc32_combine.
 * @param parts CRCs as big-endian bytes, lengths in bytes.
 */
export function combineCrcs(
  algorithm: CombinableAlgorithm,
  parts: readonly { readonly crc: Buffer; readonly length: number }[],
): Buffer {
  const field = POLYNOMIALS[algorithm];
  let combined = 0n;
  // Nearly all parts of an upload are of one length: its operator is computed once.
  let operatorLength = -1;
  let operator = 0n;
  for (const { crc, length } of parts) {
    if (length !== operatorLength) {
      operator = powerOfX(BigInt(length) * 8n, field);
      operatorLength = length;
    }
    combined = multiply(operator, combined, field) ^ BigInt(`0x${crc.toString('hex')}`);
  }
  return Buffer.from(combined.toString(16).padStart(field.width / 4, '0'), 'hex');
}

interface Field {
  readonly width: number;
  readonly polynomial: bigint;
}

/** a * b modulo the polynomial; the highest bit of a number is the coefficient of x^0. */
function multiply(a: bigint, b: bigint, { width, polynomial }: Field): bigint {
  let product = 0n;
  let factor = b;
  for (let bit = 1n << BigInt(width - 1); bit > 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) {
      product ^= factor;
    }
    factor = (factor & 1n) === 0n ? factor >> 1n : (factor >> 1n) ^ polynomial;
  }
  return product;
}

function powerOfX(exponent: bigint, field: Field): bigint {
  let result = 1n << BigInt(field.width - 1);
  let square = 1n << BigInt(field.width - 2);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) {
      result = multiply(square, result, field);
    }
    square = multiply(square, square, field);
  }
  return result;
}
