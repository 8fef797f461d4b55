import { createHash } from 'node:crypto';
import {
  AccountSASPermissions,
  BlobServiceClient,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { Agent, request } from 'undici';
import { startAzurite } from '../../../emulators/azure.ts';
import { adapterClient, type BenchClient, type BenchedProvider, container, drain, inParts } from './client.ts';

interface Served {
  endpoint: string;
  sasToken: string;
}

const accountName = 'bench';

/** Every contender has each body checked by its MD5, and signs nothing: all use the same SAS token. */
export const azure: BenchedProvider<Served> = {
  async start() {
    const { endpoint, accountKey } = await startAzurite({ accountName, containers: [container] });
    const sasToken = generateAccountSASQueryParameters(
      {
        permissions: AccountSASPermissions.parse('rwdlc'),
        services: 'b',
        resourceTypes: 'sco',
        expiresOn: new Date(Date.now() + 24 * 3_600_000),
      },
      new StorageSharedKeyCredential(accountName, accountKey),
    ).toString();
    return { endpoint, sasToken };
  },
  adapter: ({ endpoint, sasToken }) => adapterClient({ provider: 'azure', accountName, endpoint, sasToken }),
  async sdk({ endpoint, sasToken }): Promise<BenchClient> {
    const blobs = new BlobServiceClient(`${endpoint}?${sasToken}`).getContainerClient(container);
    return {
      async put(key, bytes) {
        const options = { blobHTTPHeaders: { blobContentMD5: md5(bytes) } };
        await blobs.getBlockBlobClient(key).upload(bytes as Buffer, bytes.byteLength, options);
      },
      async putLarge(key, bytes) {
        const blob = blobs.getBlockBlobClient(key);
        const ids = await inParts(bytes, async (part, number) => {
          const id = blockId(number);
          await blob.stageBlock(id, part as Buffer, part.byteLength, { transactionalContentMD5: md5(part) });
          return id;
        });
        await blob.commitBlockList(ids);
      },
      async get(key) {
        const { readableStreamBody } = await blobs.getBlobClient(key).download();
        return drain(readableStreamBody as NodeJS.ReadableStream);
      },
      close: async () => {},
    };
  },
  async undici({ endpoint, sasToken }): Promise<BenchClient> {
    const dispatcher = new Agent({ pipelining: 1 });
    const send = async (
      method: 'GET' | 'PUT',
      key: string,
      query: string,
      headers: Record<string, string> = {},
      body?: Uint8Array,
    ) => {
      const answer = await request(`${endpoint}/${container}/${key}?${query}${sasToken}`, {
        method,
        headers: { 'x-ms-version': '2021-12-02', ...headers },
        dispatcher,
        ...(body === undefined ? {} : { body }),
      });
      if (answer.statusCode >= 300) throw new Error(await answer.body.text());
      return answer;
    };
    return {
      async put(key, bytes) {
        const headers = { 'x-ms-blob-type': 'BlockBlob', 'content-md5': md5(bytes).toString('base64') };
        await (await send('PUT', key, '', headers, bytes)).body.dump();
      },
      async putLarge(key, bytes) {
        const ids = await inParts(bytes, async (part, number) => {
          const id = blockId(number);
          const headers = { 'content-md5': md5(part).toString('base64') };
          const query = `comp=block&blockid=${encodeURIComponent(id)}&`;
          await (await send('PUT', key, query, headers, part)).body.dump();
          return `<Latest>${id}</Latest>`;
        });
        const list = Buffer.from(`<?xml version="1.0"?><BlockList>${ids.join('')}</BlockList>`);
        await (await send('PUT', key, 'comp=blocklist&', {}, list)).body.dump();
      },
      get: async (key) => drain((await send('GET', key, '')).body),
      close: () => dispatcher.close(),
    };
  },
};

function md5(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}

function blockId(number: number): string {
  return Buffer.from(String(number).padStart(8, '0')).toString('base64');
}
