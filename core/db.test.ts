import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/databases.ts';
import { createDb, type Db, prepared } from './db.ts';

let database: TestDatabase;
const open: Db[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await Promise.all(open.map((db) => db.$disconnect()));
  await database?.drop();
});

/** Texts of the statements whose plans a connection keeps, after it ran a few twice. */
async function kept(keepsPlans: boolean): Promise<string[]> {
  const db = createDb({ url: database.url, poolSize: 1, keepsPlans });
  open.push(db);
  for (const number of [1, 2]) {
    const sum = db.$queryRaw<{ sum: number }[]>`
      ${prepared}SELECT ${number}::int + 1 AS sum`;
    expect(await sum).toEqual([{ sum: number + 1 }]);
    const difference = db.$queryRaw<{ difference: number }[]>`${prepared}SELECT ${number}::int - 1 AS difference`;
    expect(await difference).toEqual([{ difference: number - 1 }]);
    await db.user.count({ where: { email: `${number}@example.org` } });
  }
  const rows = await db.$queryRaw<{ statement: string }[]>`SELECT statement FROM pg_prepared_statements ORDER BY 1`;
  return rows.map(({ statement }) => statement.trim());
}

test('a connection keeps the plans of prepared statements, and of no others', async () => {
  expect(await kept(true)).toEqual([
    expect.stringContaining('SELECT $1::int + 1'),
    expect.stringContaining('SELECT $1::int - 1'),
  ]);
});

test('behind a pooler no plan is kept', async () => {
  expect(await kept(false)).toEqual([]);
});
