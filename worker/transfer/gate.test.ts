import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { createRedis, type Redis } from '../../core/redis.ts';
import type { Refusal } from '../../queue/events.ts';
import { createTestRedis, startPrivateRedis } from '../../test/support/databases.ts';
import { Gate, outageMs } from './gate.ts';
import { createSharedLimit, type SharedLimit } from './shared-limit.ts';

const limitKey = 'of a credential';
const never = new AbortController().signal;

let redis: Redis;
let limit: SharedLimit;
beforeEach(async () => {
  redis = createRedis((await createTestRedis()).url);
  await once(redis, 'ready');
  limit = createSharedLimit(redis);
});
afterEach(() => redis.disconnect());

/** As many processes as gates; what one tells the others hear. */
function processes(count: number, shared = limit): { gates: Gate[]; told: Refusal[] } {
  const told: Refusal[] = [];
  const gates: Gate[] = Array.from({ length: count }, () => {
    const gate: Gate = new Gate({
      limitKey,
      limit: shared,
      tell(refusal) {
        told.push(refusal);
        for (const other of gates) if (other !== gate) other.heard(refusal);
      },
    });
    return gate;
  });
  return { gates, told };
}

const refusedBy = (gate: Gate | undefined, retryAfterMs: number) =>
  expect(gate?.watch(Promise.reject(new AppError('THROTTLED', 'slow down', { retryAfterMs })))).rejects.toThrow();

test('without a refusal everything passes', async () => {
  expect(await limit.take(limitKey, 1_000)).toEqual({ granted: 1_000, waitMs: 0, limited: false, closed: false });
  const { gates } = processes(1);
  await Promise.all(Array.from({ length: 1_000 }, () => gates[0]?.pass(never)));
});

test('a refusal of one process holds back all, for as long as the cloud asked', async () => {
  const { gates, told } = processes(2);
  await refusedBy(gates[0], 700);
  await expect.poll(() => told.length).toBe(1);
  expect(gates[1]?.closedMs).toBeGreaterThan(0);
  const seen: number[] = [];
  await gates[1]?.pass(never, (waitMs) => seen.push(waitMs));
  expect(gates[1]?.closedMs).toBe(0);
  expect(seen).toEqual([expect.any(Number)]);
});

test('a gate that was made after a refusal waits for it too, and says for how long', async () => {
  await limit.refused(limitKey, 600_000, 10);
  const { gates } = processes(1);
  const { promise: seen, resolve: onClosed } = Promise.withResolvers<number>();
  const stop = new AbortController();
  const passing = gates[0]?.pass(stop.signal, onClosed);
  expect(await seen).toBeGreaterThan(300_000);
  expect(gates[0]?.closedMs).toBeGreaterThan(300_000);
  stop.abort(new AppError('CANCELLED', 'stopped'));
  await expect(passing).rejects.toMatchObject({ code: 'CANCELLED' });
});

test.each(['THROTTLED', 'RATE_LIMITED'] as const)('%s closes a gate for as long as was asked', async (code) => {
  const { gates } = processes(1);
  const before = performance.now();
  const refusal = new AppError(code, 'slow down', { retryAfterMs: 600_000 });
  await expect(gates[0]?.watch(Promise.reject(refusal))).rejects.toBe(refusal);
  expect(performance.now() + (gates[0]?.closedMs ?? 0)).toBeGreaterThanOrEqual(before + 600_000);
});

test('a shorter wait that is asked for later does not end a longer one', async () => {
  await limit.refused(limitKey, 600_000, 10);
  expect((await limit.refused(limitKey, 1, 10)).waitMs).toBeGreaterThan(300_000);
});

test('whoever waits at a gate leaves it when his work is stopped', async () => {
  const { gates } = processes(1);
  await refusedBy(gates[0], 60_000);
  const stop = new AbortController();
  const passing = gates[0]?.pass(stop.signal);
  stop.abort(new AppError('CANCELLED', 'stopped'));
  await expect(passing).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('after a refusal all processes together send less than was measured, and more with time', async () => {
  const begin = performance.now();
  const { epoch, isFirst } = await limit.refused(limitKey, 0, 200);
  expect(isFirst).toBe(true);
  // Another process sends as much again, and says so once.
  await limit.join(limitKey, epoch, 200);
  await limit.join(limitKey, epoch - 1, 1_000_000);
  let granted = 0;
  while (granted < 60) granted += (await limit.take(limitKey, 1)).granted;
  const seconds = (performance.now() - begin + 20) / 1_000;
  // 0.7 of 400 a second, growing by a twentieth a second.
  expect(granted).toBeLessThanOrEqual(280 * seconds * (1 + 0.05 * seconds) + 1);
  const rate = Number(await redis.hget(`skyferry:cloud-limit:${limitKey}`, 'rate'));
  expect(rate).toBeGreaterThan(280);
  expect(rate).toBeLessThan(400);
});

test('refusals of requests that were under way together cut the rate once', async () => {
  await Promise.all(Array.from({ length: 20 }, () => limit.refused(limitKey, 10, 1_000)));
  expect(Number(await redis.hget(`skyferry:cloud-limit:${limitKey}`, 'rate'))).toBeCloseTo(700);
  expect(await redis.pttl(`skyferry:cloud-limit:${limitKey}`)).toBeGreaterThan(50_000);
});

test('a process adds its rate to a limit once, and not to the one that it began itself', async () => {
  const joined: number[] = [];
  const { gates, told } = processes(2, { ...limit, join: async (_limitKey, epoch) => void joined.push(epoch) });
  await refusedBy(gates[0], 10);
  await expect.poll(() => told.length).toBe(1);
  const [refusal] = told as [Refusal];
  for (const gate of gates) gate.heard(refusal);
  expect(joined).toEqual([refusal.epoch]);
});

test('without Redis each process still does what the cloud asks of it', async () => {
  const own = await startPrivateRedis();
  const connection = createRedis(own.url);
  await once(connection, 'ready');
  const { gates, told } = processes(1, createSharedLimit(connection));
  await own.stop();
  await gates[0]?.pass(never);
  await refusedBy(gates[0], 500);
  expect(gates[0]?.closedMs).toBeGreaterThan(0);
  await gates[0]?.pass(never);
  expect(gates[0]?.closedMs).toBe(0);
  await expect.poll(() => told.length).toBe(1);
  connection.disconnect();
  await own.dispose();
});

const unreachable = () => Promise.reject(new AppError('ENDPOINT_UNREACHABLE', 'host cannot be reached.'));

describe('an endpoint that cannot be reached', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const retryOf = (gate: Gate | undefined) => gate?.watch(unreachable()).catch((error: AppError) => error.retry);

  test('is worth another try until nobody has reached it for three minutes', async () => {
    const [gate] = processes(1).gates;
    for (let waitedMs = 0; waitedMs < outageMs; waitedMs += 15_000) {
      expect(await retryOf(gate)).toBe('backoff');
      vi.advanceTimersByTime(15_000);
    }
    await expect(gate?.watch(unreachable())).rejects.toMatchObject({
      code: 'ENDPOINT_UNREACHABLE',
      retry: 'never',
      message: 'host cannot be reached. It was tried for 3 minutes.',
    });
    await gate?.watch(Promise.resolve());
    expect(await retryOf(gate)).toBe('backoff');
  });

  test('is given up after as long where the clock here is wrong, with what to do about it', async () => {
    const [gate] = processes(1).gates;
    const skewed = () => gate?.watch(Promise.reject(new AppError('CLOCK_SKEWED', 'The clock is wrong. Set it.')));
    for (let waitedMs = 0; waitedMs < outageMs; waitedMs += 15_000) {
      await expect(skewed()).rejects.toMatchObject({ code: 'CLOCK_SKEWED', retry: 'backoff' });
      vi.advanceTimersByTime(15_000);
    }
    const message = 'The clock is wrong. Set it. It was tried for 3 minutes.';
    await expect(skewed()).rejects.toMatchObject({ code: 'CLOCK_SKEWED', retry: 'never', message });
  });

  test('begins its time anew where nobody tried for long', async () => {
    const [gate] = processes(1).gates;
    expect(await retryOf(gate)).toBe('backoff');
    vi.advanceTimersByTime(2 * outageMs);
    expect(await retryOf(gate)).toBe('backoff');
  });
});

test("a step of the machine's clock neither opens a gate nor keeps it closed", async () => {
  const [gate] = processes(1).gates;
  await refusedBy(gate, 600_000);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
  expect(gate?.closedMs).toBeGreaterThan(590_000);
  vi.setSystemTime(Date.now() - 7_200_000);
  expect(gate?.closedMs).toBeLessThanOrEqual(600_000);
  vi.useRealTimers();
});
