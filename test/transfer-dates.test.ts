import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Crossing, startCrossing } from './support/engine.ts';

const MiB = 1024 * 1024;

let crossing: Crossing;

beforeAll(async () => {
  crossing = await startCrossing();
});

afterAll(() => crossing?.stop());

test.each([
  ['whole', 100],
  ['in parts', 20 * MiB],
])('a date that nobody recorded costs no object and none of its metadata, %s', async (folder, size) => {
  const { engine, from, to, accounts } = crossing;
  const written = { full: { a: 'x'.repeat(2047) }, own: { mtime: 'last Tuesday' } };
  for (const [name, Metadata] of Object.entries(written)) {
    const object = { Bucket: 'source', Key: `${folder}/${name}`, Metadata };
    await from.client.send(new PutObjectCommand({ ...object, Body: Buffer.alloc(size, 1) }));
  }
  const { id } = await engine.submit({ ...accounts, sourcePaths: [`source/${folder}/`], destinationPath: 'target/' });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 2n });
  for (const [name, metadata] of Object.entries(written)) {
    const head = new HeadObjectCommand({ Bucket: 'target', Key: `${folder}/${name}` });
    expect((await to.client.send(head)).Metadata).toEqual(metadata);
  }
});
