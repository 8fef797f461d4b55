import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Prisma } from '../core/db.ts';
import { type Crossing, startCrossing } from './support/engine.ts';
import { sidesOf } from './support/sides.ts';

const count = 300;

let crossing: Crossing;
let prefix: string;

beforeAll(async () => {
  crossing = await startCrossing();
});

afterAll(() => crossing?.stop());

const { itemsOf, namesAt, put, run } = sidesOf(() => ({ ...crossing, prefix }));

async function setConditionalDelete(accountId: string, conditionalDelete: boolean): Promise<void> {
  const { db } = crossing.engine;
  const where = { id: accountId };
  const { capabilities } = await db.cloudAccount.findUniqueOrThrow({ where });
  await db.cloudAccount.update({
    where,
    data: { capabilities: { ...(capabilities as Prisma.InputJsonObject), conditionalDelete } },
  });
}

test.each([
  ['joins them in few requests where the cloud holds none to a version', false],
  ['sends each under its version where the cloud holds it to one, and looks at none before', true],
])('a mirror with many deletions %s', async (_, isConditional) => {
  const { accounts, to, from } = crossing;
  await setConditionalDelete(accounts.destinationAccountId, isConditional);
  prefix = `mirror-${isConditional}/`;
  await put(from, 'kept', 'x');
  await Promise.all(Array.from({ length: count }, (_value, at) => put(to, `extra-${at}`, 'x')));
  const before = new Map(
    (['DeleteObject', 'DeleteObjects', 'HeadObject'] as const).map((operation) => [
      operation,
      to.server.observer.counters(operation).requests,
    ]),
  );
  const { id, state, deletionsCompleted } = await run({ mode: 'SYNC', options: { deletionLimit: { share: 1 } } });
  expect({ state, deletionsCompleted }).toEqual({ state: 'COMPLETED', deletionsCompleted: BigInt(count) });
  expect(await namesAt(to)).toEqual(['kept']);
  const { kept, ...extra } = await itemsOf(id);
  expect(Object.keys(extra)).toHaveLength(count);
  for (const item of Object.values(extra)) expect(item).toMatchObject({ action: 'DELETE', state: 'COMPLETED' });
  const [one = 0, many = 0, looks = 0] = [...before].map(
    ([operation, earlier]) => to.server.observer.counters(operation).requests - earlier,
  );
  // The plan looks at what is on both sides.
  if (isConditional) {
    expect([one, many, looks]).toEqual([count, 0, 1]);
  } else {
    expect([one, looks]).toEqual([0, count + 1]);
    expect(many).toBeLessThanOrEqual(count / 10);
  }
});
