import {
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { TestStore } from '../support/engine.ts';
import type { PlainClient } from './clouds.ts';

/** The vendor's SDK at a local S3. */
export function plainS3({ client, bucket, hashes }: TestStore): PlainClient {
  return {
    put: (key, body) => client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body })),
    hashes,
    async uploads() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      const parts = Uploads.map(async ({ Key = '', UploadId }) => {
        const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket: bucket, Key, UploadId }));
        return Parts.length > 0 ? [Key] : [];
      });
      return (await Promise.all(parts)).flat();
    },
    async clear(prefix) {
      for (;;) {
        const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
        if (!Contents?.length) return;
        const Objects = Contents.map(({ Key }) => ({ Key }));
        await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
      }
    },
  };
}
