import { randomBytes } from 'node:crypto';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { startAzurite } from '../../emulators/azure.ts';
import { type DropboxServer, startDropboxServer } from '../../emulators/dropbox/server.ts';
import { startGcsServer } from '../../emulators/gcs/server.ts';
import { APP } from '../../emulators/gcs/testing/support.ts';
import { sha256 } from '../support/clouds.ts';
import { startStore } from '../support/engine.ts';
import { plainDropbox } from '../support/plain-dropbox.ts';
import { dropboxArrivals, gcsArrivals, s3Arrivals, type WatchArrivals } from './arrivals.ts';
import { type Link, startLink } from './link.ts';
import { plainGcs } from './plain-gcs.ts';
import { plainS3 } from './plain-s3.ts';
import { dropboxSpoiler, gcsSpoiler, type Spoil, s3Spoiler } from './spoil.ts';

/** One local cloud, the wire on which the product reaches it, and a plain client that goes past the wire and the product. */
export interface ChaosCloud {
  name: string;
  container: string;
  link: Link;
  /** As the API takes them, with the wire's endpoint; null: by signing in at the cloud. */
  credentials: object | null;
  plain: PlainClient;
  /** Tells what is brought to it; null: its server does not. */
  watch: WatchArrivals | null;
  /** Spoils requests of the product; null: this cloud answers as it should, always. */
  spoil: Spoil | null;
}

/** Gets at a cloud past the product. */
export interface PlainClient {
  put(key: string, body: Buffer): Promise<unknown>;
  /** SHA-256 of every object below a prefix as read back, by key without the prefix. */
  hashes(prefix: string): Promise<Record<string, string>>;
  /** Deletes everything below a prefix. */
  clear(prefix: string): Promise<void>;
  /**
   * Keys of uploads that have parts and were neither completed nor dropped, at the latest when patience is over; absent: the
   * cloud does not tell.
   */
  uploadsLeft?(patience: AbortSignal): Promise<string[]>;
}

export interface ChaosClouds {
  /** Each takes part as source and as destination. */
  all: ChaosCloud[];
  /** To be told to the product, so that people can connect their Dropbox. */
  dropbox: { env: Record<string, string>; server: DropboxServer };
  close(): Promise<void>;
}

/** A wire as to a distant cloud, so that there is work under way at any moment. */
const latencyMs = 10;
const container = 'place';
/** Where the product is told that people come back to; nobody ever goes there. */
const publicUrl = 'https://ferry.example.org';

/** All four, of S3 two: between those nothing can be copied by the server alone. */
export async function startChaosClouds(): Promise<ChaosClouds> {
  const cleanUp: (() => Promise<unknown>)[] = [];
  const close = async () => {
    await Promise.all(cleanUp.splice(0).map((one) => one()));
  };
  const linkTo = async ({ endpoint, close }: { endpoint: string; close(): Promise<void> }) => {
    cleanUp.push(close);
    const link = await startLink({ port: Number(new URL(endpoint).port) }, latencyMs);
    cleanUp.unshift(link.close);
    const url = new URL(endpoint);
    url.port = String(link.port);
    return { link, endpoint: url.href.replace(/\/$/, '') };
  };

  const s3 = async (name: string) => {
    const store = await startStore(container);
    const { link, endpoint } = await linkTo({ endpoint: store.server.endpoint, close: store.close });
    const credentials = { s3: { endpoint, region: store.server.region, addressing: 'PATH', ...store.keys } };
    const { server } = store;
    const told = { spoil: s3Spoiler(server), watch: s3Arrivals(server) };
    return { name, container, link, credentials, plain: plainS3(store), ...told };
  };
  const azure = async (): Promise<ChaosCloud> => {
    const azurite = await startAzurite({ containers: [container] });
    const { accountName, accountKey } = azurite;
    const { link, endpoint } = await linkTo(azurite);
    const service = new BlobServiceClient(azurite.endpoint, new StorageSharedKeyCredential(accountName, accountKey));
    const blobs = service.getContainerClient(container);
    const credentials = { azure: { endpoint, accountName, accountKey } };
    const plain: PlainClient = {
      put: (key, body) => blobs.getBlockBlobClient(key).uploadData(body),
      async hashes(prefix) {
        const found: Record<string, string> = {};
        for await (const { name } of blobs.listBlobsFlat({ prefix })) {
          found[name.slice(prefix.length)] = sha256(await blobs.getBlobClient(name).downloadToBuffer());
        }
        return found;
      },
      async clear(prefix) {
        for await (const { name } of blobs.listBlobsFlat({ prefix })) await blobs.deleteBlob(name);
      },
    };
    return { name: 'azure', container, link, credentials, plain, spoil: null, watch: null };
  };
  const gcs = async (): Promise<ChaosCloud> => {
    const server = await startGcsServer({ buckets: [container], apps: [APP] });
    const { link, endpoint } = await linkTo(server);
    const credentials = { gcs: { endpoint, serviceAccountKey: server.serviceAccountKey() } };
    const plain = plainGcs(server.endpoint, container);
    const told = { spoil: gcsSpoiler(server), watch: gcsArrivals(server) };
    return { name: 'gcs', container, link, credentials, plain, ...told };
  };
  const dropbox = async () => {
    const [key, refreshToken] = ['chaos', randomBytes(16).toString('hex')];
    const server = await startDropboxServer({
      apps: [{ key, redirectUris: [`${publicUrl}/accounts/connected/dropbox`] }],
      accounts: [{ id: 'ann', refreshTokens: [refreshToken] }],
    });
    const { link, endpoint } = await linkTo(server);
    const plain = await plainDropbox(server.endpoint, key, refreshToken);
    const place = { name: 'dropbox', container: 'dropbox', link, credentials: null, plain };
    const env = { PUBLIC_URL: publicUrl, DROPBOX_APP_KEY: key, DROPBOX_ENDPOINT: endpoint };
    const told = { spoil: dropboxSpoiler(server), watch: dropboxArrivals(server) };
    return { cloud: { ...place, ...told }, dropbox: { env, server } };
  };

  const starting = Promise.all([s3('s3'), s3('other-s3'), azure(), gcs(), dropbox()]);
  try {
    const [one, other, third, fourth, fifth] = await starting;
    const all = [one, other, third, fourth, fifth.cloud];
    return { all, dropbox: fifth.dropbox, close };
  } catch (error) {
    await close();
    throw error;
  }
}
