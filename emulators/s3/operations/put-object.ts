import { encryptionHeaders, etagOf, readAttributes } from '../attributes.ts';
import { writeCondition } from '../conditions.ts';
import { bucketName, bucketOf, keyOf, type RequestContext, versionHeaders } from '../context.ts';
import { sendEmpty } from '../respond.ts';
import { currentSecond, type StoredChecksum } from '../store/records.ts';
import { checksumHeaders, handOver, quoted, receiveBlob } from './shared.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html */
export async function putObject(context: RequestContext): Promise<void> {
  const key = keyOf(context);
  const attributes = readAttributes(context);
  const condition = writeCondition(context);
  condition(bucketOf(context).objects.get(key));
  const { blob, size, md5, checksum } = await receiveBlob(context);
  const etag = etagOf(attributes.headers, md5.toString('hex'));
  const stored: StoredChecksum | undefined = checksum && { ...checksum, type: 'FULL_OBJECT' };
  const object = {
    ...attributes,
    key,
    size,
    etag,
    lastModified: currentSecond(),
    checksum: stored,
    parts: undefined,
    blobs: [blob],
  };
  const version = handOver(blob, () => context.store.putObject(bucketName(context), object, condition));
  sendEmpty(context, 200, {
    etag: quoted(etag),
    ...checksumHeaders(stored),
    ...encryptionHeaders(attributes.headers),
    ...versionHeaders(bucketOf(context), version),
  });
}
