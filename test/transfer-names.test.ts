import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SubmitTransfer } from '../queue/transfer.ts';
import { type CloudName, type CloudScene, contents, fill, sha256, startCloudScene } from './support/clouds.ts';

let all: CloudScene;

beforeAll(async () => {
  all = await startCloudScene();
}, 60_000);

afterAll(() => all?.stop());

/** Moves a folder into another one, both without their containers. Returns the transfer at its end. */
async function carry(
  [from, folder]: [CloudName, string],
  [to, place]: [CloudName, string],
  order: Pick<SubmitTransfer, 'mode' | 'options'>,
) {
  const { engine, clouds } = all;
  const { id } = await engine.submit({
    sourceAccountId: clouds[from].accountId,
    sourcePaths: [`${clouds[from].container}/${folder}`],
    destinationAccountId: clouds[to].accountId,
    destinationPath: `${clouds[to].container}/${place}`,
    ...order,
  });
  return engine.ended(id);
}

test('what is below the destination is encoded, and the mirror of a folder looks for it there', async () => {
  const { s3, dropbox } = all.clouds;
  await fill(s3, { 'mir\\ror/a\\b': Buffer.from('odd'), 'mir\\ror//c': Buffer.from('no name before it') });
  await fill(dropbox, { '100%25/mir%5Cror/extra': Buffer.from('extra'), '100%25/other': Buffer.from('other') });
  const route: Parameters<typeof carry> = [
    ['s3', 'mir\\ror/'],
    ['dropbox', '100%25/'],
    { mode: 'SYNC', options: { names: 'ENCODE', deletionLimit: { share: 1 } } },
  ];
  expect(await carry(...route)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 3n, deletionsCompleted: 1n });
  expect(await contents(dropbox, '100%25/')).toEqual({
    other: sha256(Buffer.from('other')),
    'mir%5Cror/a%5Cb': sha256(Buffer.from('odd')),
    'mir%5Cror/%2Fc': sha256(Buffer.from('no name before it')),
  });
  expect(await carry(...route)).toMatchObject({ state: 'COMPLETED', deletionsCompleted: 0n });
});

test('what was encoded for a cloud that cannot hold it comes back under its very names, and compares', async () => {
  const { s3, dropbox } = all.clouds;
  const names = [
    'plain.txt',
    'a\\b',
    'dir /x',
    '../up',
    'x//y',
    '/z',
    'tail/',
    '100%',
    '100%25',
    'a%20b',
    'a%2Fb',
    'é%C3',
  ];
  const bytes = (name: string) => Buffer.from(name.endsWith('/') ? '' : name);
  await fill(s3, Object.fromEntries(names.map((name) => [`trip\\/${name}`, bytes(name)])));
  const there: Parameters<typeof carry> = [['s3', 'trip\\/'], ['dropbox', ''], { options: { names: 'ENCODE' } }];
  expect(await carry(...there)).toMatchObject({ state: 'COMPLETED', objectsFailed: 0n });
  expect(Object.keys(await contents(dropbox, 'trip%5C/')).sort()).toContain('a%252Fb');
  const back = (order: Parameters<typeof carry>[2]) =>
    carry(['dropbox', 'trip%5C/'], ['s3', 'back%3A/'], {
      ...order,
      options: { names: 'DECODE', deletionLimit: order.mode === 'SYNC' ? { share: 1 } : {} },
    });
  expect(await back({ mode: 'COPY' })).toMatchObject({ state: 'COMPLETED', objectsFailed: 0n });
  const original = await contents(s3, 'trip\\/');
  expect(await contents(s3, 'back%3A/trip\\/')).toEqual(original);
  expect(await back({ mode: 'VERIFY' })).toMatchObject({ state: 'COMPLETED', objectsFailed: 0n });
  await fill(s3, { 'back%3A/trip\\/extra': Buffer.from('extra') });
  expect(await back({ mode: 'SYNC' })).toMatchObject({ state: 'COMPLETED', deletionsCompleted: 1n });
  expect(await contents(s3, 'back%3A/trip\\/')).toEqual(original);
});

test('a mirror leaves alone what the filter leaves out, by the names at the source', async () => {
  const { s3, dropbox, gcs } = all.clouds;
  const mirror = (to: CloudName, names: 'ENCODE' | 'DECODE', exclude: string[]) =>
    carry(['s3', 'choosy/'], [to, ''], {
      mode: 'SYNC',
      options: { names, filter: { exclude }, deletionLimit: { share: 1 } },
    });
  await fill(s3, { 'choosy/a': Buffer.from('a') });
  await fill(dropbox, { 'choosy/b%3Ac': Buffer.from('left out'), 'choosy/d%3Ae': Buffer.from('extra') });
  expect(await mirror('dropbox', 'ENCODE', ['b:c'])).toMatchObject({ deletionsCompleted: 1n });
  expect(Object.keys(await contents(dropbox, 'choosy/')).toSorted()).toEqual(['a', 'b%3Ac']);

  await fill(gcs, { 'choosy/b:c': Buffer.from('left out'), 'choosy/d:e': Buffer.from('extra') });
  expect(await mirror('gcs', 'DECODE', ['b%3Ac'])).toMatchObject({ deletionsCompleted: 1n });
  expect(Object.keys(await contents(gcs, 'choosy/')).toSorted()).toEqual(['a', 'b:c']);
});

test.each(['COPY', 'SYNC'] as const)('two names that become one collide, and none is lost: %s', async (mode) => {
  const { engine, clouds } = all;
  const folder = `twins-${mode}`;
  await fill(clouds.s3, { [`${folder}/a%3Ab`]: Buffer.from('encoded'), [`${folder}/a:b`]: Buffer.from('plain') });
  const { id, ...ended } = await carry(['s3', `${folder}/`], ['gcs', ''], { mode, options: { names: 'DECODE' } });
  expect(ended).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsCompleted: 1n, objectsFailed: 1n });
  const failed = await engine.db.transferItem.findFirstOrThrow({ where: { transferId: id, state: 'FAILED' } });
  expect(failed).toMatchObject({ errorCode: 'NAME_COLLISION', destinationKey: `${folder}/a:b` });
  expect(Object.keys(await contents(clouds.gcs, `${folder}/`))).toEqual(['a:b']);
});

test('a single file and a whole container are turned back, and are found again', async () => {
  const { s3, gcs } = all.clouds;
  await fill(s3, { 'one%3A': Buffer.from('one') });
  for (const path of ['one%3A', '']) {
    const filter = { include: ['one%3A'] };
    const order = (mode: 'COPY' | 'VERIFY') =>
      carry(['s3', path], ['gcs', `from%3A-${path}/`], { mode, options: { names: 'DECODE', filter } });
    expect(await order('COPY')).toMatchObject({ state: 'COMPLETED', objectsCompleted: 1n });
    expect(Object.keys(await contents(gcs, `from%3A-${path}/`))).toEqual(['one:']);
    expect(await order('VERIFY')).toMatchObject({ state: 'COMPLETED', objectsCompleted: 1n });
  }
});

test('a name that is turned back is refused where the destination cannot hold it', async () => {
  const { engine, clouds } = all;
  await fill(clouds.s3, { 'odd/a%5Cb': Buffer.from('odd'), 'odd/a%00b': Buffer.from('none holds it') });
  const { id } = await carry(['s3', 'odd/'], ['dropbox', ''], { options: { names: 'DECODE' } });
  const items = await engine.db.transferItem.findMany({ where: { transferId: id }, orderBy: { sourceKey: 'asc' } });
  expect(items.map(({ sourceKey, errorCode }) => [sourceKey, errorCode])).toEqual([
    ['odd/a%00b', 'NAME_NOT_ALLOWED'],
    ['odd/a%5Cb', 'NAME_NOT_ALLOWED'],
  ]);
});

test('no mirror of two folders that become one is ordered, and no copy into what it reads', async () => {
  const { engine, clouds } = all;
  const { accountId } = clouds.s3;
  const submit = (mode: 'COPY' | 'SYNC', destinationAccountId: string, ...sourcePaths: string[]) =>
    engine.submit({
      mode,
      sourceAccountId: accountId,
      sourcePaths,
      destinationAccountId,
      destinationPath: destinationAccountId === accountId ? 'place/' : 'dropbox/',
      options: { names: 'DECODE' },
    });
  await expect(submit('SYNC', clouds.dropbox.accountId, 'place/p:q/', 'place/p%3Aq/')).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    field: ['sourcePaths'],
  });
  await expect(submit('COPY', accountId, 'place/in/p%3Aq/', 'place/p:q/r/')).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    field: ['destinationPath'],
  });
});
