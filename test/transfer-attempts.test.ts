import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Crossing, startCrossing } from './support/engine.ts';

let crossing: Crossing;

beforeAll(async () => {
  crossing = await startCrossing();
});

afterAll(() => crossing?.stop());

/** How often the destination is sent an object that never arrives whole, and how many tries are on record of it. */
async function triesOf(maxTries: number): Promise<{ requests: number; attempts: number }> {
  const { engine, from, to, accounts } = crossing;
  const key = `tries-${maxTries}/object`;
  await from.put(key, 1_000);
  let requests = 0;
  to.server.observer.on('arrived', (request) => {
    if (request.operation === 'PutObject' && request.key === key) requests += 1;
  });
  to.server.faults.add({ match: { operation: 'PutObject', key, count: 100 }, action: { kind: 'corrupt' } });
  const { id } = await engine.submit({
    ...accounts,
    sourcePaths: [`source/tries-${maxTries}/`],
    destinationPath: 'target/',
    options: { maxTries },
  });
  expect(await engine.ended(id)).toMatchObject({ state: 'FAILED', objectsFailed: 1n });
  const item = await engine.db.transferItem.findFirstOrThrow({ where: { transferId: id } });
  expect(item.errorCode).toBe('CHECKSUM_MISMATCH');
  return { requests, attempts: item.attempts };
}

test('an object that fails in a way worth another try is tried exactly as often as ordered', async () => {
  const ordered = [1, 2, 5];
  // At once, for the waits between tries grow.
  expect(await Promise.all(ordered.map(triesOf))).toEqual(
    ordered.map((maxTries) => ({ requests: maxTries, attempts: maxTries })),
  );
});
