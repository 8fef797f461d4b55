import { checksumHeader } from '../checksums/checksum.ts';
import { expectedDigests } from '../checksums/expected.ts';
import { bucketName, bucketOf, integerParameter, keyOf, parameter, type RequestContext } from '../context.ts';
import { S3Error } from '../errors.ts';
import { sendEmpty } from '../respond.ts';
import { currentSecond } from '../store/records.ts';
import { handOver, quoted, receiveBlob } from './shared.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html */
export async function uploadPart(context: RequestContext): Promise<void> {
  const bucket = bucketName(context);
  bucketOf(context);
  const partNumber = partNumberOf(context);
  const { record } = context.store.upload(bucket, keyOf(context), uploadIdOf(context));
  const given = expectedDigests(context).checksum?.algorithm;
  if (given !== undefined && record.checksumAlgorithm !== undefined && given !== record.checksumAlgorithm) {
    throw new S3Error(
      'InvalidRequest',
      `Checksum Type mismatch occurred, expected checksum Type: ${record.checksumAlgorithm.toLowerCase()}, actual checksum Type: ${given.toLowerCase()}`,
    );
  }
  const { blob, size, md5, checksum } = await receiveBlob(context, { algorithm: record.checksumAlgorithm });
  const etag = md5.toString('hex');
  const part = {
    partNumber,
    size,
    etag,
    lastModified: currentSecond(),
    checksum: record.checksumAlgorithm === undefined ? undefined : checksum?.value,
    blob,
  };
  handOver(blob, () => context.store.putPart(bucket, record.key, record.uploadId, part));
  sendEmpty(context, 200, {
    etag: quoted(etag),
    ...(checksum === undefined ? {} : { [checksumHeader(checksum.algorithm)]: checksum.value }),
  });
}

/** @throws InvalidArgument outside of 1 to 10,000 */
export function partNumberOf(context: RequestContext): number {
  if (!parameter(context, 'partNumber')) {
    throw new S3Error('InvalidRequest', 'Missing required parameter for this request: partNumber');
  }
  return integerParameter(context, 'partNumber', 0, 1, 10_000);
}

export function uploadIdOf(context: RequestContext): string {
  return parameter(context, 'uploadId') ?? '';
}
