import {
  AccountSASPermissions,
  BlobServiceClient,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { startAzurite } from '../../../emulators/azure.ts';
import type { StartedStore } from './s3.ts';

/** Azurite in memory, in a process of its own, with one container. Everybody uses the same SAS token, and signs nothing. */
export async function startAzure(container: string): Promise<StartedStore> {
  const { endpoint, accountName, accountKey, pid, close } = await startAzurite();
  const sasToken = generateAccountSASQueryParameters(
    {
      permissions: AccountSASPermissions.parse('rwdlc'),
      services: 'b',
      resourceTypes: 'sco',
      expiresOn: new Date(Date.now() + 24 * 3_600_000),
    },
    new StorageSharedKeyCredential(accountName, accountKey),
  ).toString();
  const blobs = new BlobServiceClient(`${endpoint}?${sasToken}`).getContainerClient(container);
  return {
    pid,
    stop: close,
    store: {
      bucket: container,
      credentials: { azure: { accountName, sasToken, endpoint } },
      remote: { type: 'azureblob', sas_url: `${endpoint}?${sasToken}` },
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
