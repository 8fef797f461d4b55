import { afterAll, beforeAll, expect, test } from 'vitest';
import { approveTransfer } from '../queue/transfer.ts';
import { type CloudScene, contents, fill, sha256, startCloudScene } from './support/clouds.ts';

let all: CloudScene;

beforeAll(async () => {
  all = await startCloudScene();
}, 60_000);

afterAll(() => all?.stop());

/** Names of an S3 store of which Dropbox, whose folders are real, cannot hold all. */
const objects = ['a', 'a-b', 'a/b', 'a/c/d', 'E', 'e/', 'e/f', 'g/', 'g/h', 'i/j/k', 'i/j/l'];

const refused = ['a/b', 'a/c/d', 'e/', 'e/f'];

test.each(['OVERWRITE', 'KEEP_BOTH'] as const)(
  'a plan says which files and folders have one name, and the run does as planned: %s',
  async (conflictPolicy) => {
    const { engine, clouds } = all;
    const folder = conflictPolicy.toLowerCase();
    const bytes = (name: string) => Buffer.from(name.endsWith('/') ? '' : name);
    await fill(clouds.s3, Object.fromEntries(objects.map((name) => [`${folder}/${name}`, bytes(name)])));
    const { id } = await engine.submit({
      sourceAccountId: clouds.s3.accountId,
      sourcePaths: [`${clouds.s3.container}/${folder}/`],
      destinationAccountId: clouds.dropbox.accountId,
      destinationPath: 'dropbox/',
      options: { conflictPolicy },
      dryRun: true,
    });
    await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
    const items = () => engine.db.transferItem.findMany({ where: { transferId: id }, orderBy: { ordinal: 'asc' } });
    const prefix = `${folder}/`.length;
    const problems = async () =>
      Object.fromEntries((await items()).map(({ sourceKey, errorCode }) => [sourceKey.slice(prefix), errorCode]));
    const planned = await problems();
    expect(planned).toEqual(
      Object.fromEntries(objects.map((name) => [name, refused.includes(name) ? 'NAME_COLLISION' : null])),
    );
    await engine.db.$transaction((tx) => approveTransfer(tx, id));
    expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsFailed: 4n });
    expect(await problems()).toEqual(planned);
    const arrived = objects.filter((name) => planned[name] === null && !name.endsWith('/'));
    expect(await contents(clouds.dropbox, `${folder}/`)).toMatchObject(
      Object.fromEntries(arrived.map((name) => [name, sha256(bytes(name))])),
    );
  },
);

test('a plan says what stands at the destination in the way of files and folders', async () => {
  const { engine, clouds } = all;
  const bytes = Buffer.from('bytes');
  await fill(clouds.dropbox, { 'standing/a/b': bytes, 'standing/c': bytes, 'standing/d': bytes });
  await fill(clouds.s3, { 'standing/a': bytes, 'standing/C/d': bytes, 'standing/d': bytes, 'standing/e/f': bytes });
  const { id } = await engine.submit({
    sourceAccountId: clouds.s3.accountId,
    sourcePaths: [`${clouds.s3.container}/standing/`],
    destinationAccountId: clouds.dropbox.accountId,
    destinationPath: 'dropbox/',
    dryRun: true,
  });
  await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  const problems = async () =>
    (await engine.db.transferItem.findMany({ where: { transferId: id }, orderBy: { sourceKey: 'asc' } })).map(
      ({ sourceKey, errorCode }) => [sourceKey, errorCode],
    );
  const planned = await problems();
  expect(planned).toEqual([
    ['standing/C/d', 'NAME_COLLISION'],
    ['standing/a', 'NAME_COLLISION'],
    ['standing/d', null],
    ['standing/e/f', null],
  ]);
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsFailed: 2n });
  expect(await problems()).toEqual(planned);
});

test('a folder with nothing in it is moved as such; one that is not there fails', async () => {
  const { engine, clouds } = all;
  const { provider, container, accountId } = clouds.dropbox;
  const signal = AbortSignal.timeout(5_000);
  await provider.createFolder({ container, key: 'holds/nothing/' }, signal);
  await fill(clouds.dropbox, { 'holds/nothing-else.txt': Buffer.from('a file') });
  const endOf = async (...folders: string[]) => {
    const { id } = await engine.submit({
      sourceAccountId: accountId,
      sourcePaths: folders.map((folder) => `${container}/${folder}`),
      destinationAccountId: clouds.s3.accountId,
      destinationPath: `${clouds.s3.container}/from-dropbox/`,
    });
    return engine.ended(id);
  };
  expect(await endOf('holds/nothing/')).toMatchObject({ state: 'COMPLETED', objectsCompleted: 1n });
  expect(await endOf('holds/', 'holds/nothing/')).toMatchObject({ state: 'COMPLETED', objectsCompleted: 3n });
  expect(await endOf('holds/not/')).toMatchObject({ state: 'FAILED', objectsFailed: 1n });
});

test.each(['SYNC', 'COPY'] as const)('a folder that is there is not made again: %s', async (mode) => {
  const { engine, clouds, readers } = all;
  const folder = `again-${mode}`;
  const nothing = Buffer.alloc(0);
  const names = ['', 'full/', 'full/file', 'hollow/', 'hollow/deep/'];
  await fill(clouds.s3, Object.fromEntries(names.map((name) => [`${folder}/${name}`, nothing])));
  const run = async () => {
    const { id } = await engine.submit({
      mode,
      sourceAccountId: clouds.s3.accountId,
      sourcePaths: [`${clouds.s3.container}/${folder}/`],
      destinationAccountId: clouds.dropbox.accountId,
      destinationPath: 'dropbox/',
      dryRun: true,
    });
    await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
    const items = await engine.db.transferItem.findMany({ where: { transferId: id } });
    const planned = Object.fromEntries(
      items.map(({ destinationKey, action, reason }) => [destinationKey.slice(folder.length + 1), [action, reason]]),
    );
    await engine.db.$transaction((tx) => approveTransfer(tx, id));
    expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsFailed: 0n, deletionsCompleted: 0n });
    delete planned['full/file'];
    return planned;
  };
  const each = (...what: string[]) => ({ '': what, 'full/': what, 'hollow/': what, 'hollow/deep/': what });
  expect(await run()).toEqual(each('ADD', 'ABSENT'));
  const folders = ['full/', 'hollow/', 'hollow/deep/'];
  expect(await readers.dropbox.folders(`${folder}/`)).toEqual(folders);
  // One that only the destination has, with nothing in it, is nobody's.
  await clouds.dropbox.provider.createFolder(
    { container: 'dropbox', key: `${folder}/own/` },
    AbortSignal.timeout(5_000),
  );
  expect(await run()).toEqual(each('SKIP', 'SAME'));
  expect(await readers.dropbox.folders(`${folder}/`)).toEqual([...folders, 'own/'].sort());
});

test('a move takes the marker of a folder that is there', async () => {
  const { engine, clouds, readers } = all;
  await fill(clouds.s3, { 'moved/hollow/': Buffer.alloc(0) });
  await clouds.dropbox.provider.createFolder(
    { container: 'dropbox', key: 'moved/hollow/' },
    AbortSignal.timeout(5_000),
  );
  const { id } = await engine.submit({
    mode: 'MOVE',
    sourceAccountId: clouds.s3.accountId,
    sourcePaths: [`${clouds.s3.container}/moved/`],
    destinationAccountId: clouds.dropbox.accountId,
    destinationPath: 'dropbox/',
    options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' },
  });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsSkipped: 1n });
  expect(await engine.db.transferItem.findFirst({ where: { transferId: id } })).toMatchObject({
    action: 'SKIP',
    reason: 'SAME',
    sourceRemoval: 'REMOVED',
  });
  expect(await contents(clouds.s3, 'moved/')).toEqual({});
  expect(await readers.dropbox.folders('moved/')).toEqual(['hollow/']);
});

test('a comparison holds markers against folders', async () => {
  const { engine, clouds } = all;
  await fill(clouds.s3, { 'compared/there/': Buffer.alloc(0), 'compared/not/': Buffer.alloc(0) });
  await clouds.dropbox.provider.createFolder(
    { container: 'dropbox', key: 'compared/there/' },
    AbortSignal.timeout(5_000),
  );
  const { id } = await engine.submit({
    mode: 'VERIFY',
    sourceAccountId: clouds.s3.accountId,
    sourcePaths: [`${clouds.s3.container}/compared/`],
    destinationAccountId: clouds.dropbox.accountId,
    destinationPath: 'dropbox/',
  });
  expect(await engine.ended(id)).toMatchObject({ objectsSkipped: 1n, objectsFailed: 1n });
  const items = await engine.db.transferItem.findMany({ where: { transferId: id } });
  expect(Object.fromEntries(items.map(({ sourceKey, reason, errorCode }) => [sourceKey, [reason, errorCode]]))).toEqual(
    {
      'compared/there/': ['SAME', null],
      'compared/not/': ['ABSENT', 'DESTINATION_DIFFERS'],
    },
  );
});
