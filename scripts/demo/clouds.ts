import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { azuriteCommand } from '../../emulators/azure.ts';
import { answers, freePort, type RunningProcess, startReady } from '../local/processes.ts';
import type { Supervisor } from '../local/supervisor.ts';
import { rememberedPorts, type Settings } from '../settings.ts';
import { sampleBytes, sampleTree } from './sample-tree.ts';

export const sourceBucket = 'sample';
export const destinationContainer = 'arrivals';
export const azureAccountName = 'demo';

/** The two local clouds, and plain vendor clients that read them without the product's storage code. */
export interface Clouds {
  s3Endpoint: string;
  azureEndpoint: string;
  s3: S3Client;
  azure: BlobServiceClient;
}

/** An object as an independent reader found it. */
export interface ObjectDigest {
  sizeBytes: number;
  /** Hex. */
  sha256: string;
}

export async function startClouds(settings: Settings, supervisor: Supervisor): Promise<Clouds> {
  const { s3AccessKeyId, s3SecretAccessKey, azureAccountKey } = settings.secrets;
  const [s3Port, azurePort] = await supervisor.all([startS3(settings, supervisor), startAzure(settings, supervisor)]);
  const s3Endpoint = `http://127.0.0.1:${s3Port}`;
  const azureEndpoint = `http://127.0.0.1:${azurePort}/${azureAccountName}`;
  const s3 = new S3Client({
    endpoint: s3Endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    // Errors reach the caller; the SDK need not print them as well.
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    credentials: { accessKeyId: s3AccessKeyId, secretAccessKey: s3SecretAccessKey },
  });
  const azure = new BlobServiceClient(azureEndpoint, new StorageSharedKeyCredential(azureAccountName, azureAccountKey));
  await azure.getContainerClient(destinationContainer).createIfNotExists();
  return { s3Endpoint, azureEndpoint, s3, azure };
}

function startS3(settings: Settings, supervisor: Supervisor): Promise<number> {
  return startCloud(settings, supervisor, 's3', 'The local S3', (port, directory) => ({
    args: ['emulators/s3/main.ts', '--port', String(port), '--data', directory, '--bucket', sourceBucket],
    env: {
      S3_ACCESS_KEY_ID: settings.secrets.s3AccessKeyId,
      S3_SECRET_ACCESS_KEY: settings.secrets.s3SecretAccessKey,
    },
  }));
}

function startAzure(settings: Settings, supervisor: Supervisor): Promise<number> {
  return startCloud(settings, supervisor, 'azure', 'The local Azure', (port, dataDirectory) =>
    azuriteCommand({
      accountName: azureAccountName,
      accountKey: settings.secrets.azureAccountKey,
      port,
      dataDirectory,
    }),
  );
}

async function startCloud(
  settings: Settings,
  supervisor: Supervisor,
  id: 's3' | 'azure',
  name: string,
  command: (port: number, directory: string) => { args: string[]; env: NodeJS.ProcessEnv },
): Promise<number> {
  const ports = rememberedPorts(settings.dataDirectory);
  const directory = join(settings.dataDirectory, 'clouds', id);
  await mkdir(directory, { recursive: true });
  const port = await freePort(ports.preferred(id));
  ports.remember(id, port);
  await supervisor.keep('clouds', async (): Promise<{ process: RunningProcess }> => {
    const { args, env } = command(port, directory);
    const child = await startReady(
      {
        name,
        command: process.execPath,
        args,
        // None of the product's settings are theirs.
        env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
        logFile: join(settings.dataDirectory, 'logs', `${id}.log`),
        // Both write what they acknowledge at once; Azurite waits for idle connections however long these last.
        stopTimeoutMs: 3_000,
        signal: supervisor.signal,
      },
      // Any answer, a refusal included, comes from a server that listens.
      () => answers(`http://127.0.0.1:${port}/`, true),
    );
    return { process: child };
  });
  return port;
}

/** Uploads the sample files that the bucket does not hold yet. Returns how many those were. */
export async function uploadSample({ s3 }: Clouds, signal: AbortSignal): Promise<number> {
  const present = await s3Sizes(s3);
  const missing = sampleTree().filter((file) => present.get(file.key) !== file.sizeBytes);
  await inParallel(missing, 8, async (file) => {
    signal.throwIfAborted();
    await s3.send(
      new PutObjectCommand({
        Bucket: sourceBucket,
        Key: file.key,
        Body: sampleBytes(file),
        ContentLength: file.sizeBytes,
        ContentType: 'application/octet-stream',
      }),
      { abortSignal: signal },
    );
  });
  return missing.length;
}

async function s3Sizes(s3: S3Client): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  let token: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket: sourceBucket, ...(token === undefined ? {} : { ContinuationToken: token }) }),
    );
    for (const { Key = '', Size = 0 } of page.Contents ?? []) sizes.set(Key, Size);
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return sizes;
}

/** Reads those of the keys that the source has back through the AWS SDK. */
export async function readSource(
  { s3 }: Clouds,
  keys: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, ObjectDigest>> {
  const digests = new Map<string, ObjectDigest>();
  const present = [...(await s3Sizes(s3)).keys()].filter((key) => keys.has(key));
  await inParallel(present, 4, async (key) => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: sourceBucket, Key: key }), { abortSignal: signal });
    digests.set(key, await digest(Body as Readable));
  });
  return digests;
}

/** Reads every object below `prefix` of the destination back through Azure's SDK; named without the prefix. */
export async function readDestination(
  { azure }: Clouds,
  prefix: string,
  signal: AbortSignal,
): Promise<Map<string, ObjectDigest>> {
  const container = azure.getContainerClient(destinationContainer);
  const digests = new Map<string, ObjectDigest>();
  const names: string[] = [];
  for await (const blob of container.listBlobsFlat({ prefix, abortSignal: signal })) names.push(blob.name);
  await inParallel(names, 4, async (name) => {
    const { readableStreamBody } = await container.getBlobClient(name).download(0, undefined, { abortSignal: signal });
    digests.set(name.slice(prefix.length), await digest(readableStreamBody as Readable));
  });
  return digests;
}

async function digest(body: Readable): Promise<ObjectDigest> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
