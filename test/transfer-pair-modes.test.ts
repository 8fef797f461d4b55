import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TransferMode } from '../core/db.ts';
import { type CloudName, type Clouds, cloudNames, fill, sha256, startClouds } from './support/clouds.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, type TestEngine } from './support/engine.ts';

const pairs = cloudNames.flatMap((from) => cloudNames.map((to) => [from, to] as const));
const tree = { 'same.txt': randomBytes(100), 'changed.txt': randomBytes(200), 'deep/new.txt': randomBytes(300) };
const there = { 'same.txt': tree['same.txt'], 'changed.txt': randomBytes(200), 'extra.txt': randomBytes(50) };
const hashesOf = (objects: Record<string, Buffer>) =>
  Object.fromEntries(Object.entries(objects).map(([name, bytes]) => [name, sha256(bytes)]));

let database: TestDatabase;
let engine: TestEngine;
let all: Clouds;
let round = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: (await createTestRedis()).url });
  await engine.startWorker();
  all = await startClouds(engine);
}, 60_000);

afterAll(async () => {
  await engine?.stop();
  await all?.stop();
  await database?.drop();
});

/** Runs a transfer of one folder into another to its end; its row and its objects by their names at the destination. */
async function run(mode: TransferMode, from: CloudName, to: CloudName, folder: string, into: string) {
  const [source, destination] = [all.clouds[from], all.clouds[to]];
  const { id } = await engine.submit({
    mode,
    sourceAccountId: source.accountId,
    sourcePaths: [`${source.container}/${folder}`],
    destinationAccountId: destination.accountId,
    destinationPath: `${destination.container}/${into}`,
    options: mode === 'SYNC' ? { deletionLimit: { share: 1 } } : {},
  });
  const row = await engine.ended(id);
  const items = await engine.db.transferItem.findMany({ where: { transferId: id } });
  return {
    row,
    items: Object.fromEntries(items.map((item) => [item.destinationKey.slice((into + folder).length), item])),
  };
}

test.each(pairs)('%s to %s: compared, mirrored, compared again and moved', async (from, to) => {
  round += 1;
  const [folder, into] = [`${round}-${from}-${to}/`, `into-${round}-${from}-${to}/`];
  const [source, destination] = [all.readers[from], all.readers[to]];
  const named = (prefix: string, objects: Record<string, Buffer>) =>
    Object.fromEntries(Object.entries(objects).map(([name, bytes]) => [prefix + name, bytes]));
  await fill(all.clouds[from], named(folder, tree));
  await fill(all.clouds[to], named(into + folder, there));

  const compared = await run('VERIFY', from, to, folder, into);
  expect(compared.row).toMatchObject({ state: 'COMPLETED_WITH_ERRORS', objectsCompleted: 1n, objectsFailed: 3n });
  expect(compared.items).toMatchObject({
    'same.txt': { state: 'COMPLETED', evidence: { verified: true } },
    'changed.txt': { state: 'FAILED', errorCode: 'DESTINATION_DIFFERS' },
    'deep/new.txt': { state: 'FAILED', errorCode: 'DESTINATION_DIFFERS' },
    'extra.txt': { state: 'FAILED', errorCode: 'DESTINATION_DIFFERS' },
  });
  expect(await destination.hashes(into + folder)).toEqual(hashesOf(there));

  const mirrored = await run('SYNC', from, to, folder, into);
  expect(mirrored.row).toMatchObject({ state: 'COMPLETED', deletionsCompleted: 1n, objectsFailed: 0n });
  expect(await destination.hashes(into + folder)).toEqual(hashesOf(tree));

  const again = await run('VERIFY', from, to, folder, into);
  expect(again.row).toMatchObject({ state: 'COMPLETED', objectsCompleted: 3n, objectsVerified: 3n });

  const moved = await run('MOVE', from, to, folder, `moved-${into}`);
  expect(moved.row).toMatchObject({ state: 'COMPLETED', objectsCompleted: 3n, objectsVerified: 3n });
  expect(Object.values(moved.items).map(({ sourceRemoval }) => sourceRemoval)).toEqual(Array(3).fill('REMOVED'));
  expect(await destination.hashes(`moved-${into}${folder}`)).toEqual(hashesOf(tree));
  expect(await source.hashes(folder)).toEqual({});
});
