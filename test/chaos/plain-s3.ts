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
export function plainS3({ client, bucket, hashes, server }: TestStore): PlainClient {
  const withParts = async () => {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    const keys: string[] = [];
    for (const { Key = '', UploadId } of Uploads) {
      // Dropped since it was listed, perhaps.
      const listed = await client
        .send(new ListPartsCommand({ Bucket: bucket, Key, UploadId }))
        .catch((error: Error) => {
          if (error.name === 'NoSuchUpload') return null;
          throw error;
        });
      if (listed?.Parts?.length) keys.push(Key);
    }
    return keys;
  };
  return {
    put: (key, body) => client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body })),
    hashes,
    async uploadsLeft(patience) {
      for (;;) {
        const dropped = server.observer.waitFor(
          { operation: 'AbortMultipartUpload' },
          { event: 'finished', signal: patience },
        );
        const over = dropped.then(
          () => false,
          () => true,
        );
        const left = await withParts();
        if (left.length === 0 || (await over)) return left;
      }
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
