import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDb, type Db, type Transfer } from '../../core/db.ts';
import { createLogger } from '../../core/log.ts';
import { createBlockingRedis, createRedis, type Redis } from '../../core/redis.ts';
import { createSubscriber } from '../../queue/pubsub.ts';
import { publishTransfer } from '../../queue/transfer.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from '../../test/support/databases.ts';
import { createListening } from './listening.ts';
import { createTransferFeed, type TransferFeed } from './transfer-feed.ts';

let database: TestDatabase;
let db: Db;
let publisher: Redis;
let connection: Redis;
let feed: TransferFeed;
let userId: string;
let accountId: string;
beforeAll(async () => {
  const redis = await createTestRedis();
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 4 });
  publisher = createRedis(redis.url);
  connection = createBlockingRedis(redis.url);
  const subscriber = createSubscriber(connection, () => {});
  feed = createTransferFeed(createListening(subscriber, connection, createLogger('test', 'silent')), db);
  await Promise.all([once(publisher, 'ready'), once(connection, 'ready')]);
  ({ id: userId } = await db.user.create({ data: { email: 'a@example.org', name: 'A' } }));
  ({ id: accountId } = await db.cloudAccount.create({ data: { userId, provider: 'S3', name: 'S', identity: 'i' } }));
});
afterAll(async () => {
  publisher.disconnect();
  connection.disconnect();
  await db.$disconnect();
  await database.drop();
});

const transfer = (data: object = {}) =>
  db.transfer.create({
    data: {
      userId,
      sourceAccountId: accountId,
      destinationAccountId: accountId,
      sourcePaths: ['a/'],
      destinationPath: 'b/',
      name: 'T',
      sequence: 1,
      ...data,
    },
  });
const tell = (row: Transfer, sequence: number, state: Transfer['state'] = 'RUNNING') =>
  publishTransfer(publisher, { ...row, sequence: BigInt(sequence), state });
const listeners = async (topic: string) => ((await publisher.pubsub('NUMSUB', topic)) as [string, number])[1];
const never = new AbortController().signal;

test('a reader that sleeps through a thousand changes gets the last one', async () => {
  const row = await transfer();
  const events = feed.transfer(row.id, userId, never);
  expect((await events.next()).value.sequence).toBe('1');
  for (let sequence = 2; sequence <= 1_000; sequence++) await tell(row, sequence);
  await tell(row, 1_001, 'COMPLETED');
  // Its own connection is told in order: what this one brings came after all of them.
  await connection.ping();
  expect((await events.next()).value).toMatchObject({ sequence: '1001', state: 'COMPLETED' });
  expect((await events.next()).done).toBe(true);
});

test('a change between the subscription and the snapshot comes once', async () => {
  const row = await transfer();
  const topic = `skyferry:transfer:${row.id}`;
  // Postgres is held up until the change is committed and told of.
  const { promise: told, resolve: release } = Promise.withResolvers<void>();
  const held = db.$transaction(
    async (tx) => {
      await tx.$executeRawUnsafe('LOCK TABLE transfer IN ACCESS EXCLUSIVE MODE');
      await told;
    },
    { timeout: 20_000 },
  );
  const events = feed.transfer(row.id, userId, never);
  const first = events.next();
  await expect.poll(() => listeners(topic), { timeout: 10_000 }).toBe(1);
  await tell(row, 2);
  await connection.ping();
  release();
  await held;
  expect((await first).value).toMatchObject({ sequence: '2', state: 'RUNNING' });
  await tell(row, 3, 'CANCELLED');
  expect((await events.next()).value).toMatchObject({ sequence: '3', state: 'CANCELLED' });
  expect((await events.next()).done).toBe(true);
});

test('the topic is left when the reader leaves, waits or not, and when its signal aborts', async () => {
  const row = await transfer();
  const topic = `skyferry:transfer:${row.id}`;
  const aborter = new AbortController();
  const [left, aborted] = [feed.transfer(row.id, userId, never), feed.transfer(row.id, userId, aborter.signal)];
  await Promise.all([left.next(), aborted.next()]);
  expect(await listeners(topic)).toBe(1);
  const [waiting, other] = [left.next(), aborted.next()];
  await left.return?.();
  expect((await waiting).done).toBe(true);
  aborter.abort();
  expect((await other).done).toBe(true);
  await expect.poll(() => listeners(topic)).toBe(0);
});

test('the list tells of every live transfer, however many, and of no ended one', async () => {
  const { id: owner } = await db.user.create({ data: { email: 'many@example.org', name: 'M' } });
  await Promise.all(Array.from({ length: 450 }, () => transfer({ userId: owner })));
  await transfer({ userId: owner, state: 'COMPLETED' });
  const live = await db.transfer.findMany({ where: { userId: owner, state: 'QUEUED' }, select: { id: true } });
  const events = feed.transfers(owner, never);
  const seen = new Set<string>();
  for (let index = 0; index < live.length; index++) seen.add((await events.next()).value.transferId);
  expect(seen).toEqual(new Set(live.map(({ id }) => id)));
  await events.return?.();
});
