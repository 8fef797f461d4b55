import { createHash, randomBytes } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { startS3Server } from '../../../emulators/s3/server.ts';
import { currentSecond, type ObjectRecord } from '../../../emulators/s3/store/records.ts';
import { Store } from '../../../emulators/s3/store/store.ts';
import { RepeatingBlob, RepeatingBlobs, repetition } from './blobs.ts';
import { bucket, type Order, type Sample } from './server.ts';
import { SlowSource } from './slow-source.ts';
import { Uploads } from './uploads.ts';

/** A process with a local S3 server that keeps repeating bodies in no memory; told what to do by its parent. */
const access = { accessKeyId: 'bench', secretAccessKey: randomBytes(16).toString('hex') };
const store = new Store(new RepeatingBlobs());
const server = await startS3Server({ storage: store, credentials: [access], buckets: [bucket], listeners: 64 });
const uploads = new Uploads(server.observer);
const slow = new SlowSource();

function hashesOf(size: number) {
  const md5 = createHash('md5');
  let crc = 0;
  for (const piece of repetition(0, size)) {
    md5.update(piece);
    crc = crc32c(piece, crc);
  }
  const digest = Buffer.alloc(4);
  digest.writeUInt32BE(crc);
  return { etag: md5.digest('hex'), crc32c: digest.toString('base64') };
}

/** The answers to its parent's orders. */
const orders: Record<Order['kind'], (order: Order) => object> = {
  where: () => ({ endpoint: server.endpoint, ...access }),
  /** Puts objects there as if they had been written in one request each. */
  fill({ prefix = '', count = 0, sizeBytes = 0, isSlow }) {
    const { etag, crc32c: value } = hashesOf(sizeBytes);
    for (let index = 0; index < count; index++) {
      const key = `${prefix}${String(index).padStart(6, '0')}.bin`;
      const record: ObjectRecord = {
        headers: {},
        metadata: {},
        storageClass: 'STANDARD',
        tags: [],
        key: key as ObjectRecord['key'],
        size: sizeBytes,
        etag,
        lastModified: currentSecond(),
        checksum: { algorithm: 'CRC32C', type: 'FULL_OBJECT', value },
        parts: undefined,
        blobs: [isSlow ? slow.blob(key, sizeBytes) : new RepeatingBlob(sizeBytes)],
      };
      store.putObject(bucket, record, () => {});
    }
    return {};
  },
  sample: (): Sample => ({ streaming: slow.streaming, underWay: uploads.underWay, receiving: uploads.receiving }),
  release() {
    slow.release();
    return {};
  },
  /** Counts the objects of that size below the prefix whose CRC32C of all bytes is the right one; removes all. */
  count({ prefix = '', sizeBytes = 0 }) {
    const { crc32c: value } = hashesOf(sizeBytes);
    const found = [...store.bucket(bucket).objects.values()].filter(({ key }) => key.startsWith(prefix));
    const whole = found.filter(
      ({ size, checksum }) => size === sizeBytes && checksum?.type === 'FULL_OBJECT' && checksum.value === value,
    );
    for (const { key } of found) store.deleteObject(bucket, key);
    return { found: found.length, whole: whole.length };
  },
};

process.on('message', (order: Order) => process.send?.(orders[order.kind](order)));
process.once('disconnect', () => void server.close());
