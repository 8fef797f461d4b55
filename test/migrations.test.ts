import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate, requirePostgres } from '../scripts/migrate.ts';
import { createTestDatabase, type TestDatabase } from './support/databases.ts';
import { temporaryDirectory } from './support/servers.ts';

let database: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterEach(async () => {
  await client.end();
  await database.drop();
});

async function rows<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
  return (await client.query(sql, parameters)).rows as Row[];
}

describe('node scripts/migrate.ts', () => {
  const run = (env: Record<string, string>) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const given = { env: { PATH: process.env.PATH, ...env } };
      execFile(process.execPath, ['scripts/migrate.ts'], given, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });

  test('migrates, and says so', async () => {
    expect(await run({ DATABASE_URL: database.url })).toEqual({
      code: 0,
      stdout: 'The database is up to date.\n',
      stderr: '',
    });
  });

  test.each([
    [
      { DATABASE_URL: 'mysql://localhost/a' },
      /^Wrong configuration:\n {2}DATABASE_URL: must be a URL such as .*\n.*\n$/,
    ],
    [{}, /^Wrong configuration:\n {2}DATABASE_URL: is required\n.*\n$/],
    [
      { DATABASE_URL: 'postgresql://127.0.0.1:1/a' },
      /^DATABASE_URL: this Postgres cannot be used \(.*ECONNREFUSED.*\)\. Start it, or correct the address\.\n$/,
    ],
    [
      { DATABASE_URL: 'postgresql://localhost/a', DIRECT_DATABASE_URL: 'postgresql://127.0.0.1:1/a' },
      /^DIRECT_DATABASE_URL: this Postgres cannot be used \(.*ECONNREFUSED.*\)\. Start it, or correct the address\.\n$/,
    ],
  ])('names the setting that is wrong and says what to do, without a stack: %j', async (env, message) => {
    expect(await run(env)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
  });
});

describe('migration runner', () => {
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeEach(async () => {
    folder = await temporaryDirectory();
    await cp('prisma/migrations', folder.path, { recursive: true });
  });

  afterEach(() => folder.remove());

  async function add(name: string, sql: string): Promise<void> {
    await mkdir(join(folder.path, name), { recursive: true });
    await writeFile(join(folder.path, name, 'migration.sql'), sql);
  }

  test('applies what is new, once, also when called at the same time', async () => {
    await add('29990101000000_new', 'CREATE TABLE added ();');
    const applied = await Promise.all([1, 2, 3].map(() => migrate(database.url, folder.path)));
    expect(applied.flat()).toEqual(['29990101000000_new']);
    expect(await migrate(database.url, folder.path)).toEqual([]);
  });

  test('refuses a migration that was altered after it was applied, by name', async () => {
    await add('29990101000000_new', 'CREATE TABLE added ();');
    await migrate(database.url, folder.path);
    await add('29990101000000_new', 'CREATE TABLE altered ();');
    await expect(migrate(database.url, folder.path)).rejects.toThrow(
      'Migration 29990101000000_new was altered after it was applied',
    );
  });

  test('refuses a database that is newer than the program', async () => {
    await add('29990101000000_new', 'CREATE TABLE added ();');
    await migrate(database.url, folder.path);
    await expect(migrate(database.url)).rejects.toThrow('29990101000000_new, which this version does not know');
  });

  test('refuses a database in which a migration never finished', async () => {
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name) SELECT gen_random_uuid(), checksum, '29990101000000_new'
       FROM _prisma_migrations`,
    );
    await add('29990101000000_new', 'CREATE TABLE added ();');
    await expect(migrate(database.url, folder.path)).rejects.toThrow('29990101000000_new began but never finished');
  });

  test('leaves nothing of a migration that fails', async () => {
    const good = (await readdir(folder.path, { withFileTypes: true })).filter((entry) => entry.isDirectory()).length;
    await add('29990101000000_new', 'CREATE TABLE added (); SELECT 1 / 0;');
    await expect(migrate(database.url, folder.path)).rejects.toThrow(/29990101000000_new failed .*division by zero/);
    expect(await rows(`SELECT to_regclass('added') AS found`)).toEqual([{ found: null }]);
    expect(await rows('SELECT count(*)::int AS count FROM _prisma_migrations')).toEqual([{ count: good }]);
  });
});

describe('partitions', () => {
  const partitionsOf = async (parent: string) =>
    (
      await rows<{ name: string }>(
        'SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1',
        [parent],
      )
    ).map(({ name }) => name);

  test('reach from last month to 12 months ahead, on the same bounds for children, without a default', async () => {
    const bounds = `SELECT replace(pg_get_expr(relpartbound, oid), '''', '') AS bound FROM pg_class
      JOIN pg_inherits ON inhrelid = oid WHERE inhparent = $1::regclass ORDER BY 1`;
    const parents = await rows<{ bound: string }>(bounds, ['transfer']);
    expect(parents).toHaveLength(14);
    expect(parents.every(({ bound }) => bound.startsWith('FOR VALUES FROM'))).toBe(true);
    expect(await rows(bounds, ['transfer_item'])).toEqual(parents);
    expect(await rows(bounds, ['transfer_batch'])).toEqual(parents);
    const [month] = await rows<{ name: string }>(
      `SELECT to_char(now() AT TIME ZONE 'UTC' - interval '1 month', '"transfer_"YYYY_MM') AS name`,
    );
    expect((await partitionsOf('transfer'))[0]).toBe(month?.name);
  });

  test('are made when missing, once, also by callers at the same time', async () => {
    const [last] = (await partitionsOf('transfer')).slice(-1);
    const suffix = (last as string).slice('transfer'.length);
    for (const parent of ['transfer_batch', 'transfer_item', 'transfer']) {
      await client.query(`ALTER TABLE ${parent} DETACH PARTITION ${parent}${suffix}`);
      await client.query(`DROP TABLE ${parent}${suffix}`);
    }
    const clients = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const other = new pg.Client({ connectionString: database.url });
        await other.connect();
        return other;
      }),
    );
    const made = await Promise.all(
      clients.map(async (other) => (await other.query('SELECT ensure_partitions(12) AS made')).rows[0].made as number),
    );
    await Promise.all(clients.map((other) => other.end()));
    expect(made.sort()).toEqual([0, 0, 0, 3]);
    expect(await partitionsOf('transfer')).toHaveLength(14);
    expect(await rows('SELECT ensure_partitions(13) AS made')).toEqual([{ made: 3 }]);
  });

  test('have the indexes, keys and storage parameters of their parent', async () => {
    await expect(insertTransfer({ objectsListed: -1 })).rejects.toThrow('transfer_counters_check');
    const [first] = await partitionsOf('transfer_item');
    expect(await rows('SELECT indexdef FROM pg_indexes WHERE tablename = $1', [first])).toHaveLength(6);
    const [batches] = await partitionsOf('transfer_batch');
    expect(
      await rows(`SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'f'`, [batches]),
    ).toHaveLength(1);
    expect(await rows('SELECT reloptions FROM pg_class WHERE oid = $1::regclass', [first])).toEqual([
      { reloptions: expect.arrayContaining(['fillfactor=80']) },
    ]);
  });

  test('a look-up by id reads one partition', async () => {
    const id = await insertTransfer();
    const plan = await rows<{ 'QUERY PLAN': string }>(`EXPLAIN SELECT * FROM transfer WHERE id = '${id}'`);
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    const [month] = await rows<{ name: string }>(
      `SELECT to_char(now() AT TIME ZONE 'UTC', '"transfer_"YYYY_MM') AS name`,
    );
    expect(text).toContain(` ${month?.name} `);
    expect(text).not.toContain('Append');
  });
});

/** A user with one account and one transfer of one item; answers the transfer's id. */
async function insertTransfer({ objectsListed = 0 } = {}): Promise<string> {
  const [user, account, transfer] = [uuidv7(), uuidv7(), uuidv7()];
  await client.query(`INSERT INTO "user" (id, email, name, updated_at) VALUES ($1, 'a@example.com', 'A', now())`, [
    user,
  ]);
  await client.query(
    `INSERT INTO cloud_account (id, user_id, provider, name, identity, updated_at) VALUES ($1, $2, 'S3', 'A', 'a', now())`,
    [account, user],
  );
  await client.query(
    `INSERT INTO transfer (id, user_id, source_account_id, destination_account_id, source_paths, destination_path, name,
       objects_listed, updated_at) VALUES ($1, $2, $3, $3, '{a/}', 'b/', 'A', $4, now())`,
    [transfer, user, account, objectsListed],
  );
  await client.query(
    `INSERT INTO transfer_item (transfer_id, ordinal, batch_number, source_container, source_key, destination_container,
       destination_key, size_bytes) VALUES ($1, 0, 0, 'a', 'k', 'b', 'k', 1)`,
    [transfer],
  );
  return transfer;
}

test('whoever waits for the outbox is notified once per statement', async () => {
  const heard: string[] = [];
  client.on('notification', ({ channel }) => heard.push(channel));
  await client.query('LISTEN skyferry_outbox');
  await client.query(
    `INSERT INTO outbox (job_name, job_id, payload) SELECT 'a', n::text, '{}' FROM generate_series(1, 3) AS n`,
  );
  await client.query('SELECT 1');
  expect(heard).toEqual(['skyferry_outbox']);
});

test('a user goes with all that is theirs, an account in use does not go alone', async () => {
  await insertTransfer();
  await expect(client.query('DELETE FROM cloud_account')).rejects.toThrow('violates');
  await client.query('DELETE FROM "user"');
  expect(await rows('SELECT 1 FROM transfer UNION ALL SELECT 1 FROM transfer_item')).toEqual([]);
});

test('a Postgres that is too old is told so, one of the least version is taken', () => {
  expect(() => requirePostgres(170_006)).toThrow('this is Postgres 17, and version 18 or later is needed');
  requirePostgres(180_000);
});
