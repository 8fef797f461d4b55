import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startS3Server } from '../server.ts';
import {
  CREDENTIALS,
  failure,
  HARD_KEYS,
  sdkClient,
  startTestServer,
  temporaryDirectory,
  testBytes,
} from '../testing/support.ts';

const Bucket = 'bucket';

/** Every file below a directory. */
function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

async function read(client: S3Client, Key: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

async function withServer(dataDirectory: string, use: (client: S3Client) => Promise<void>): Promise<void> {
  const server = await startS3Server({ credentials: [CREDENTIALS], buckets: [Bucket], dataDirectory });
  try {
    await use(sdkClient(server));
  } finally {
    await server.close();
  }
}

describe('a store on disk', () => {
  it('has everything after a restart: objects, attributes, order, uploads and their parts', async () => {
    const dataDirectory = temporaryDirectory();
    const large = testBytes(3_000_000);
    let UploadId: string | undefined;
    await withServer(dataDirectory, async (client) => {
      for (const Key of HARD_KEYS) {
        await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
      }
      await client.send(
        new PutObjectCommand({
          Bucket,
          Key: 'large',
          Body: large,
          Metadata: { mtime: '1.5' },
          ContentType: 'text/x',
          Tagging: 'a=1',
        }),
      );
      await client.send(new DeleteObjectCommand({ Bucket, Key: 'plain.txt' }));
      await client.send(new CreateBucketCommand({ Bucket: 'other' }));
      await client.send(new CreateBucketCommand({ Bucket: 'gone' }));
      await client.send(new DeleteBucketCommand({ Bucket: 'gone' }));
      ({ UploadId } = await client.send(
        new CreateMultipartUploadCommand({ Bucket, Key: 'upload', Metadata: { a: '1' } }),
      ));
      await client.send(new UploadPartCommand({ Bucket, Key: 'upload', UploadId, PartNumber: 1, Body: large }));
    });
    await withServer(dataDirectory, async (client) => {
      const { Buckets } = await client.send(new ListBucketsCommand());
      expect(Buckets?.map(({ Name }) => Name)).toEqual(['bucket', 'other']);
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }));
      const listed = Contents?.map(({ Key }) =>
        Buffer.from(decodeURIComponent((Key as string).replaceAll('+', '%20'))),
      );
      expect(listed).toHaveLength(HARD_KEYS.length);
      expect([...(listed ?? [])].sort(Buffer.compare)).toEqual(listed);
      for (const Key of HARD_KEYS.filter((key) => key !== 'plain.txt')) {
        expect((await read(client, Key)).toString()).toBe(Key);
      }
      expect((await read(client, 'large')).equals(large)).toBe(true);
      expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'large', ChecksumMode: 'ENABLED' }))).toMatchObject(
        {
          Metadata: { mtime: '1.5' },
          ContentType: 'text/x',
          TagCount: 1,
          ChecksumType: 'FULL_OBJECT',
        },
      );
      const { Parts } = await client.send(new ListPartsCommand({ Bucket, Key: 'upload', UploadId }));
      expect(Parts).toMatchObject([{ PartNumber: 1, Size: large.length }]);
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: Parts?.[0]?.ETag }] };
      await client.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'upload', UploadId, MultipartUpload }));
    });
    await withServer(dataDirectory, async (client) => {
      expect((await read(client, 'upload')).equals(large)).toBe(true);
      expect((await client.send(new HeadObjectCommand({ Bucket, Key: 'upload' }))).Metadata).toEqual({ a: '1' });
      expect((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
    });
  });

  it('leaves no file of what was replaced, deleted, aborted or refused', async () => {
    const dataDirectory = temporaryDirectory();
    await withServer(dataDirectory, async (client) => {
      const before = filesIn(dataDirectory);
      const Body = testBytes(2_000_000);
      for (let round = 0; round < 3; round += 1) {
        await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body }));
      }
      await failure(client.send(new PutObjectCommand({ Bucket, Key: 'refused', Body, ChecksumCRC32: 'AAAAAA==' })));
      await client.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'm' }));
      const part = (PartNumber: number) =>
        client.send(new UploadPartCommand({ Bucket, Key: 'm', UploadId, PartNumber, Body }));
      await part(1);
      await part(2);
      const { ETag } = await part(2);
      await client.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key: 'm',
          UploadId,
          MultipartUpload: { Parts: [{ PartNumber: 2, ETag }] },
        }),
      );
      await client.send(new DeleteObjectCommand({ Bucket, Key: 'm' }));
      expect(filesIn(dataDirectory)).toEqual(before);
    });
  });

  it('sweeps at start what a crash can leave behind', async () => {
    const dataDirectory = temporaryDirectory();
    await withServer(dataDirectory, async (client) => {
      await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'kept' }));
    });
    const before = filesIn(dataDirectory);
    // A blob that no record names; a record that was not renamed; a bucket and an upload without their own records.
    writeFileSync(join(dataDirectory, 'blobs', 'ab', `ab${'0'.repeat(30)}`), 'half');
    writeFileSync(join(dataDirectory, 'temporary', '0'), '{"key":"k"');
    mkdirSync(join(dataDirectory, 'buckets', 'half-made', 'objects'), { recursive: true });
    mkdirSync(join(dataDirectory, 'uploads', 'half-made'));
    await withServer(dataDirectory, async (client) => {
      expect((await read(client, 'k')).toString()).toBe('kept');
      expect((await client.send(new ListBucketsCommand())).Buckets).toHaveLength(1);
    });
    expect(filesIn(dataDirectory)).toEqual(before);
    expect(existsSync(join(dataDirectory, 'buckets', 'half-made'))).toBe(false);
    expect(existsSync(join(dataDirectory, 'uploads', 'half-made'))).toBe(false);
  });

  it('does not give the blobs of a completed object back to its upload, when a crash kept the upload', async () => {
    const dataDirectory = temporaryDirectory();
    await withServer(dataDirectory, async (client) => {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'k' }));
      const { ETag } = await client.send(
        new UploadPartCommand({ Bucket, Key: 'k', UploadId, PartNumber: 1, Body: 'content' }),
      );
      const records = filesIn(join(dataDirectory, 'uploads')).map((path) => ({ path, content: readFileSync(path) }));
      await client.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key: 'k',
          UploadId,
          MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
        }),
      );
      for (const { path, content } of records) {
        mkdirSync(join(path, '..'), { recursive: true });
        writeFileSync(path, content);
      }
    });
    await withServer(dataDirectory, async (client) => {
      expect((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
      expect((await read(client, 'k')).toString()).toBe('content');
    });
  });

  it('shows the old object or none after kill -9 in the middle of an upload, never a part of the new one', async () => {
    const dataDirectory = temporaryDirectory();
    const child = await startProcess(dataDirectory);
    const client = new S3Client({
      endpoint: child.endpoint,
      region: 'us-east-1',
      credentials: CREDENTIALS,
      forcePathStyle: true,
      maxAttempts: 1,
    });
    onTestFinished(() => client.destroy());
    await client.send(new PutObjectCommand({ Bucket, Key: 'old', Body: 'old' }));
    // The body stops in the middle, once the server has written a part of it; the kill comes then.
    const body = async function* () {
      yield testBytes(6_000_000);
      await expect
        .poll(() => filesIn(join(dataDirectory, 'blobs')).length, { timeout: 10_000 })
        .toBeGreaterThanOrEqual(2);
      child.kill('SIGKILL');
      await child.exited;
      yield testBytes(10);
    };
    const upload = failure(
      client.send(new PutObjectCommand({ Bucket, Key: 'old', Body: Readable.from(body()), ContentLength: 6_000_010 })),
    );
    await upload;
    const server = await startTestServer({ dataDirectory });
    const after = sdkClient(server);
    expect((await read(after, 'old')).toString()).toBe('old');
    expect((await after.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(1);
    expect(filesIn(join(dataDirectory, 'blobs'))).toHaveLength(1);
  });
});

describe('main.ts', () => {
  it('prints its endpoint as one line of JSON and stops on SIGTERM', async () => {
    const child = await startProcess(temporaryDirectory());
    expect(child.endpoint).toBe(`http://127.0.0.1:${child.port}`);
    child.kill('SIGTERM');
    expect(await child.exited).toEqual([0, null]);
  });

  it('says what is missing', async () => {
    const child = spawn(process.execPath, [MAIN], { env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
    const [error, [code]] = await Promise.all([child.stderr.toArray(), once(child, 'exit')]);
    expect(code).toBe(2);
    expect(Buffer.concat(error).toString()).toMatch(/An access key, a secret key and a port/);
  });
});

const MAIN = join(import.meta.dirname, '..', 'main.ts');

async function startProcess(dataDirectory: string) {
  const child = spawn(process.execPath, [MAIN, '--data', dataDirectory, '--bucket', Bucket], {
    env: { S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { endpoint, port } = JSON.parse(line) as { endpoint: string; port: number };
  return { endpoint, port, exited, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}
