import { randomBytes } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import { createTestDatabase } from './support/databases.ts';
import { describeDatabase, prismaSql } from './support/schema.ts';
import { onServer, withDatabase } from './support/servers.ts';

/** Lines of the database as migrated, and as Prisma would make it from schema.prisma. */
async function both(change = 'SELECT 1'): Promise<{ migrated: string[]; expected: string[] }> {
  const admin = withDatabase(inject('templateDatabaseUrl'), 'postgres');
  const name = `skyferry_test_${randomBytes(8).toString('hex')}`;
  await onServer(admin, `CREATE DATABASE ${name} TEMPLATE template0`);
  const database = await createTestDatabase();
  try {
    await onServer(database.url, change);
    await onServer(withDatabase(admin, name), await prismaSql(withDatabase(admin, name)));
    return {
      migrated: await describeDatabase(database.url),
      expected: await describeDatabase(withDatabase(admin, name)),
    };
  } finally {
    await database.drop();
    await onServer(admin, `DROP DATABASE ${name} WITH (FORCE)`);
  }
}

test('the migrated database equals schema.prisma', async () => {
  const { migrated, expected } = await both();
  expect(migrated.length).toBeGreaterThan(100);
  expect(migrated).toEqual(expected);
});

test.each([
  'ALTER TABLE "transfer" ALTER COLUMN "name" DROP NOT NULL',
  'ALTER TABLE "transfer_item" ALTER COLUMN "size_bytes" TYPE NUMERIC',
  'ALTER TABLE "transfer_batch" ALTER COLUMN "attempt" SET DEFAULT 2',
  'ALTER TABLE "outbox" ADD COLUMN "surplus" TEXT',
  'DROP INDEX "transfer_item_transfer_id_state_ordinal_idx"',
  'ALTER TABLE "session" DROP CONSTRAINT "session_user_id_fkey"',
  `ALTER TYPE "Role" ADD VALUE 'GUEST'`,
])('the comparison notices: %s', async (change) => {
  const { migrated, expected } = await both(change);
  expect(migrated).not.toEqual(expected);
});
