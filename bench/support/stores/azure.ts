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
  let server = await startAzurite();
  const { endpoint, accountName, accountKey } = server;
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
    get pid() {
      return server.pid;
    },
    stop: () => server.close(),
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
      // Azurite keeps the memory of what was deleted for ten minutes, and refuses writes once it has half of the machine's. What
      // a race removes is all that there is.
      async remove() {
        await server.close();
        server = await startAzurite({ port: Number(new URL(endpoint).port), containers: [container] });
      },
    },
  };
}
