import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { startAzurite } from '../../emulators/azure.ts';
import { startAzureFromUrl } from '../../emulators/azure-from-url.ts';
import { type DropboxServer, startDropboxServer } from '../../emulators/dropbox/server.ts';
import { type GcsServer, startGcsServer } from '../../emulators/gcs/server.ts';
import { type S3Server, startS3Server } from '../../emulators/s3/server.ts';
import type { RunningProcess } from '../../scripts/local/processes.ts';
import { createAddressPolicy } from '../../storage/address-policy.ts';
import { storedCapabilities } from '../../storage/capabilities.ts';
import type { Credentials } from '../../storage/credentials.ts';
import { bufferedBody } from '../../storage/digest.ts';
import type { ObjectMetadata, StorageProvider } from '../../storage/provider.ts';
import { openProvider } from '../../storage/registry.ts';
import { startOwnEngine, type TestEngine } from './engine.ts';
import { type IndependentReader, openIndependently } from './independent-reader.ts';

/** One cloud with a container, and a provider that gets at it past the engine. */
export interface Cloud {
  container: string;
  credentials: Credentials;
  provider: StorageProvider;
  /** An account of the engine's user. */
  accountId: string;
}

export const cloudNames = ['s3', 'azure', 'gcs', 'dropbox'] as const;
export type CloudName = (typeof cloudNames)[number];

export interface Clouds {
  clouds: Record<CloudName, Cloud>;
  /** What tells of the bytes in each that arrived. */
  readers: Record<CloudName, IndependentReader>;
  servers: { s3: S3Server; gcs: GcsServer; dropbox: DropboxServer };
  /** Told of every request to Azure, while it is set. */
  onAzureRequest: ((request: IncomingMessage) => void) | null;
  stop(): Promise<void>;
}

const keys = { accessKeyId: 'clouds', secretAccessKey: 'a secret of the tests' };
/** Opens the same at S3, but for tags of objects. */
export const untaggedKeys = { accessKeyId: 'untagged', secretAccessKey: 'another secret of the tests' };
/** Another account of the Dropbox, with little room. */
export const smallDropbox = { refreshToken: 'a-small-grant', allocatedBytes: 100_000 } as const;
const signal = new AbortController().signal;

/** All four, each with one container and connected as an account. */
export async function startClouds(engine: TestEngine): Promise<Clouds> {
  const started: Pick<Clouds, 'onAzureRequest'> = { onAzureRequest: null };
  const [s3, azure, gcs, dropbox] = await Promise.all([
    startS3Server({ credentials: [keys, { ...untaggedKeys, mayTag: false }], buckets: ['place'] }),
    startAzurite({ containers: ['place'] }).then((azurite) =>
      startAzureFromUrl(azurite, { onRequest: (request) => started.onAzureRequest?.(request) }),
    ),
    startGcsServer({ buckets: ['place'] }),
    startDropboxServer({
      apps: [{ key: 'clouds' }],
      accounts: [
        { id: 'ann', refreshTokens: ['a-grant'] },
        { id: 'bea', refreshTokens: [smallDropbox.refreshToken], allocatedBytes: smallDropbox.allocatedBytes },
      ],
    }),
  ]);
  const { accountName, accountKey } = azure;
  const open = async (credentials: Credentials, container = 'place'): Promise<Cloud> => {
    const accountId = await engine.connect(credentials);
    // With what its check has found out, as a worker opens it.
    const account = await engine.db.cloudAccount.findUniqueOrThrow({ where: { id: accountId } });
    const provider = openProvider(credentials, {
      addressPolicy: createAddressPolicy(['127.0.0.0/8']),
      capabilities: storedCapabilities(account.capabilities),
    });
    return { container, credentials, provider, accountId };
  };
  const clouds = {
    s3: await open({ provider: 's3', endpoint: s3.endpoint, region: 'us-east-1', addressing: 'path', ...keys }),
    azure: await open({ provider: 'azure', accountName, accountKey, endpoint: azure.endpoint }),
    gcs: await open({ provider: 'gcs', endpoint: gcs.endpoint, serviceAccountKey: gcs.serviceAccountKey() }),
    dropbox: await open(
      { provider: 'dropbox', endpoint: dropbox.endpoint, appKey: 'clouds', refreshToken: 'a-grant' },
      'dropbox',
    ),
  };
  const reader = ({ credentials, container }: Cloud) => openIndependently(credentials, container);
  const readers = {
    s3: await reader(clouds.s3),
    azure: await reader(clouds.azure),
    gcs: await reader(clouds.gcs),
    dropbox: await reader(clouds.dropbox),
  };
  return Object.assign(started, {
    clouds,
    readers,
    servers: { s3, gcs, dropbox },
    async stop() {
      await Promise.all(Object.values(clouds).map(({ provider }) => provider.close()));
      await Promise.all([s3, azure, gcs, dropbox].map((server) => server.close()));
    },
  });
}

/** All four, with an engine of its own and one worker. */
export interface CloudScene extends Clouds {
  engine: TestEngine;
  worker: RunningProcess;
}

/** Setting of a worker whose clouds may fetch from each other on this machine. */
export const mayFetch = { INGEST_PRIVATE_ADDRESSES: '127.0.0.1/32' } as const;

/** @param env Of the worker. */
export async function startCloudScene(env: Record<string, string> = {}): Promise<CloudScene> {
  const engine = await startOwnEngine();
  const clouds = await startClouds(engine);
  const stopClouds = clouds.stop;
  return Object.assign(clouds, {
    engine,
    worker: await engine.startWorker(env),
    async stop() {
      await engine.stop();
      await stopClouds();
    },
  });
}

/** Writes objects, past the engine. */
export async function fill(
  { provider, container }: Cloud,
  objects: Record<string, Buffer>,
  metadata: ObjectMetadata = { user: {} },
): Promise<void> {
  for (const [key, bytes] of Object.entries(objects)) {
    const body = bufferedBody([bytes], ['crc32c', 'md5', 'dropbox']);
    await provider.write({ container, key, body, metadata }, signal);
  }
}

/** SHA-256 of every object below a prefix, as the cloud gives it back; folders by their names alone. */
export async function contents({ provider, container }: Cloud, prefix: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  let cursor: string | undefined;
  do {
    const page = await provider.list({ container, prefix, cursor }, signal);
    for (const { key } of page.items) {
      const { stream } = await provider.read({ container, key }, signal);
      const hash = createHash('sha256');
      for await (const chunk of stream) hash.update(chunk as Uint8Array);
      found[key.slice(prefix.length)] = hash.digest('hex');
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
