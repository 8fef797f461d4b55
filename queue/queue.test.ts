import { randomUUID } from 'node:crypto';
import { Worker } from 'bullmq';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBlockingRedis, createRedis, type Redis } from '../core/redis.ts';
import { createTestRedis, type TestRedis } from '../test/support/databases.ts';
import { queueNames } from './jobs.ts';
import { createQueue } from './queue.ts';

let testRedis: TestRedis;
let redis: Redis;

beforeAll(async () => {
  testRedis = await createTestRedis();
  redis = createRedis(testRedis.url);
  await new Promise((resolve) => redis.once('ready', resolve));
});

afterAll(() => redis?.disconnect());

test('a job waits until a worker begins with it, however that worker ends', async () => {
  const queue = createQueue(redis);
  const blocking = createBlockingRedis(testRedis.url);
  const worker = new Worker(queueNames['transfer.batch'], null, { connection: blocking });
  try {
    const transferId = randomUUID();
    const ids = ['first', 'second', 'third'];
    await queue.add(
      ids.map((id, batchNumber) => ({ name: 'transfer.batch', payload: { transferId, batchNumber, attempt: 1 }, id })),
    );
    const waiting = async () => [...(await queue.waiting('transfer.batch', [...ids, 'unknown']))];
    expect(await waiting()).toEqual(ids);
    // From here on that worker may be killed, and the job stays where it is.
    expect((await worker.getNextJob('a'))?.id).toBe('first');
    expect(await waiting()).toEqual(['second', 'third']);
    const failing = await worker.getNextJob('b');
    await failing?.moveToFailed(new Error('A defect.'), 'b', false);
    expect(await waiting()).toEqual(['third']);
  } finally {
    await worker.close();
    await queue.close();
    blocking.disconnect();
  }
});
