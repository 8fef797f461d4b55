import { afterAll, beforeAll, expect, test } from 'vitest';
import { storedCapabilities } from '../storage/capabilities.ts';
import { type CloudName, type CloudScene, contents, fill, sha256, startCloudScene } from './support/clouds.ts';

let all: CloudScene;

beforeAll(async () => {
  all = await startCloudScene();
}, 60_000);

afterAll(() => all?.stop());

/** Copies a folder to the same place in another cloud. Returns the transfer at its end. */
async function carry(from: CloudName, to: CloudName, folder: string) {
  const { engine, clouds } = all;
  const { id } = await engine.submit({
    sourceAccountId: clouds[from].accountId,
    sourcePaths: [`${clouds[from].container}/${folder}`],
    destinationAccountId: clouds[to].accountId,
    destinationPath: `${clouds[to].container}/`,
  });
  return engine.ended(id);
}

const failures = (transferId: string) =>
  all.engine.db.transferItem.findMany({
    where: { transferId, state: 'FAILED' },
    select: { sourceKey: true, errorCode: true, errorMessage: true, attempts: true, startedAt: true },
  });

const unread = { attempts: 0, startedAt: null };

test('an object larger than its destination takes is refused before a byte of it is read', async () => {
  const { engine, clouds, servers } = all;
  const where = { id: clouds.gcs.accountId };
  const { capabilities } = await engine.db.cloudAccount.findUniqueOrThrow({ where });
  const known = storedCapabilities(capabilities);
  const small = { ...known, write: { ...known?.write, objectMaxBytes: 1_000 } };
  await engine.db.cloudAccount.update({ where, data: { capabilities: small as object } });
  await fill(clouds.s3, { 'large/a': Buffer.alloc(1_000), 'large/b': Buffer.alloc(1_001) });
  const read: (string | undefined)[] = [];
  servers.s3.observer.on('arrived', ({ operation, key }) => operation === 'GetObject' && read.push(key));
  const row = await carry('s3', 'gcs', 'large/');
  expect(row).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsCompleted: 1n });
  const told = { errorCode: 'OBJECT_TOO_LARGE', errorMessage: expect.stringMatching(/up to 1000 bytes/) };
  expect(await failures(row.id)).toMatchObject([{ sourceKey: 'large/b', ...told, ...unread }]);
  expect(read).toEqual(['large/a']);
  await engine.db.cloudAccount.update({ where, data: { capabilities: capabilities as object } });
});

/** A key of so many bytes below a folder, of parts that every cloud takes, not all of whose characters are of one byte. */
function longKey(folder: string, bytes: number): string {
  const part = `${'é'.repeat(50)}/`;
  const repeated = folder + part.repeat(Math.floor((bytes - Buffer.byteLength(folder) - 1) / Buffer.byteLength(part)));
  return repeated + 'n'.repeat(bytes - Buffer.byteLength(repeated));
}

test.each(['azure', 'gcs', 'dropbox'] as const)('a name of 1,024 bytes goes to %s and back', async (cloud) => {
  const { s3, [cloud]: other } = all.clouds;
  const folder = `to-${cloud}/`;
  const key = longKey(folder, 1_024);
  const hashes = { [key.slice(folder.length)]: sha256(Buffer.from(key)) };
  await fill(s3, { [key]: Buffer.from(key) });
  expect(await carry('s3', cloud, folder)).toMatchObject({ state: 'COMPLETED', objectsVerified: 1n });
  expect(await contents(other, folder)).toEqual(hashes);
  await s3.provider.deleteObjects({ container: s3.container, keys: [key] }, AbortSignal.timeout(10_000));
  expect(await carry(cloud, 's3', folder)).toMatchObject({ state: 'COMPLETED', objectsVerified: 1n });
  expect(await contents(s3, folder)).toEqual(hashes);
});

test.each(['s3', 'gcs'] as const)('a name of 1,025 bytes is refused for %s, unread', async (cloud) => {
  const folder = `beyond-${cloud}/`;
  const key = longKey(folder, 1_025);
  await fill(all.clouds.dropbox, { [key]: Buffer.from('long'), [`${folder}short`]: Buffer.from('short') });
  const row = await carry('dropbox', cloud, folder);
  expect(row).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsCompleted: 1n });
  expect(await failures(row.id)).toMatchObject([{ sourceKey: key, errorCode: 'NAME_NOT_ALLOWED', ...unread }]);
});
