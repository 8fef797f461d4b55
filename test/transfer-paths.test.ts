import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../emulators/azure.ts';
import { retryFailedItems } from '../queue/follow-up.ts';
import { type Crossing, startCrossing, startStore } from './support/engine.ts';

let crossing: Crossing;
let engine: Crossing['engine'];
let source: Crossing['from'];
let destination: Crossing['to'];
let accounts: Crossing['accounts'];

beforeAll(async () => {
  crossing = await startCrossing();
  ({ engine, from: source, to: destination, accounts } = crossing);
});

afterAll(() => crossing?.stop());

const itemsOf = (transferId: string) =>
  engine.db.transferItem.findMany({ where: { transferId }, orderBy: { ordinal: 'asc' } });

test('a name that the destination cannot hold fails alone and says why', async () => {
  await source.put('names/fine', 100);
  await source.put('names/ends in a dot.', 100);
  const azurite = await startAzurite({ containers: ['target'] });
  try {
    const { endpoint, accountName, accountKey } = azurite;
    const { id } = await engine.submit({
      sourceAccountId: accounts.sourceAccountId,
      destinationAccountId: await engine.connect({ provider: 'azure', endpoint, accountName, accountKey }),
      sourcePaths: ['source/names/'],
      destinationPath: 'target/',
    });
    const row = await engine.ended(id);
    expect(row).toMatchObject({
      state: 'COMPLETED_WITH_ERRORS',
      objectsCompleted: 1n,
      objectsFailed: 1n,
      errorCode: 'NAME_NOT_ALLOWED',
    });
    const [failed] = (await itemsOf(id)).filter(({ state }) => state === 'FAILED');
    expect(failed).toMatchObject({ sourceKey: 'names/ends in a dot.', errorCode: 'NAME_NOT_ALLOWED' });
  } finally {
    await azurite.close();
  }
});

test('a source path that does not exist fails alone; when none exists the transfer fails and says why', async () => {
  const sent = { here: await source.put('paths/here', 100) };
  const some = await engine.submit({
    ...accounts,
    sourcePaths: ['source/paths/gone', 'source/paths/', 'source/nothing/', 'nowhere/x/'],
    destinationPath: 'target/some/',
  });
  const row = await engine.ended(some.id);
  // The paths that are missing are listed as well, so that what completed and what failed add up.
  const counts = { objectsListed: 4n, objectsCompleted: 1n, objectsFailed: 3n, objectsSkipped: 0n };
  expect(row).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', ...counts });
  expect(await destination.hashes('some/paths/')).toEqual(sent);
  expect((await itemsOf(some.id)).map(({ sourceKey, errorCode }) => [sourceKey, errorCode])).toEqual([
    ['paths/gone', 'OBJECT_NOT_FOUND'],
    ['paths/here', null],
    ['nothing/', 'OBJECT_NOT_FOUND'],
    ['x/', 'CONTAINER_NOT_FOUND'],
  ]);
  const none = await engine.submit({ ...accounts, sourcePaths: ['source/paths/gone'], destinationPath: 'target/' });
  expect(await engine.ended(none.id)).toMatchObject({ state: 'FAILED', errorCode: 'OBJECT_NOT_FOUND' });
});

test.each(['COPY', 'MOVE'] as const)(
  'a destination container that is not there fails the path, not its objects: %s',
  async (mode) => {
    const before = { a: await source.put('kept/a', 100), b: await source.put('kept/b', 100) };
    const destinationPath = `absent-${mode.toLowerCase()}/`;
    const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/kept/'], destinationPath, mode });
    const counts = { objectsListed: 1n, objectsFailed: 1n };
    expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'CONTAINER_NOT_FOUND', ...counts });
    expect(await source.hashes('kept/')).toEqual(before);
    await destination.client.send(new CreateBucketCommand({ Bucket: destinationPath.slice(0, -1) }));
    const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, id));
    expect(await engine.ended(followUp.id)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 2n });
  },
);

test('two objects that would meet in one name: the second fails, the first is not overwritten', async () => {
  const first = await source.put('meet/one/name', 100);
  await source.put('meet/two/name', 100);
  const { id } = await engine.submit({
    ...accounts,
    sourcePaths: ['source/meet/one/name', 'source/meet/two/name'],
    destinationPath: 'target/met/',
  });
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', errorCode: 'NAME_COLLISION' });
  expect(await destination.hashes('met/')).toEqual({ name: first });
});

test('an empty container is a transfer of nothing', async () => {
  const empty = await startStore('empty');
  try {
    const sourceAccountId = await engine.connect(empty.credentials);
    const { id } = await engine.submit({
      ...accounts,
      sourceAccountId,
      sourcePaths: ['empty/'],
      destinationPath: 'target/',
    });
    expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsListed: 0n });
  } finally {
    await empty.close();
  }
});
