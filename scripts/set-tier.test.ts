import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDb, type Db } from '../core/db.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/databases.ts';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 1 });
  await db.user.create({ data: { email: 'ada@example.org', name: 'Ada' } });
});
afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['scripts/set-tier.ts', ...args], {
    env: { PATH: process.env.PATH, DATABASE_URL: database.url, TIERS: 'standard:64:32, large:512:256' },
  }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, text: stderr }),
  );
const tier = async () => (await db.user.findFirstOrThrow()).tier;

test('a user is standard until the operator sets another tier', async () => {
  expect(await tier()).toBe('standard');
  expect(await run('Ada@example.org', 'large')).toEqual({
    code: 0,
    text: 'Ada@example.org is in tier large: at most 512 objects under way, 256 of an account.\n',
  });
  expect(await tier()).toBe('large');
  expect(await run('ada@example.org', 'other')).toMatchObject({ code: 0, text: expect.stringContaining('no limits') });
});

test.each([
  [['nobody@example.org', 'large'], /No user signs in as nobody@example.org/],
  [['ada@example.org', "x'y"], /is no tier/],
  [['ada@example.org'], /Name a user and a tier/],
])('%j is refused', async (args, message) => {
  const before = await tier();
  expect(await run(...args)).toMatchObject({ code: 1, text: expect.stringMatching(message) });
  expect(await tier()).toBe(before);
});
