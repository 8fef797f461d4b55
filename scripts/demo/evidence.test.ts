import { createHash } from 'node:crypto';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../../emulators/azure.ts';
import { startS3Server } from '../../emulators/s3/server.ts';
import { type Clouds, destinationContainer, sourceBucket, uploadSample } from './clouds.ts';
import { evidenceText, gatherEvidence } from './evidence.ts';
import { sampleBytes, sampleTree } from './sample-tree.ts';

const prefix = 'first transfer/';
const signal = AbortSignal.timeout(300_000);
const stops: (() => Promise<unknown>)[] = [];
let clouds: Clouds;

beforeAll(async () => {
  const credentials = { accessKeyId: 'demo', secretAccessKey: 'demo-secret' };
  const server = await startS3Server({ credentials: [credentials], buckets: [sourceBucket] });
  stops.push(server.close);
  const azurite = await startAzurite({ containers: [destinationContainer] });
  stops.push(azurite.close);
  const key = new StorageSharedKeyCredential(azurite.accountName, azurite.accountKey);
  clouds = {
    s3Endpoint: server.endpoint,
    azureEndpoint: azurite.endpoint,
    s3: new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true, credentials }),
    azure: new BlobServiceClient(azurite.endpoint, key),
  };
  await uploadSample(clouds, signal);
  for (const file of sampleTree()) await blob(prefix + file.key).uploadStream(sampleBytes(file));
});

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

const blob = (name: string) => clouds.azure.getContainerClient(destinationContainer).getBlockBlobClient(name);
const put = (name: string, text: string) => blob(name).upload(text, text.length);
const count = sampleTree().length;

test('what people keep beside the first transfer is none of its business', async () => {
  await put('beside.txt', 'of somebody else');
  await put('first-session/photo.jpg', 'of somebody else');
  await clouds.s3.send(new PutObjectCommand({ Bucket: sourceBucket, Key: 'added later.txt', Body: 'more' }));
  const evidence = await gatherEvidence(clouds, prefix, signal);
  expect(evidence).toMatchObject({ intact: count, expected: count, problems: [] });
  expect(evidenceText(evidence)).toContain(`Objects  ${count} of ${count} intact`);
});

test('a foreign object below its own folder, a changed and a missing one are told', async () => {
  const [changed, missing, lost] = ['documents/note 1.txt', 'names/.hidden', 'sizes/4096 bytes.bin'] as const;
  await put(`${prefix}stranger.txt`, 'nobody sent this');
  await put(prefix + changed, createHash('sha256').update('other bytes').digest('hex'));
  await blob(prefix + missing).delete();
  await clouds.s3.send(new DeleteObjectCommand({ Bucket: sourceBucket, Key: lost }));
  const evidence = await gatherEvidence(clouds, prefix, signal);
  expect(evidence.intact).toBe(count - 3);
  expect(evidence.problems).toEqual([
    expect.stringMatching(`^${changed}: arrived with`),
    `${missing}: did not arrive`,
    `${lost}: is missing at the source`,
    'stranger.txt: nobody sent it',
  ]);
});
