import { afterAll, beforeAll, expect, test } from 'vitest';
import { scheduledOrderSchema } from '../queue/schedule.ts';
import { type Crossing, startCrossing } from './support/engine.ts';
import { createSchedule } from './support/schedules.ts';

let crossing: Crossing;

beforeAll(async () => {
  crossing = await startCrossing();
  await crossing.from.put('some/file', 100);
  await crossing.from.put(`some/${'n'.repeat(1_000)}`, 100);
}, 60_000);

afterAll(async () => {
  await crossing?.stop();
});

/** Makes a schedule that is due. Its id. */
function schedule(changes: Partial<Crossing['accounts']>, destinationPath = 'target/place/'): Promise<string> {
  const { engine, accounts } = crossing;
  const order = scheduledOrderSchema.parse({
    ...{ sourcePaths: ['source/some/'], destinationPath, mode: 'COPY', options: {}, priority: 'NORMAL' },
  });
  const user = { userId: engine.userId, accountId: accounts.sourceAccountId };
  return createSchedule(engine.db, user, { ...accounts, ...changes, nextRunAt: new Date(), order });
}

/** The schedule at the end of its first transfer, with that. */
async function ranOnce(id: string) {
  const { db, ended } = crossing.engine;
  const read = () => db.transferSchedule.findUniqueOrThrow({ where: { id } });
  await expect.poll(read, { timeout: 30_000 }).toMatchObject({ lastTransferId: expect.any(String) });
  const transfer = await ended((await read()).lastTransferId as string);
  return { transfer, schedule: await read() };
}

/** An account whose keys its store does not know any more. */
const refused = (side: 'from' | 'to') =>
  crossing.engine.connectUnchecked({ ...crossing[side].credentials, secretAccessKey: 'a former secret' } as never);

const stopped = {
  ...{ enabled: false, nextRunAt: null, errorCode: 'CREDENTIALS_INVALID' },
  errorMessage: expect.stringMatching(/./),
};

test('a schedule stops by itself once the source refuses the credentials, and says why', async () => {
  const { transfer, schedule: after } = await ranOnce(await schedule({ sourceAccountId: await refused('from') }));
  expect(transfer).toMatchObject({ state: 'FAILED', errorCode: 'CREDENTIALS_INVALID' });
  expect(after).toMatchObject(stopped);
});

test('so it does where the destination refuses them, and an object has failed for another reason before', async () => {
  const id = await schedule({ destinationAccountId: await refused('to') }, `target/${'place/'.repeat(10)}`);
  const { transfer, schedule: after } = await ranOnce(id);
  expect(transfer).toMatchObject({ state: 'FAILED', errorCode: 'NAME_NOT_ALLOWED', objectsFailed: 2n });
  expect(after).toMatchObject(stopped);
});

test('one whose transfer arrived goes on', async () => {
  const { transfer, schedule: after } = await ranOnce(await schedule({}));
  expect(transfer).toMatchObject({ state: 'COMPLETED' });
  expect(after).toMatchObject({ enabled: true, nextRunAt: expect.any(Date), errorCode: null });
});
