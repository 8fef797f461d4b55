import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { retryFailedItems } from '../queue/follow-up.ts';
import { keepManifest, parseManifest } from '../queue/manifest.ts';
import type { SubmitTransfer } from '../queue/transfer.ts';
import { type Crossing, startCrossing } from './support/engine.ts';
import { sidesOf } from './support/sides.ts';

let crossing: Crossing;
let engine: Crossing['engine'];
let from: Crossing['from'];
let to: Crossing['to'];
let round = 0;
let prefix: string;

beforeAll(async () => {
  crossing = await startCrossing();
  ({ engine, from, to } = crossing);
});

afterAll(() => crossing?.stop());

beforeEach(() => {
  round += 1;
  prefix = `${round}/`;
});

const { order, put, namesAt } = sidesOf(() => ({ ...crossing, prefix }));
const arrived = () => namesAt(to);

/** Runs a transfer of what the lines name; its end, and the source paths that failed with their codes. */
async function run(lines: string[], { options, ...more }: Partial<SubmitTransfer> = {}) {
  const paths = await parseManifest([Buffer.from(lines.join('\n'))]);
  const { id: manifestId } = await engine.db.$transaction((tx) => keepManifest(tx, engine.userId, paths));
  const { id } = await order({ ...more, options: { ...options, filter: { ...options?.filter, manifestId } } });
  const row = await engine.ended(id);
  const failed = await engine.db.transferItem.findMany({ where: { transferId: id, state: 'FAILED' } });
  return { row, failed: failed.map(({ sourceKey, errorCode }) => [sourceKey, errorCode]).sort() };
}

test('exactly what the manifest names is moved, in whatever order, and what is not found is a failed object', async () => {
  for (const name of ['a', 'a b', 'ab', 'c/d', 'line\nbreak', 'z']) await put(from, name, name);
  const { row, failed } = await run([
    `source/${prefix}z`,
    `source/${prefix}gone`,
    JSON.stringify(`source/${prefix}line\nbreak`),
    `source/${prefix}c/d`,
    'source/elsewhere/x',
    `source/${prefix}a`,
    `source/${prefix}c/d`,
  ]);
  expect(await arrived()).toEqual(['a', 'c/d', 'line\nbreak', 'z']);
  expect(failed).toEqual([
    [`${prefix}gone`, 'OBJECT_NOT_FOUND'],
    ['elsewhere/x', 'INVALID_INPUT'],
  ]);
  expect(row).toMatchObject({
    state: 'COMPLETED_WITH_ERRORS',
    objectsListed: 6n,
    objectsCompleted: 4n,
    objectsFailed: 2n,
    objectsExcluded: 2n,
  });
});

test('what other filters leave out of a manifest was found all the same', async () => {
  for (const name of ['small', 'large object']) await put(from, name, name);
  const lines = ['small', 'large object'].map((name) => `source/${prefix}${name}`);
  const { row, failed } = await run(lines, { options: { filter: { maxSizeBytes: 5 } } });
  expect([await arrived(), failed, row.state]).toEqual([['small'], [], 'COMPLETED']);
});

test('a mirror of a manifest deletes what it names and only the destination has, and nothing else', async () => {
  await put(from, 'stays', 'new');
  for (const name of ['stays', 'named', 'not named']) await put(to, name, 'old');
  const lines = ['stays', 'named'].map((name) => `source/${prefix}${name}`);
  const { row, failed } = await run(lines, { mode: 'SYNC', options: { deletionLimit: { share: 1 } } });
  expect([await arrived(), failed, row.state]).toEqual([['not named', 'stays'], [], 'COMPLETED']);
});

test('below a source path that could not be listed nothing is said to be missing', async () => {
  await put(from, 'a', 'a');
  const { failed } = await run([`source/${prefix}a`, 'absent/b'], { sourcePaths: [`source/${prefix}`, 'absent/'] });
  expect([await arrived(), failed]).toEqual([['a'], [['', 'CONTAINER_NOT_FOUND']]]);
});

test('what was missing and is there by now is retried as it was ordered: written, left out, or only compared', async () => {
  const cases = [
    { order: {}, isThere: true, end: { state: 'COMPLETED', objectsCompleted: 1n, bytesPlanned: 3n }, isWritten: true },
    {
      order: { options: { conflictPolicy: 'SKIP' } },
      isThere: true,
      end: { state: 'COMPLETED', objectsSkipped: 1n, bytesPlanned: 0n, bytesSkipped: 3n },
      isWritten: false,
    },
    // What only the destination has would be another difference.
    { order: { mode: 'VERIFY' }, isThere: false, end: { state: 'FAILED' }, isWritten: false },
  ] as const;
  for (const { order: wish, isThere, end, isWritten } of cases) {
    round += 1;
    prefix = `${round}/`;
    await put(from, 'a', 'a');
    if (isThere) await put(to, 'late', 'old');
    const before = await to.hashes(`${prefix}late`);
    const { row, failed } = await run([`source/${prefix}late`, 'source/elsewhere/x'], wish);
    expect(failed).toEqual([
      [`${prefix}late`, 'OBJECT_NOT_FOUND'],
      ['elsewhere/x', 'INVALID_INPUT'],
    ]);
    await put(from, 'late', 'new');
    const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, row.id));
    expect(await engine.ended(followUp.id)).toMatchObject({ ...end, objectsListed: 1n });
    expect(await to.hashes(`${prefix}late`)).toEqual(isWritten ? await from.hashes(`${prefix}late`) : before);
  }
});

test('a follow-up tells only of what lies below the paths that it lists', async () => {
  await put(from, 'a', 'a');
  const [late, never] = [`late-${round}`, `never-${round}`];
  const lines = [`source/${prefix}a`, `${late}/b`, `${late}/gone`, `${never}/c`];
  const { row, failed } = await run(lines, { sourcePaths: [`source/${prefix}`, `${late}/`, `${never}/`] });
  expect(failed).toEqual([
    ['', 'CONTAINER_NOT_FOUND'],
    ['', 'CONTAINER_NOT_FOUND'],
  ]);
  await from.client.send(new CreateBucketCommand({ Bucket: late }));
  await from.client.send(new PutObjectCommand({ Bucket: late, Key: 'b', Body: 'b' }));
  const followUp = await engine.db.$transaction((tx) => retryFailedItems(tx, row.id, { paths: [`${late}/**`] }));
  expect(await engine.ended(followUp.id)).toMatchObject({ objectsListed: 2n, objectsCompleted: 1n, objectsFailed: 1n });
});

test('ages count from the start of the run', async () => {
  await put(from, 'fresh', 'x');
  const day = 86_400_000;
  expect((await run([`source/${prefix}fresh`], { options: { filter: { olderThanMs: day } } })).row).toMatchObject({
    objectsExcluded: 1n,
    objectsListed: 0n,
  });
  await run([`source/${prefix}fresh`], { options: { filter: { newerThanMs: day } } });
  expect(await arrived()).toEqual(['fresh']);
});

test('a manifest that was dropped fails the transfer with what to do', async () => {
  await put(from, 'a', 'a');
  const { id: manifestId } = await engine.db.$transaction((tx) => keepManifest(tx, engine.userId, ['source/a']));
  const startAt = new Date(Date.now() + 1_500);
  const { id } = await order({ startAt, options: { filter: { manifestId } } });
  await engine.db.pathManifest.delete({ where: { id: manifestId } });
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', errorCode: 'NOT_FOUND' });
  expect(await arrived()).toEqual([]);
});
