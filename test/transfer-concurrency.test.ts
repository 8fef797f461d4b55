import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestInfo } from '../emulators/s3/observer.ts';
import { type Crossing, startCrossing } from './support/engine.ts';

const KiB = 1024;

let crossing: Crossing;
let engine: Crossing['engine'];
let from: Crossing['from'];
let to: Crossing['to'];
let accounts: Crossing['accounts'];

beforeAll(async () => {
  crossing = await startCrossing({ workers: 2 });
  ({ engine, from, to, accounts } = crossing);
}, 60_000);

afterAll(() => crossing?.stop());

/** Counts the objects, below a folder of both stores, that requests are under way for. */
function watch(folder: string) {
  const open = new Map<string, number>();
  const seen = { most: 0 };
  const change = (by: number) => (request: RequestInfo) => {
    if (request.key === undefined || !request.key.startsWith(`${folder}/`)) return;
    const requests = (open.get(request.key) ?? 0) + by;
    if (requests === 0) open.delete(request.key);
    else open.set(request.key, requests);
    seen.most = Math.max(seen.most, open.size);
  };
  const [arrived, finished] = [change(1), change(-1)];
  for (const { server } of [from, to]) server.observer.on('arrived', arrived).on('finished', finished);
  return {
    seen,
    stop() {
      for (const { server } of [from, to]) server.observer.off('arrived', arrived).off('finished', finished);
    },
  };
}

test.each([
  ['small', 'COPY', 3, Array.from({ length: 80 }, () => 4 * KiB)],
  ['removed', 'MOVE', 3, Array.from({ length: 40 }, () => 4 * KiB)],
  // Each is a batch of its own, for any worker to take.
  ['large', 'COPY', 2, Array.from({ length: 4 }, () => 33 * 1024 * KiB)],
] as const)(
  '%s objects of a transfer with a concurrency are never more at a time, over two workers',
  async (folder, mode, concurrency, sizes) => {
    const hashes = Object.fromEntries(
      await Promise.all(sizes.map(async (size, index) => [`${index}`, await from.put(`${folder}/${index}`, size)])),
    );
    // The first ones are held, so that as many as may be under way are.
    const { promise: free, resolve: letGo } = Promise.withResolvers<void>();
    to.server.faults.add({ match: { method: 'PUT', count: concurrency }, action: { kind: 'hold', until: free } });
    const together = to.server.observer.waitFor({ method: 'PUT' }, { count: concurrency });
    const { seen, stop } = watch(folder);
    const { id } = await engine.submit({
      ...accounts,
      mode,
      sourcePaths: [`source/${folder}/`],
      destinationPath: 'target/',
      options: { concurrency },
    });
    await together;
    const { sequence } = await engine.until(id, () => true);
    // Two signs of life of the workers: what may begin has begun.
    await engine.until(id, (row) => row.sequence >= sequence + 2n);
    letGo();
    expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsCompleted: BigInt(sizes.length) });
    stop();
    expect(seen.most).toBe(concurrency);
    expect(await to.hashes(`${folder}/`)).toEqual(hashes);
  },
  60_000,
);

test.each([
  ['grow where each connection is slow by itself', undefined],
  ['do not where the transfer has a bandwidth limit', BigInt(64 * KiB * KiB)],
] as const)(
  'the parts of a large object at a time %s',
  async (_, bandwidthLimit) => {
    const key = `slow/${bandwidthLimit}`;
    const hash = await from.put(key, 96 * KiB * KiB);
    const slow = from.server.faults.add({
      match: { operation: 'GetObject', count: Number.POSITIVE_INFINITY },
      action: { kind: 'slow', bytesPerSecond: 4 * KiB * KiB },
    });
    let [underWay, most] = [0, 0];
    const arrived = ({ operation }: RequestInfo) => {
      if (operation === 'UploadPart') most = Math.max(most, ++underWay);
    };
    const finished = ({ operation }: RequestInfo) => {
      if (operation === 'UploadPart') underWay -= 1;
    };
    to.server.observer.on('arrived', arrived).on('finished', finished);
    const { id } = await engine.submit({
      ...accounts,
      sourcePaths: [`source/${key}`],
      destinationPath: 'target/',
      ...(bandwidthLimit !== undefined && { bandwidthLimit }),
      options: { routes: ['RELAY'] },
    });
    expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED' });
    to.server.observer.off('arrived', arrived).off('finished', finished);
    slow.remove();
    if (bandwidthLimit === undefined) expect(most).toBeGreaterThan(4);
    else expect(most).toBe(4);
    expect(Object.values(await to.hashes(''))).toContain(hash);
  },
  60_000,
);
