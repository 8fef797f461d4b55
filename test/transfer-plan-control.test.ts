import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRedis, type Redis } from '../core/redis.ts';
import { cancelTransfer, pauseTransfer, publishControl, resumeTransfer } from '../queue/transfer.ts';
import { watchArrivals } from './support/arrivals.ts';
import { type Crossing, startCrossing } from './support/engine.ts';
import { sidesOf } from './support/sides.ts';

let crossing: Crossing;
let redis: Redis;
let arrivals: ReturnType<typeof watchArrivals>;
let round = 0;
let prefix: string;

beforeAll(async () => {
  crossing = await startCrossing();
  redis = createRedis(crossing.engine.redisUrl);
  arrivals = watchArrivals(crossing.from, crossing.to);
});

afterAll(async () => {
  redis?.disconnect();
  await crossing?.stop();
});

beforeEach(() => {
  round += 1;
  prefix = `${round}/`;
});

afterEach(() => {
  crossing.from.server.faults.clear();
  crossing.to.server.faults.clear();
});

const { itemsOf, order, put } = sidesOf(() => ({ ...crossing, prefix }));
const change = <T>(id: string, step: (tx: Parameters<typeof pauseTransfer>[0], id: string) => Promise<T>) =>
  crossing.engine.db.$transaction((tx) => step(tx, id));

/** Begins a plan that sorts on disk, and so lists the destination behind the source; the source's listing is held. */
async function startListing() {
  await put(crossing.from, 'a', 'some');
  await crossing.to.put(`there/${prefix}b`, 100);
  const options = { names: 'ENCODE', deletionLimit: { share: 1 } } as const;
  return hold('from', 'ListObjectsV2', 1, () => order({ mode: 'SYNC', destinationPath: 'target/there/', options }));
}

/** Begins a plan that looks for a free name for each of more objects than are looked at at a time; the looks are held. */
async function startLooking() {
  for (let index = 0; index < 40; index++) {
    await put(crossing.from, `${index}`, 'new');
    await put(crossing.to, `${index}`, 'old');
  }
  return hold('to', 'HeadObject', 100, () => order({ options: { conflictPolicy: 'KEEP_BOTH' } }));
}

async function hold(
  side: 'from' | 'to',
  operation: 'ListObjectsV2' | 'HeadObject',
  count: number,
  start: typeof order,
) {
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  const held = crossing[side].server.faults.add({ match: { operation, count }, action: { kind: 'hold', until } });
  const { id } = await start();
  await held.hit;
  const letGo = () => {
    held.remove();
    release();
  };
  return { id, letGo };
}

test('a pause stops a listing, which goes on with everything planned once', async () => {
  const { id, letGo } = await startListing();
  await change(id, pauseTransfer);
  await publishControl(redis, id);
  expect(await arrivals.afterStop(letGo)).toEqual([]);
  await change(id, resumeTransfer);
  expect(await crossing.engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsListed: 2n });
  expect(await crossing.to.hashes(`there/${prefix}`)).toEqual(await crossing.from.hashes(prefix));
});

test('a pause stops looks at single objects, although nobody tells the worker of it', async () => {
  const { id, letGo } = await startLooking();
  await change(id, pauseTransfer);
  expect(await arrivals.afterStop(letGo)).toEqual([]);
  await change(id, resumeTransfer);
  expect(await crossing.engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsListed: 40n });
  expect(Object.keys(await crossing.to.hashes(prefix))).toHaveLength(80);
});

test.each([
  ['a listing', startListing],
  ['looks at single objects', startLooking],
])('a cancellation stops %s for good', async (_, start) => {
  const { id, letGo } = await start();
  await change(id, cancelTransfer);
  await publishControl(redis, id);
  expect(await arrivals.afterStop(letGo)).toEqual([]);
  expect(await itemsOf(id)).toEqual({});
});

test('whoever has lost the plan to another stops', async () => {
  const { id, letGo } = await startListing();
  await change(id, pauseTransfer);
  await change(id, resumeTransfer);
  expect(await crossing.engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsListed: 2n });
  expect(await arrivals.afterStop(letGo)).toEqual([]);
});
