import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRedis, type Redis } from '../../core/redis.ts';
import { createTestRedis } from '../../test/support/databases.ts';
import { Pace } from './pace.ts';
import { createSharedBandwidth, type SharedBandwidth } from './shared-bandwidth.ts';

const transferId = '01890000-0000-7000-8000-000000000002';
const never = new AbortController().signal;

let redis: Redis;
let shared: SharedBandwidth;
beforeEach(async () => {
  redis = createRedis((await createTestRedis()).url);
  await once(redis, 'ready');
  shared = createSharedBandwidth(redis);
});
afterEach(() => redis.disconnect());

const limited = (limit: number | null) => {
  const pace = new Pace(transferId, createSharedBandwidth(redis));
  pace.change(limit);
  return pace;
};

test('without a limit nobody waits', async () => {
  const pace = limited(null);
  expect(pace.admit(2 ** 40, never)).toBeUndefined();
  for (let body = 0; body < 1_000; body += 1) await pace.enter(never);
});

test('what one process overdraws, the other waits for, until the limit rises', async () => {
  const [one, other] = [limited(1_000), limited(1_000)];
  await one.admit(1_000_000, never);
  const waiting = other.admit(1, never);
  expect(await Promise.race([waiting?.then(() => 'passed'), shared.draw(transferId, 1_000, 1)])).toMatchObject({
    granted: 0,
    // The two, and who asks here.
    processes: 3,
  });
  other.change(1_000_000_000);
  await waiting;
});

test('bytes pass in the order in which they came, and who is stopped leaves', async () => {
  const pace = limited(1_000_000);
  const stop = new AbortController();
  const passed: number[] = [];
  await pace.admit(100_000, never);
  const waiting = [90_000, 80_000, 1].map((bytes) => pace.admit(bytes, never)?.then(() => passed.push(bytes)));
  const stopped = pace.admit(1_000_000_000, stop.signal);
  const last = pace.admit(2, never);
  stop.abort(new Error('stopped'));
  await expect(stopped).rejects.toThrow('stopped');
  await Promise.all([...waiting, last]);
  expect(passed).toEqual([90_000, 80_000, 1]);
});

test('few bodies are under way where each would get little', async () => {
  const pace = limited(32_768);
  await pace.enter(never);
  const stop = new AbortController();
  const stopped = pace.enter(stop.signal);
  const second = pace.enter(never);
  stop.abort(new Error('stopped'));
  await expect(stopped).rejects.toThrow('stopped');
  pace.leave();
  await second;
  const third = pace.enter(never);
  pace.change(null);
  await third;
});

test('without Redis each process holds to its share', async () => {
  const pace = limited(1_000_000);
  redis.disconnect();
  const from = performance.now();
  await pace.admit(200_000, never);
  await pace.admit(1, never);
  expect(performance.now() - from).toBeGreaterThanOrEqual(200);
});
