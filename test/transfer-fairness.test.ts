import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { flowBytes } from '../worker/transfer/pair.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startEngine, startStore, type TestEngine, type TestStore } from './support/engine.ts';

const KiB = 1024;
const slots = 4;
/** Objects of one batch that are under way at a time (worker/transfer/admission.ts). */
const objectsAtOnce = 16;
/** As much of the memory budget as one object of the long batches takes; an eighth of the budget is kept free. */
const budgetBytes = 64 * flowBytes;

let database: TestDatabase;
let engine: TestEngine;
let from: TestStore;
let to: TestStore;

beforeEach(async () => {
  database = await createTestDatabase();
  const { url } = await createTestRedis();
  engine = await startEngine({ databaseUrl: database.url, redisUrl: url });
  [from, to] = await Promise.all([startStore('source'), startStore('target')]);
}, 60_000);

afterEach(async () => {
  await engine?.stop();
  await Promise.all([from?.close(), to?.close()]);
  await database?.drop();
});

/** An account of the user at both stores. */
async function accountsOf(userId: string) {
  return {
    userId,
    sourceAccountId: await engine.connect(from.credentials, userId),
    destinationAccountId: await engine.connect(to.credentials, userId),
    destinationPath: 'target/',
    options: { routes: ['RELAY' as const] },
  };
}

test("another user's object arrives while one user's long batches hold every slot and all of the memory", async () => {
  const other = await engine.db.user.create({ data: { email: `${randomUUID()}@example.org`, name: 'Other' } });
  const [many, one] = [await accountsOf(engine.userId), await accountsOf(other.id)];
  await Promise.all(Array.from({ length: 256 }, (_, index) => from.put(`long/${index}`, flowBytes)));
  const hash = await from.put('single/object', 10 * KiB);
  const held = Math.floor((budgetBytes * 7) / 8 / flowBytes);
  expect(held).toBeLessThan(slots * objectsAtOnce);
  const { promise: free, resolve: letGo } = Promise.withResolvers<void>();
  let finished = 0;
  to.server.observer.on('finished', ({ operation, key }) => {
    if (operation === 'PutObject' && key?.startsWith('long/')) finished += 1;
  });
  for (let index = 0; index < held; index++) {
    to.server.faults.add({ match: { method: 'PUT', bucket: 'target' }, action: { kind: 'hold', until: free } });
  }
  const allHeld = to.server.observer.waitFor({ method: 'PUT' }, { count: held });
  await engine.startWorker({ MAX_CONCURRENT_TRANSFERS: String(slots), MEMORY_BUDGET_BYTES: String(budgetBytes) });
  const long = await engine.submit({ ...many, sourcePaths: ['source/long/'] });
  try {
    await allHeld;
    const single = await engine.submit({ ...one, sourcePaths: ['source/single/'] });
    expect(await engine.ended(single.id)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 1n });
    expect(await to.hashes('single/')).toEqual({ object: hash });
    // All that the other one has under way is held still.
    expect(finished).toBe(0);
    expect(await engine.db.transfer.findUniqueOrThrow({ where: { id: long.id } })).toMatchObject({
      state: 'RUNNING',
      objectsCompleted: 0n,
    });
  } finally {
    letGo();
  }
  expect(await engine.ended(long.id)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 256n });
}, 120_000);
