import { randomBytes } from 'node:crypto';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pauseTransfer, resumeTransfer, updateTransfer } from '../queue/transfer.ts';
import {
  type CloudName,
  type CloudScene,
  cloudNames,
  contents,
  fill,
  sha256,
  startCloudScene,
} from './support/clouds.ts';

const MiB = 1024 * 1024;
const bytes = randomBytes(20 * MiB);
const never = new AbortController().signal;

let scene: CloudScene;

beforeAll(async () => {
  scene = await startCloudScene();
  await fill(scene.clouds.s3, { 'from/x': bytes });
}, 60_000);

afterAll(() => scene?.stop());

/** The upload that the engine is at. */
async function uploadOf(transferId: string) {
  const [item] = await scene.engine.db.transferItem.findMany({ where: { transferId } });
  return (item?.checkpoint as { session: Parameters<typeof scene.clouds.s3.provider.abortUpload>[0] } | null)?.session;
}

/** Ends the upload behind the engine's back. */
const expire: Record<CloudName, (transferId: string) => Promise<void>> = {
  s3: (transferId) => abort('s3', transferId),
  gcs: (transferId) => abort('gcs', transferId),
  async dropbox() {
    scene.servers.dropbox.advance(7 * 24 * 60 * 60 * 1_000);
  },
  // Blocks that nobody commits go with the blob's next write.
  async azure(transferId) {
    const { credentials, container } = scene.clouds.azure;
    if (credentials.provider !== 'azure' || !('accountKey' in credentials)) throw new Error('No key.');
    const { endpoint = '', accountName, accountKey = '' } = credentials;
    const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(accountName, accountKey));
    const session = await uploadOf(transferId);
    if (session === undefined) throw new Error('There is no upload.');
    const blob = service.getContainerClient(container).getBlockBlobClient(session.key);
    await blob.uploadData(Buffer.alloc(0));
    await blob.delete();
    expect(await scene.clouds.azure.provider.listParts(session, never)).toEqual([]);
  },
};

async function abort(name: 's3' | 'gcs', transferId: string): Promise<void> {
  const session = await uploadOf(transferId);
  if (session === undefined) throw new Error('There is no upload.');
  await scene.clouds[name].provider.abortUpload(session, never);
}

const steps = {
  async paused(id: string, meanwhile: () => Promise<void>) {
    const { db } = scene.engine;
    await db.$transaction((tx) => pauseTransfer(tx, id));
    const held = () => db.transferBatch.count({ where: { transferId: id, state: 'ADMITTED' } });
    await expect.poll(held, { timeout: 20_000 }).toBe(0);
    await meanwhile();
    await db.$transaction((tx) => resumeTransfer(tx, id));
  },
  async killed(id: string, meanwhile: () => Promise<void>) {
    await scene.worker.kill();
    await meanwhile();
    // As if the time of the dead worker's lease were over.
    await scene.engine.db.$executeRaw`
      UPDATE transfer_batch SET lease_until = now() WHERE transfer_id = ${id}::uuid AND state = 'ADMITTED'`;
    scene.worker = await scene.engine.startWorker();
  },
  running: (_id: string, meanwhile: () => Promise<void>) => meanwhile(),
};

const cases = cloudNames.flatMap((cloud) => Object.entries(steps).map(([how, step]) => [cloud, how, step] as const));

test.each(cases)(
  'an upload to %s that vanishes while its transfer is %s: the object begins again and arrives whole',
  async (name, how, step) => {
    const { engine, clouds } = scene;
    const { id } = await engine.submit({
      sourceAccountId: clouds.s3.accountId,
      destinationAccountId: clouds[name].accountId,
      sourcePaths: ['place/from/x'],
      destinationPath: `${clouds[name].container}/${how}/`,
      options: { routes: ['RELAY'] },
      // Slow enough that it does not arrive meanwhile.
      bandwidthLimit: BigInt(8 * MiB),
    });
    await engine.until(id, ({ bytesAcknowledged }) => bytesAcknowledged > 0n);
    await step(id, async () => {
      await expire[name](id);
      await engine.db.$transaction((tx) => updateTransfer(tx, id, { bandwidthLimit: null }));
    });
    expect(await engine.ended(id)).toMatchObject({
      state: 'COMPLETED',
      bytesAcknowledged: BigInt(bytes.length),
      bytesVerified: BigInt(bytes.length),
    });
    expect(await contents(clouds[name], `${how}/`)).toEqual({ x: sha256(bytes) });
    // Azure knows no uploads: of a blob without blocks one learns before anything fails, and goes on from there.
    const [item] = await engine.db.transferItem.findMany({ where: { transferId: id } });
    if (name !== 'azure') expect(item?.attempts).toBeGreaterThan(1);
  },
  90_000,
);
