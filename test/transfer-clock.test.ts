import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDb, type Db, databaseTime } from '../core/db.ts';
import { ApiClient } from '../scripts/demo/api-client.ts';
import { credentialsInput } from './support/api.ts';
import { createTestDatabase, createTestRedis, type TestDatabase } from './support/databases.ts';
import { startStore, type TestStore } from './support/engine.ts';
import { type Product, startProduct } from './support/product.ts';

const hook = new URL('./support/shifted-clock.mjs', import.meta.url).href;
/** Far beyond every lease and hold of the product; clouds refuse who is off by more than 15 minutes. */
const shiftMs = 10 * 60_000;

let store: TestStore;
let sent: Record<string, string>;

beforeAll(async () => {
  store = await startStore('place');
  sent = { small: await store.put('from/small', 1_000), large: await store.put('from/large', 20 * 1024 * 1024) };
});
afterAll(() => store?.close());

interface Wrong {
  database: TestDatabase;
  product: Product;
  db: Db;
  client: ApiClient;
  account: string;
  close(): Promise<void>;
}

/** API and worker as processes whose clock is off from that of the database. */
async function start(offMs: number): Promise<Wrong> {
  const database = await createTestDatabase();
  const product = await startProduct({
    databaseUrl: database.url,
    redisUrl: (await createTestRedis()).url,
    env: { NODE_OPTIONS: `--import=${hook}`, CLOCK_SHIFT_MS: String(offMs) },
  });
  const db = createDb({ url: database.url, poolSize: 1 });
  const anybody = new ApiClient(`${product.url}/graphql`);
  const { signUp } = await anybody.run<{ signUp: { token: string } }>(
    'mutation ($input: SignUpInput!) { signUp(input: $input) { token } }',
    { input: { email: 'ada@example.org', password: 'correct horse battery', name: 'Ada' } },
  );
  const client = anybody.withToken(signUp.token);
  const { connectAccount } = await client.run<{ connectAccount: { account: { id: string } } }>(
    'mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { account { id } } }',
    { input: { name: 'Store', credentials: credentialsInput(store) } },
  );
  return {
    ...{ database, product, db, client, account: connectAccount.account.id },
    async close() {
      await db.$disconnect();
      await product.stop();
      await database.drop();
    },
  };
}

const create =
  'mutation ($input: CreateTransferInput!) { order: createTransfer(input: $input) { transfer { id } userErrors { message } } }';
const plan =
  'mutation ($input: PlanTransferInput!) { order: planTransfer(input: $input) { transfer { id } userErrors { message } } }';
const step = (name: string) =>
  `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { userErrors { message } } }`;

test.each([
  ['fast', shiftMs],
  ['slow', -shiftMs],
])(
  'where the clocks of API and worker are %s, a transfer is dated, started and ended by the database',
  async (_, offMs) => {
    const wrong = await start(offMs);
    const { db, client, account } = wrong;
    const order = async (document: string, more: object) => {
      const input = {
        sourceAccountId: account,
        sourcePaths: ['place/from/'],
        destinationAccountId: account,
        ...more,
      };
      type Payload = { order: { transfer: { id: string } | null; userErrors: { message: string }[] } };
      const { order: made } = await client.run<Payload>(document, { input });
      expect(made.userErrors).toEqual([]);
      return made.transfer?.id ?? '';
    };
    const state = async (id: string) => {
      const answer = await client.run<{ transfer: { state: string } }>(
        'query ($id: ID!) { transfer(id: $id) { state } }',
        { id },
      );
      return answer.transfer.state;
    };
    const reaches = (id: string, wanted: string) => expect.poll(() => state(id), { timeout: 60_000 }).toBe(wanted);
    try {
      const before = await databaseTime(db);
      const startAt = new Date(before.getTime() + 3_000).toISOString();
      const scheduled = await order(create, { startAt, destinationPath: 'place/scheduled/' });
      const planned = await order(plan, { destinationPath: 'place/planned/' });
      await reaches(planned, 'AWAITING_APPROVAL');
      await client.run(step('approveTransfer'), { input: { id: planned } });
      await reaches(planned, 'COMPLETED');
      const doomed = await order(plan, { destinationPath: 'place/doomed/' });
      await reaches(doomed, 'AWAITING_APPROVAL');
      await client.run(step('cancelTransfer'), { input: { id: doomed } });
      await reaches(scheduled, 'COMPLETED');
      const after = await databaseTime(db);
      const rows = await db.transfer.findMany();
      expect(rows).toHaveLength(3);
      const times = rows.flatMap(({ startedAt, approvedAt, finishedAt }) => [startedAt, approvedAt, finishedAt]);
      const known = times.filter((time) => time !== null);
      expect(known).toHaveLength(7);
      for (const time of known) {
        expect(time.getTime()).toBeGreaterThanOrEqual(before.getTime());
        expect(time.getTime()).toBeLessThanOrEqual(after.getTime());
      }
      const late = rows.find((row) => row.startAt !== null);
      expect(late?.startedAt?.getTime()).toBeGreaterThanOrEqual(Date.parse(startAt));
      expect(await store.hashes('planned/from/')).toEqual(sent);
      expect(await store.hashes('scheduled/from/')).toEqual(sent);
    } finally {
      await wrong.close();
    }
  },
  180_000,
);
