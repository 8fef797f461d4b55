import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AzuriteServer, startAzurite } from '../../../emulators/azure.ts';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody } from '../../digest.ts';
import type { StorageProvider, UploadSession } from '../../provider.ts';
import { openAzure } from '../azure.ts';

const container = 'traps';
const metadata = { user: {} };
const { signal } = new AbortController();
let azurite: AzuriteServer;
let provider: StorageProvider;
/** The vendor's own, as another program uses it. */
let other: BlobServiceClient;

beforeAll(async () => {
  azurite = await startAzurite({ containers: [container] });
  const { endpoint, accountName, accountKey } = azurite;
  const credentials = { provider: 'azure', accountName, accountKey, endpoint } as const;
  provider = openAzure(credentials, { addressPolicy: createAddressPolicy(['127.0.0.1']) });
  other = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(accountName, accountKey));
});
afterAll(async () => {
  await provider?.close();
  await azurite?.close();
});

it('the MD5 of a blob is what its writer said: it counts as asserted, also where the blob came in one piece', async () => {
  const lie = new Uint8Array(16).fill(7);
  const blob = other.getContainerClient(container).getBlockBlobClient('blocks');
  const id = Buffer.from('0001').toString('base64');
  await blob.stageBlock(id, 'bytes', 5);
  await blob.commitBlockList([id], { blobHTTPHeaders: { blobContentMD5: lie } });
  const [key, body] = ['whole', bufferedBody([Buffer.from('bytes')], ['md5'])];
  await provider.write({ container, key, body, metadata }, signal);
  for (const [name, md5] of [
    ['blocks', Buffer.from(lie).toString('hex')],
    [key, body.digest('md5')],
  ] as const) {
    const expected = { digests: {}, assertedDigests: { md5 } };
    expect(await provider.stat({ container, key: name }, signal)).toMatchObject(expected);
    const { stream, info } = await provider.read({ container, key: name }, signal);
    stream.destroy();
    expect(info).toMatchObject(expected);
  }
});

it('blocks that the service has dropped, as it does after a week, have expired with their upload, and may be sent again', async () => {
  const bytes = Buffer.from('bytes');
  const begin = () => provider.beginUpload({ container, key: 'dropped', sizeBytes: bytes.length, metadata }, signal);
  const send = async (session: UploadSession) => [
    await provider.putPart({ session, partNumber: 1, offset: 0, body: bufferedBody([bytes], ['md5']) }, signal),
  ];
  const [session, rival] = [await begin(), await begin()];
  const parts = await send(session);
  // To commit one upload drops the blocks of all others of the same blob ("Put Block List").
  await provider.completeUpload({ session: rival, parts: await send(rival), digests: {} }, signal);
  expect(await provider.listParts(session, signal)).toEqual([]);
  const completing = provider.completeUpload({ session, parts, digests: {} }, signal);
  await expect(completing).rejects.toMatchObject({ code: 'UPLOAD_EXPIRED', retry: 'restart' });
  await provider.completeUpload({ session, parts: await send(session), digests: {} }, signal);
});

it('a folder that hdi_isfolder=true marks is no empty file, whichever tool made it', async () => {
  const stub = (name: string) => other.getContainerClient(container).getBlockBlobClient(`marked/${name}`);
  await stub('made').upload('', 0, { metadata: { hdi_isfolder: 'true' } });
  await stub('full').upload('', 0, { metadata: { hdi_isfolder: 'true', NextMarker: 'x' } });
  await stub('full/file').upload('bytes', 5);
  await stub('empty').upload('', 0);
  await provider.createFolder({ container, key: 'marked/own/' }, signal);
  const seen = async (delimiter?: '/') => {
    const { items, nextCursor } = await provider.list({ container, prefix: 'marked/', delimiter }, signal);
    expect(nextCursor).toBeNull();
    return items.map(({ kind, key }) => `${kind} ${key}`).sort();
  };
  const folders = ['folder marked/full/', 'folder marked/made/', 'folder marked/own/'];
  expect(await seen('/')).toEqual(['file marked/empty', ...folders]);
  expect(await seen()).toEqual(['file marked/empty', 'file marked/full/file', 'file marked/own/']);
  const below = async (prefix: string) =>
    (await provider.list({ container, prefix, folders: true }, signal)).items.map(({ kind, key }) => `${kind} ${key}`);
  expect(await below('marked/made/')).toEqual(['folder marked/made/']);
  expect(await below('marked/empty/')).toEqual([]);
  const keys = ['marked/made/', 'marked/full/', 'marked/empty/'];
  const { failed } = await provider.deleteObjects({ container, keys }, signal);
  expect(failed).toMatchObject([{ key: 'marked/full/', code: 'CONFLICT' }]);
  expect(await seen('/')).toEqual(['file marked/empty', 'folder marked/full/', 'folder marked/own/']);
  const { metadata: own } = await provider.stat({ container, key: 'marked/own/' }, signal);
  expect(own.user).toEqual({ hdi_isfolder: 'true' });
});

it('a blob in the archive tier is listed with it, and must be rehydrated before it is read', async () => {
  const [key, body] = ['cold', bufferedBody([Buffer.from('bytes')], ['md5'])];
  await provider.write({ container, key, body, metadata }, signal);
  await other.getContainerClient(container).getBlobClient(key).setAccessTier('Archive');
  const { items } = await provider.list({ container, prefix: key }, signal);
  expect(items).toMatchObject([{ key, storageClass: 'Archive' }]);
  expect(await provider.stat({ container, key }, signal)).toMatchObject({ storageClass: 'Archive' });
  const reading = provider.read({ container, key }, signal);
  await expect(reading).rejects.toMatchObject({
    code: 'OBJECT_ARCHIVED',
    message: expect.stringContaining('Rehydrate'),
  });
});

it('a blob that is asked for more than 500 times a second answers 503 ServerBusy, which is throttling and no outage', async () => {
  const { endpoint, accountName, accountKey } = azurite;
  const proxy = await startFaultProxy(endpoint);
  const busy = openAzure(
    { provider: 'azure', accountName, accountKey, endpoint: proxy.endpoint },
    { addressPolicy: createAddressPolicy(['127.0.0.1']) },
  );
  const head = ['HTTP/1.1 503 Server Busy', 'x-ms-error-code: ServerBusy', 'x-ms-request-id: 1', 'Retry-After: 7'];
  void proxy.spoilNext({ kind: 'answer', response: `${head.join('\r\n')}\r\nContent-Length: 0\r\n\r\n` });
  await expect(busy.read({ container, key: 'whole' }, signal)).rejects.toMatchObject({
    code: 'THROTTLED',
    retryAfterMs: 7_000,
  });
  await busy.close();
  await proxy.close();
});
