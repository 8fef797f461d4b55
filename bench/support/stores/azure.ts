import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { startAzurite } from '../../../emulators/azure.ts';
import type { StartedStore } from './s3.ts';

/** Azurite in memory, in a process of its own, with one container. */
export async function startAzure(container: string): Promise<StartedStore> {
  const { endpoint, accountName, accountKey, pid, close } = await startAzurite();
  const credential = new StorageSharedKeyCredential(accountName, accountKey);
  const blobs = new BlobServiceClient(endpoint, credential).getContainerClient(container);
  return {
    pid,
    stop: close,
    store: {
      bucket: container,
      credentials: { azure: { accountName, accountKey, endpoint } },
      remote: { type: 'azureblob', use_emulator: 'true', account: accountName, key: accountKey, endpoint },
      async createBucket() {
        await blobs.createIfNotExists();
      },
      async put(key, body) {
        await blobs.getBlockBlobClient(key).uploadData(body);
      },
      async read(key) {
        const { readableStreamBody } = await blobs.getBlobClient(key).download();
        return readableStreamBody as NodeJS.ReadableStream as AsyncIterable<Buffer>;
      },
      async list(prefix) {
        const keys: string[] = [];
        for await (const { name } of blobs.listBlobsFlat({ prefix })) keys.push(name);
        return keys;
      },
      async remove(keys) {
        for (const key of keys) await blobs.deleteBlob(key);
      },
    },
  };
}
