import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { crc32c } from '@node-rs/crc32';
import type { ServerCertificate } from '../../../emulators/authority.ts';
import { answers, freePort, startReady } from '../../../scripts/local/processes.ts';
import type { Store } from './store.ts';

/** How a bucket is reached. */
export interface S3Settings {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  bucket: string;
}

/**
 * A bucket of any S3 store. `keepsCrc32c`: objects are written with their CRC32C, which the store checks and tells again;
 * compatible stores may refuse or ignore it. `authority`: file of the authority that its certificate is from.
 */
export function s3Store(settings: S3Settings, options: { keepsCrc32c: boolean; authority?: string }): Store {
  const { bucket: Bucket, ...access } = settings;
  const client = new S3Client({
    endpoint: access.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: access,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(options.authority && { requestHandler: { httpsAgent: new Agent({ ca: readFileSync(options.authority) }) } }),
  });
  return {
    bucket: Bucket,
    credentials: { s3: { ...access, addressing: 'PATH' } },
    remote: {
      type: 's3',
      provider: 'Other',
      endpoint: access.endpoint,
      access_key_id: access.accessKeyId,
      secret_access_key: access.secretAccessKey,
    },
    async createBucket() {
      await client.send(new CreateBucketCommand({ Bucket })).catch((error: Error) => {
        if (!['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(error.name)) throw error;
      });
    },
    async put(Key, Body) {
      const checksum = options.keepsCrc32c ? { ChecksumCRC32C: base64Crc32c(Body) } : {};
      await client.send(new PutObjectCommand({ Bucket, Key, Body, ...checksum }));
    },
    async read(Key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return Body as AsyncIterable<Uint8Array>;
    },
    async list(Prefix) {
      const keys: string[] = [];
      let token: string | undefined;
      do {
        const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken: token }));
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
        token = page.NextContinuationToken;
      } while (token !== undefined);
      return keys;
    },
    async remove(keys) {
      for (let index = 0; index < keys.length; index += 1000) {
        const Objects = keys.slice(index, index + 1000).map((Key) => ({ Key }));
        await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      }
    },
  };
}

function base64Crc32c(bytes: Buffer): string {
  const digest = Buffer.alloc(4);
  digest.writeUInt32BE(crc32c(bytes));
  return digest.toString('base64');
}

/** A storage server that the bench started, with the one bucket that it uses there. */
export interface StartedStore {
  store: Store;
  pid: number;
  stop(): Promise<void>;
}

/** The local S3 server in memory, in a process of its own; over TLS with a certificate. */
export async function startLocalS3(
  bucket: string,
  logDirectory: string,
  certificate?: ServerCertificate,
): Promise<StartedStore> {
  const keys = { accessKeyId: 'bench', secretAccessKey: randomBytes(16).toString('hex') };
  const port = await freePort();
  const endpoint = `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`;
  const store = s3Store({ endpoint, ...keys, bucket }, { keepsCrc32c: true, ...pick(certificate) });
  const tls = certificate ? ['--tls-certificate', certificate.certificate, '--tls-key', certificate.key] : [];
  const server = await startReady(
    {
      name: `S3 server of ${bucket}`,
      command: process.execPath,
      args: ['emulators/s3/main.ts', '--port', String(port), ...tls],
      env: { ...process.env, S3_ACCESS_KEY_ID: keys.accessKeyId, S3_SECRET_ACCESS_KEY: keys.secretAccessKey },
      logFile: join(logDirectory, `${bucket}.log`),
    },
    () =>
      certificate
        ? store.createBucket().then(
            () => true,
            () => false,
          )
        : answers(endpoint, true),
  );
  return { store, pid: server.pid, stop: server.stop };
}

const pick = (certificate: ServerCertificate | undefined) =>
  certificate === undefined ? {} : { authority: certificate.authority };

/** What `--source` and `--destination` describe. Throws an Error that says the form. */
export function parseStore(description: string): S3Settings {
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
