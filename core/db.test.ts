import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/databases.ts';
import { arrayLiteral, createDb, type Db, prepared } from './db.ts';

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
async function kept(isDirect: boolean): Promise<string[]> {
  const db = createDb({ url: database.url, poolSize: 1, isDirect });
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

test('arrays come to Postgres as they are', async () => {
  const db = createDb({ url: database.url, poolSize: 1 });
  open.push(db);
  const texts = ['', 'NULL', null, 'a b', '"', '\\', '\\"', '{a,b}', ',', '\n\t', "'", 'é日本😀', '$1'];
  const numbers = [0, -1, 2 ** 53 - 1, null];
  const dates = [new Date(0), new Date('2026-11-28T01:02:03.456Z'), new Date(Date.UTC(12_026, 0, 1)), null];
  const objects = [{ etag: '"x\\"', list: [1, null] }, {}, null];
  const [row] = await db.$queryRaw<object[]>`
    SELECT ${arrayLiteral(texts)}::text[] AS texts, ${arrayLiteral([])}::text[] AS none,
      ${arrayLiteral(numbers)}::bigint[]::text[] AS numbers,
      ARRAY(SELECT extract(epoch FROM one)::float8 * 1000 FROM unnest(${arrayLiteral(dates)}::timestamptz[]) AS one) AS dates,
      to_jsonb(${arrayLiteral(objects)}::jsonb[]) AS objects`;
  expect(row).toEqual({
    ...{ texts, objects, none: [] },
    numbers: numbers.map((number) => number?.toString() ?? null),
    dates: dates.map((date) => date?.getTime() ?? null),
  });
});

/** "Message Formats" of the protocol: the server is content with whoever comes, ready, and gone. */
const farewell = Buffer.concat([
  Buffer.from('R\0\0\0\x08\0\0\0\0', 'latin1'),
  Buffer.from('Z\0\0\0\x05I', 'latin1'),
  Buffer.from('E\0\0\0\x1dSFATAL\0C57P01\0MI am gone\0\0', 'latin1'),
]);

test('a server that crashes in the moment in which a connection is ready fails the statement, and no more', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(farewell));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const db = createDb({ url: `postgresql://one:two@127.0.0.1:${port}/any`, poolSize: 1 });
  try {
    await expect(db.$transaction((tx) => tx.$queryRaw`SELECT 1`)).rejects.toThrow();
  } finally {
    await db.$disconnect();
    server.close();
    await once(server, 'close');
  }
});

test('a transaction that is left idle is ended by Postgres itself, but behind a pooler', async () => {
  for (const [isDirect, timeout] of [
    [true, '15s'],
    [false, '0'],
  ] as const) {
    const db = createDb({ url: database.url, poolSize: 1, isDirect });
    open.push(db);
    const shown = await db.$queryRaw`SELECT current_setting('idle_in_transaction_session_timeout') AS timeout`;
    expect(shown).toEqual([{ timeout }]);
  }
});
