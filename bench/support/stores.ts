import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { freePort, startProcess, untilReady } from '../../scripts/local/processes.ts';

/** An S3 store that a bench reads from or writes to. */
export interface Store {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  bucket: string;
  client: S3Client;
  /** Stops the server when the bench started it. */
  close(): Promise<void>;
}

/** An object of the bench's data set. */
export interface BenchObject {
  key: string;
  sizeBytes: number;
  sha256: string;
}

function connect(settings: Omit<Store, 'client' | 'close'>, stop: () => Promise<void>): Store {
  const client = new S3Client({
    endpoint: settings.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: settings,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const close = async () => {
    client.destroy();
    await stop();
  };
  return { ...settings, client, close };
}

/** Opens the store that `--source` or `--destination` describes, or starts the local S3 server in memory. */
export async function openStore(description: string | undefined, bucket: string, logDirectory: string): Promise<Store> {
  if (description !== undefined) return connect(parseStore(description), async () => {});
  const keys = { accessKeyId: 'bench', secretAccessKey: randomBytes(16).toString('hex') };
  const port = await freePort();
  const server = await startProcess({
    name: `S3 server of ${bucket}`,
    command: process.execPath,
    args: ['emulators/s3/main.ts', '--port', String(port), '--bucket', bucket],
    env: { ...process.env, S3_ACCESS_KEY_ID: keys.accessKeyId, S3_SECRET_ACCESS_KEY: keys.secretAccessKey },
    logFile: join(logDirectory, `${bucket}.log`),
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await untilReady(server, () =>
    fetch(endpoint).then(
      () => true,
      () => false,
    ),
  );
  return connect({ endpoint, ...keys, bucket }, server.stop);
}

function parseStore(description: string): Omit<Store, 'client' | 'close'> {
  const values = Object.fromEntries(
    description.split(',').map((pair) => {
      const [name, ...rest] = pair.split('=');
      return [name, rest.join('=')];
    }),
  );
  const { endpoint, accessKeyId, secretAccessKey, bucket } = values;
  if (!endpoint || !URL.canParse(endpoint) || !accessKeyId || !secretAccessKey || !bucket) {
    throw new Error('--source and --destination are endpoint=URL,accessKeyId=ID,secretAccessKey=KEY,bucket=NAME');
  }
  return { endpoint, accessKeyId, secretAccessKey, bucket };
}

/** Creates the bucket when it is missing and fills it with objects of these sizes; random bytes, so nothing compresses. */
export async function fill(store: Store, prefix: string, sizes: readonly number[]): Promise<BenchObject[]> {
  await store.client.send(new CreateBucketCommand({ Bucket: store.bucket })).catch((error: Error) => {
    if (!['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(error.name)) throw error;
  });
  const objects: BenchObject[] = [];
  for (const [index, sizeBytes] of sizes.entries()) {
    const body = randomBytes(sizeBytes);
    const key = `${prefix}${String(index % 16).padStart(2, '0')}/${String(index).padStart(6, '0')}.bin`;
    await store.client.send(new PutObjectCommand({ Bucket: store.bucket, Key: key, Body: body }));
    objects.push({ key, sizeBytes, sha256: createHash('sha256').update(body).digest('hex') });
  }
  return objects;
}

/** Throws unless every object of the data set lies below `prefix` with the same SHA-256, and nothing else does. */
export async function verify(
  store: Store,
  from: string,
  prefix: string,
  objects: readonly BenchObject[],
): Promise<void> {
  const found = await listKeys(store, prefix);
  if (found.length !== objects.length) throw new Error(`${found.length} objects arrived, not ${objects.length}`);
  for (const object of objects) {
    const key = prefix + object.key.slice(from.length);
    const answer = await store.client.send(new GetObjectCommand({ Bucket: store.bucket, Key: key }));
    const hash = createHash('sha256');
    for await (const chunk of answer.Body as AsyncIterable<Uint8Array>) hash.update(chunk);
    if (hash.digest('hex') !== object.sha256) throw new Error(`${key} arrived with other bytes`);
  }
}

/** Deletes everything below `prefix`. */
export async function clear(store: Store, prefix: string): Promise<void> {
  const keys = await listKeys(store, prefix);
  for (let index = 0; index < keys.length; index += 1000) {
    const Objects = keys.slice(index, index + 1000).map((Key) => ({ Key }));
    await store.client.send(new DeleteObjectsCommand({ Bucket: store.bucket, Delete: { Objects, Quiet: true } }));
  }
}

async function listKeys(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const page = await store.client.send(
      new ListObjectsV2Command({ Bucket: store.bucket, Prefix: prefix, ContinuationToken: token }),
    );
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return keys;
}
