import { header, type RequestContext } from '../context.ts';
import { S3Error } from '../errors.ts';
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  isChecksumAlgorithm,
  isChecksumValue,
} from './checksum.ts';

/** What a request promises about its body. */
export interface ExpectedDigests {
  /** Content-MD5, raw. */
  readonly md5: Buffer | undefined;
  readonly checksum: ExpectedChecksum | undefined;
}

export interface ExpectedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; undefined when it follows in a trailer. */
  readonly value: string | undefined;
}

/**
 * Reads Content-MD5 and the x-amz-checksum- headers.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 * @throws InvalidDigest, InvalidRequest, NotImplemented where checksums are switched off
 */
export function expectedDigests(context: RequestContext): ExpectedDigests {
  return { md5: expectedMd5(context), checksum: expectedChecksum(context) };
}

/** @throws NotImplemented */
function refuseChecksumsWhenOff(context: RequestContext, name: string): void {
  if (!context.settings.hasFlexibleChecksums) {
    throw new S3Error('NotImplemented', undefined, { details: { Header: name } });
  }
}

function expectedMd5(context: RequestContext): Buffer | undefined {
  const value = header(context, 'content-md5');
  if (value === undefined) {
    return undefined;
  }
  const raw = Buffer.from(value, 'base64');
  if (raw.length !== 16 || raw.toString('base64') !== value) {
    throw new S3Error('InvalidDigest', undefined, { details: { 'Content-MD5': value } });
  }
  return raw;
}

function expectedChecksum(context: RequestContext): ExpectedChecksum | undefined {
  const found: ExpectedChecksum[] = [];
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = header(context, checksumHeader(algorithm));
    if (value !== undefined) {
      refuseChecksumsWhenOff(context, checksumHeader(algorithm));
      if (!isChecksumValue(algorithm, value)) {
        throw new S3Error('InvalidRequest', `Value for ${checksumHeader(algorithm)} header is invalid.`);
      }
      found.push({ algorithm, value });
    }
  }
  const trailer = header(context, 'x-amz-trailer');
  if (trailer !== undefined) {
    refuseChecksumsWhenOff(context, 'x-amz-trailer');
    const algorithm = CHECKSUM_ALGORITHMS.find((name) => checksumHeader(name) === trailer.trim().toLowerCase());
    if (algorithm === undefined) {
      throw new S3Error('InvalidRequest', 'The value specified in the x-amz-trailer header is not supported');
    }
    found.push({ algorithm, value: undefined });
  }
  if (found.length > 1) {
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const named = header(context, 'x-amz-sdk-checksum-algorithm')?.toUpperCase();
  if (named !== undefined) {
    refuseChecksumsWhenOff(context, 'x-amz-sdk-checksum-algorithm');
    requireNamedAlgorithm(named, found[0]);
  }
  return found[0];
}

function requireNamedAlgorithm(named: string, found: ExpectedChecksum | undefined): void {
  if (!isChecksumAlgorithm(named)) {
    throw new S3Error('InvalidRequest', 'Value for x-amz-sdk-checksum-algorithm header is invalid.');
  }
  if (found?.algorithm !== named) {
    throw new S3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
}

/**
 * x-amz-checksum-algorithm of operations that make a checksum instead of receiving one.
 * @throws InvalidRequest, NotImplemented
 */
export function readChecksumAlgorithm(context: RequestContext): ChecksumAlgorithm | undefined {
  const name = header(context, 'x-amz-checksum-algorithm')?.toUpperCase();
  if (name === undefined) {
    return undefined;
  }
  refuseChecksumsWhenOff(context, 'x-amz-checksum-algorithm');
  if (!isChecksumAlgorithm(name)) {
    throw new S3Error(
      'InvalidRequest',
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    );
  }
  return name;
}
