import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { LocalSecrets } from '../local/secrets.ts';
import { sampleBytes, sampleTree } from './sample-tree.ts';

export const sourceBucket = 'sample';
export const destinationContainer = 'arrivals';
export const azureAccountName = 'demo';

/** The demo's two clouds, and plain vendor clients that read them without the product's storage code. */
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

/** What the demo needs to know: where it keeps what it made, and the keys of its clouds and its user. */
export interface DemoSettings {
  /** Absolute. */
  dataDirectory: string;
  secrets: Pick<LocalSecrets, 's3AccessKeyId' | 's3SecretAccessKey' | 'azureAccountKey' | 'demoPassword'>;
}

/** Clients of two clouds that run, by the addresses of S3 and of the account at Azure. Makes the destination's container. */
export async function openClouds(
  { secrets }: DemoSettings,
  { s3Endpoint, azureEndpoint }: Pick<Clouds, 's3Endpoint' | 'azureEndpoint'>,
): Promise<Clouds> {
  const s3 = new S3Client({
    endpoint: s3Endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    // Errors reach the caller; the SDK need not print them as well.
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    credentials: { accessKeyId: secrets.s3AccessKeyId, secretAccessKey: secrets.s3SecretAccessKey },
  });
  const key = new StorageSharedKeyCredential(azureAccountName, secrets.azureAccountKey);
  const azure = new BlobServiceClient(azureEndpoint, key);
  await azure.getContainerClient(destinationContainer).createIfNotExists();
  return { s3Endpoint, azureEndpoint, s3, azure };
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
