import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRedis, type Redis } from '../core/redis.ts';
import { publishControl, updateTransfer } from '../queue/transfer.ts';
import { type Crossing, startCrossing } from './support/engine.ts';

const KiB = 1024;

let crossing: Crossing;
let engine: Crossing['engine'];
let from: Crossing['from'];
let to: Crossing['to'];
let accounts: Crossing['accounts'];
let redis: Redis;

beforeAll(async () => {
  crossing = await startCrossing({ workers: 2 });
  ({ engine, from, to, accounts } = crossing);
  redis = createRedis(engine.redisUrl);
}, 60_000);

afterAll(async () => {
  redis?.disconnect();
  await crossing?.stop();
});

async function order(folder: string, sizes: readonly number[], bandwidthLimit: number) {
  const entries = await Promise.all(
    sizes.map(async (size, index) => [`${folder}/${index}`, await from.put(`${folder}/${index}`, size)] as const),
  );
  const { id } = await engine.submit({
    ...accounts,
    sourcePaths: [`source/${folder}/`],
    destinationPath: 'target/',
    bandwidthLimit: BigInt(bandwidthLimit),
  });
  return { id, hashes: Object.fromEntries(entries) };
}

/** Time is what a limit is about: no byte comes earlier than it allows. */
test.each([
  ['small objects', Array.from({ length: 80 }, () => 8 * KiB), 160 * KiB],
  ['one object in one request', [2_000 * KiB], 500 * KiB],
  ['objects in parts', [20_000 * KiB, 20_000 * KiB], 10_000 * KiB],
])(
  '%s of two workers pass no faster than the limit',
  async (name, sizes, limit) => {
    const { id, hashes } = await order(name, sizes, limit);
    const { startedAt, finishedAt, ...row } = await engine.ended(id);
    expect(row).toMatchObject({ state: 'COMPLETED', objectsCompleted: BigInt(sizes.length) });
    expect(await to.hashes(`${name}/`)).toEqual(
      Object.fromEntries(Object.entries(hashes).map(([key, hash]) => [key.slice(name.length + 1), hash])),
    );
    const seconds = (Number(finishedAt) - Number(startedAt)) / 1_000;
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    // The last piece is not waited for.
    expect(seconds).toBeGreaterThan((0.9 * (bytes - 128 * KiB)) / limit);
  },
  60_000,
);

test('a limit that is taken away no longer holds back what is under way', async () => {
  const { id } = await order('lifted', [12_000 * KiB], 64 * KiB);
  await engine.until(id, ({ startedAt }) => startedAt !== null);
  await engine.db.$transaction((tx) => updateTransfer(tx, id, { bandwidthLimit: null }));
  await publishControl(redis, id);
  // By its old limit it would take three minutes.
  expect(await engine.ended(id, 30_000)).toMatchObject({ state: 'COMPLETED' });
}, 60_000);

test('a limited transfer goes on when Redis has forgotten it', async () => {
  const { id } = await order('flushed', [600 * KiB], 200 * KiB);
  await engine.until(id, ({ state }) => state === 'RUNNING');
  await redis.flushall();
  expect(await engine.ended(id, 30_000)).toMatchObject({ state: 'COMPLETED' });
}, 60_000);
