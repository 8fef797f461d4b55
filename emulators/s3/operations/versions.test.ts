import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ObjectVersion,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { failure, STORES, sdkClient, startTestServer, temporaryDirectory } from '../testing/support.ts';

const Bucket = 'bucket';
const Key = 'k';

const start = async (store: (typeof STORES)[number], versioning = true) => {
  const server = await startTestServer({ store, versioning });
  return { server, client: sdkClient(server) };
};

async function put(client: S3Client, Body: string, key = Key): Promise<string | undefined> {
  return (await client.send(new PutObjectCommand({ Bucket, Key: key, Body }))).VersionId;
}

async function read(client: S3Client, VersionId?: string) {
  const answer = await client.send(new GetObjectCommand({ Bucket, Key, VersionId }));
  return { text: await answer.Body?.transformToString(), versionId: answer.VersionId };
}

function setVersioning(client: S3Client, Status: 'Enabled' | 'Suspended') {
  return client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
}

function remove(client: S3Client, VersionId?: string) {
  return client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
}

/** Each version as `key=id`, a delete marker with a dash before it, the latest with a star after it. */
async function list(client: S3Client, options: object = {}): Promise<string[]> {
  const answer = await client.send(new ListObjectVersionsCommand({ Bucket, ...options }));
  const tell = (mark: string) => (one: Pick<ObjectVersion, 'Key' | 'VersionId' | 'IsLatest'>) =>
    `${mark}${one.Key}=${one.VersionId}${one.IsLatest ? '*' : ''}`;
  return [...(answer.Versions ?? []).map(tell('')), ...(answer.DeleteMarkers ?? []).map(tell('-'))];
}

describe.each(STORES)('versions in %s', (store) => {
  it('a bucket has no versioning until it is told to (API_PutBucketVersioning, API_GetBucketVersioning)', async () => {
    const { client } = await start(store, false);
    const status = async () => (await client.send(new GetBucketVersioningCommand({ Bucket }))).Status;
    expect(await status()).toBeUndefined();
    expect(await put(client, 'old')).toBeUndefined();
    expect(await read(client)).toEqual({ text: 'old', versionId: undefined });
    expect(await list(client)).toEqual(['k=null*']);
    await setVersioning(client, 'Enabled');
    expect(await status()).toBe('Enabled');
    expect(await read(client)).toEqual({ text: 'old', versionId: 'null' });
    const id = await put(client, 'new');
    expect(await list(client)).toEqual([`k=${id}*`, 'k=null']);
    expect(await read(client, 'null')).toEqual({ text: 'old', versionId: 'null' });
    await setVersioning(client, 'Suspended');
    expect(await status()).toBe('Suspended');
    const wrong = new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: {} });
    expect(await failure(client.send(wrong))).toMatchObject({ code: 'IllegalVersioningConfigurationException' });
  });

  it('keeps what is overwritten (API_PutObject, API_GetObject, API_HeadObject)', async () => {
    const { client } = await start(store);
    const [first, second] = [await put(client, 'one'), await put(client, 'second')];
    expect(first).not.toBe(second);
    expect(await read(client)).toEqual({ text: 'second', versionId: second });
    expect(await read(client, first)).toEqual({ text: 'one', versionId: first });
    const head = await client.send(new HeadObjectCommand({ Bucket, Key, VersionId: first }));
    expect(head).toMatchObject({ ContentLength: 3, VersionId: first });
    expect(await failure(read(client, 'another'))).toMatchObject({ code: 'NoSuchVersion', status: 404 });
    const listed = await client.send(new ListObjectsV2Command({ Bucket }));
    expect(listed.Contents).toMatchObject([{ Key, Size: 6 }]);
  });

  it('puts a delete marker in the place of what is deleted (userguide: DeleteMarker, DeletingObjectVersions)', async () => {
    const { client } = await start(store);
    const first = await put(client, 'one');
    const { DeleteMarker, VersionId: marker } = await remove(client);
    expect(DeleteMarker).toBe(true);
    expect(await list(client)).toEqual([`k=${first}`, `-k=${marker}*`]);
    expect((await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
    const gone = await failure(read(client));
    expect(gone).toMatchObject({ code: 'NoSuchKey', status: 404 });
    expect(gone.error.$response?.headers).toMatchObject({ 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker });
    expect(await failure(read(client, marker))).toMatchObject({ code: 'MethodNotAllowed', status: 405 });
    expect((await read(client, first)).text).toBe('one');
    expect(await failure(client.send(new DeleteBucketCommand({ Bucket })))).toMatchObject({ code: 'BucketNotEmpty' });
    // Without the marker the object is back.
    expect(await remove(client, marker)).toMatchObject({ DeleteMarker: true, VersionId: marker });
    expect((await read(client)).text).toBe('one');
    expect(await remove(client, first)).toMatchObject({ VersionId: first });
    // Once more: what is gone counts as deleted.
    await remove(client, first);
    expect(await list(client)).toEqual([]);
    await client.send(new DeleteBucketCommand({ Bucket }));
  });

  it('has one null version at a time while versioning is suspended (userguide: AddingObjectstoVersionSuspendedBuckets)', async () => {
    const { client } = await start(store);
    const first = await put(client, 'one');
    await setVersioning(client, 'Suspended');
    expect(await put(client, 'two')).toBe('null');
    expect(await put(client, 'three')).toBe('null');
    expect(await list(client)).toEqual(['k=null*', `k=${first}`]);
    expect(await read(client)).toEqual({ text: 'three', versionId: 'null' });
    expect(await remove(client)).toMatchObject({ DeleteMarker: true, VersionId: 'null' });
    expect(await list(client)).toEqual([`k=${first}`, '-k=null*']);
    await setVersioning(client, 'Enabled');
    const last = await put(client, 'four');
    expect(await list(client)).toEqual([`k=${last}*`, `k=${first}`, '-k=null']);
  });

  it('deletes many, with versions and without (API_DeleteObjects)', async () => {
    const { client } = await start(store);
    const [first, second] = [await put(client, 'one'), await put(client, 'two')];
    const Objects = [{ Key, VersionId: first }, { Key: 'other' }];
    const { Deleted } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(Deleted).toEqual([
      { Key, VersionId: first },
      { Key: 'other', DeleteMarker: true, DeleteMarkerVersionId: expect.any(String) },
    ]);
    expect(await list(client)).toEqual([`k=${second}*`, `-other=${Deleted?.[1]?.DeleteMarkerVersionId}*`]);
  });

  it('gives what is copied and what is joined a version (API_CopyObject, API_CompleteMultipartUpload)', async () => {
    const { client } = await start(store);
    const [first, second] = [await put(client, 'one'), await put(client, 'two')];
    const copy = (version: string | undefined) =>
      client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${Key}?versionId=${version}` }));
    // userguide: RestoringPreviousVersions
    const restored = await copy(first);
    expect(restored.CopySourceVersionId).toBe(first);
    expect(await read(client)).toEqual({ text: 'one', versionId: restored.VersionId });
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'part' }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    const joined = await client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
    expect(await read(client)).toEqual({ text: 'part', versionId: joined.VersionId });
    expect(await list(client)).toEqual([
      `k=${joined.VersionId}*`,
      ...[restored.VersionId, second, first].map((id) => `k=${id}`),
    ]);
    const { VersionId: marker } = await remove(client);
    expect(await failure(copy(marker))).toMatchObject({ code: 'InvalidRequest', status: 400 });
    expect(await failure(copy('another'))).toMatchObject({ code: 'NoSuchVersion', status: 404 });
  });

  it('keeps the tags of each version, and makes none of a change (API_PutObjectTagging)', async () => {
    const { client } = await start(store);
    const [first, second] = [await put(client, 'one'), await put(client, 'two')];
    const tag = { TagSet: [{ Key: 'a', Value: 'b' }] };
    await client.send(new PutObjectTaggingCommand({ Bucket, Key, VersionId: first, Tagging: tag }));
    const tags = async (VersionId?: string) =>
      (await client.send(new GetObjectTaggingCommand({ Bucket, Key, VersionId }))).TagSet;
    expect(await tags(first)).toEqual(tag.TagSet);
    expect(await tags()).toEqual([]);
    expect(await list(client)).toEqual([`k=${second}*`, `k=${first}`]);
    expect(await read(client, first)).toEqual({ text: 'one', versionId: first });
  });

  it('holds writes and deletes to conditions on the current version (userguide: conditional-writes)', async () => {
    const { client } = await start(store);
    await put(client, 'one');
    const create = () => client.send(new PutObjectCommand({ Bucket, Key, Body: 'new', IfNoneMatch: '*' }));
    expect(await failure(create())).toMatchObject({ code: 'PreconditionFailed' });
    await remove(client);
    await create();
    expect((await read(client)).text).toBe('new');
  });

  it('lists versions in pages, by prefix and delimiter (API_ListObjectVersions)', async () => {
    const { client } = await start(store);
    for (const key of ['a', 'b/1', 'b/2', 'c', 'c', 'c', 'd \u{1f600}']) await put(client, key, key);
    const whole = await list(client);
    expect(whole.map((one) => one.split('=')[0])).toEqual(['a', 'b/1', 'b/2', 'c', 'c', 'c', 'd \u{1f600}']);
    const paged: string[] = [];
    let markers = {};
    for (;;) {
      const page = { Bucket, MaxKeys: 2, EncodingType: 'url' as const, ...markers };
      const answer = await client.send(new ListObjectVersionsCommand(page));
      paged.push(
        ...(answer.Versions ?? []).map(
          ({ Key: key, VersionId }) => `${decodeURIComponent(key ?? '').replaceAll('+', ' ')}=${VersionId}`,
        ),
      );
      if (!answer.IsTruncated) break;
      markers = {
        KeyMarker: decodeURIComponent(answer.NextKeyMarker ?? ''),
        VersionIdMarker: answer.NextVersionIdMarker,
      };
    }
    expect(paged).toEqual(whole.map((one) => one.replace('*', '')));
    const grouped = await client.send(new ListObjectVersionsCommand({ Bucket, Delimiter: '/', MaxKeys: 2 }));
    expect(grouped.CommonPrefixes).toEqual([{ Prefix: 'b/' }]);
    expect(grouped).toMatchObject({ IsTruncated: true, NextKeyMarker: 'b/' });
    const rest = await list(client, { Delimiter: '/', KeyMarker: grouped.NextKeyMarker });
    expect(rest).toEqual(whole.slice(3));
    expect(await list(client, { Prefix: 'b/' })).toEqual(whole.slice(1, 3));
    const alone = list(client, { VersionIdMarker: 'x' });
    expect(await failure(alone)).toMatchObject({ code: 'InvalidArgument', status: 400 });
  });
});

it('versions on disk outlive the server, and their bytes go with the last of them', async () => {
  const dataDirectory = temporaryDirectory();
  const first = await startTestServer({ dataDirectory, versioning: true });
  const before = sdkClient(first);
  const ids = [await put(before, 'one'), await put(before, 'two')];
  const { VersionId: marker } = await remove(before);
  const listed = await list(before);
  await first.close();
  const client = sdkClient(await startTestServer({ dataDirectory }));
  expect(await list(client)).toEqual(listed);
  expect((await read(client, ids[0])).text).toBe('one');
  for (const id of [marker, ids[1]]) await remove(client, id);
  expect((await read(client)).text).toBe('one');
  expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe('Enabled');
  await remove(client, ids[0]);
  const files = readdirSync(join(dataDirectory, 'blobs'), { recursive: true, withFileTypes: true });
  expect(files.filter((entry) => entry.isFile())).toEqual([]);
});
