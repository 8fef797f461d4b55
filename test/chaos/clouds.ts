import { createHash } from 'node:crypto';
import { DeleteObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { type AzuriteServer, startAzurite } from '../../emulators/azure.ts';
import { type GcsServer, startGcsServer } from '../../emulators/gcs/server.ts';
import { APP, sdkClient } from '../../emulators/gcs/testing/support.ts';
import { startStore, type TestStore } from '../support/engine.ts';
import { type Link, startLink } from './link.ts';

/** One local cloud, the wire on which the product reaches it, and a plain client that goes past the wire and the product. */
export interface ChaosCloud {
  name: string;
  container: string;
  link: Link;
  /** As the API takes them; the endpoint is the wire's. */
  credentials: object;
  /** SHA-256 of every object below a prefix as read back, by key without the prefix. */
  hashes(prefix: string): Promise<Record<string, string>>;
  /** Deletes everything below a prefix. */
  clear(prefix: string): Promise<void>;
}

export interface ChaosClouds {
  source: ChaosCloud;
  destinations: ChaosCloud[];
  /** Behind `source` and the first destination. */
  from: TestStore;
  to: TestStore;
  gcs: GcsServer;
  close(): Promise<void>;
}

/** A wire as to a distant cloud, so that there is work under way at any moment. */
const latencyMs = 10;

export async function startChaosClouds(): Promise<ChaosClouds> {
  const [from, to, azurite, gcs] = await Promise.all([
    startStore('source'),
    startStore('target'),
    startAzurite({ containers: ['target'] }),
    startGcsServer({ buckets: ['target'], apps: [APP] }),
  ]);
  const source = await s3Cloud('s3-source', from);
  const destinations = [await s3Cloud('s3', to), await azureCloud(azurite), await gcsCloud(gcs)];
  return {
    source,
    destinations,
    from,
    to,
    gcs,
    async close() {
      await Promise.all([source, ...destinations].map(({ link }) => link.close()));
      await Promise.all([from, to, azurite, gcs].map((server) => server.close()));
    },
  };
}

const linkTo = (endpoint: string) => startLink({ port: Number(new URL(endpoint).port) }, latencyMs);

function through(link: Link, endpoint: string): string {
  const url = new URL(endpoint);
  url.port = String(link.port);
  return url.href.replace(/\/$/, '');
}

async function s3Cloud(name: string, store: TestStore): Promise<ChaosCloud> {
  const link = await linkTo(store.server.endpoint);
  const { client, bucket, keys } = store;
  return {
    name,
    container: bucket,
    link,
    credentials: {
      s3: { endpoint: through(link, store.server.endpoint), region: store.server.region, addressing: 'PATH', ...keys },
    },
    hashes: store.hashes,
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

async function azureCloud({ endpoint, accountName, accountKey }: AzuriteServer): Promise<ChaosCloud> {
  const link = await linkTo(endpoint);
  const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(accountName, accountKey));
  const container = service.getContainerClient('target');
  return {
    name: 'azure',
    container: 'target',
    link,
    credentials: { azure: { endpoint: through(link, endpoint), accountName, accountKey } },
    async hashes(prefix) {
      const found: Record<string, string> = {};
      for await (const { name } of container.listBlobsFlat({ prefix })) {
        found[name.slice(prefix.length)] = sha256(await container.getBlobClient(name).downloadToBuffer());
      }
      return found;
    },
    async clear(prefix) {
      for await (const { name } of container.listBlobsFlat({ prefix })) await container.deleteBlob(name);
    },
  };
}

async function gcsCloud(server: GcsServer): Promise<ChaosCloud> {
  const link = await linkTo(server.endpoint);
  const key = server.serviceAccountKey();
  const bucket = (await sdkClient(server)).bucket('target');
  return {
    name: 'gcs',
    container: 'target',
    link,
    credentials: { gcs: { endpoint: through(link, server.endpoint), serviceAccountKey: key } },
    async hashes(prefix) {
      const found: Record<string, string> = {};
      const [files] = await bucket.getFiles({ prefix });
      for (const file of files) {
        const [bytes] = await file.download({ validation: false });
        found[file.name.slice(prefix.length)] = sha256(bytes);
      }
      return found;
    },
    async clear(prefix) {
      await bucket.deleteFiles({ prefix });
    },
  };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
