import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { configSchema, parseEnvironment } from '../core/config.ts';
import { runMain, say } from './run-main.ts';

/** A migration as it lies in prisma/migrations. */
interface Migration {
  name: string;
  sql: string;
  /** SHA-256 of the file, hex, as Prisma records it. */
  checksum: string;
}

/** The lock that Prisma's own `migrate deploy` takes, so that the two never run at the same time. */
const prismaAdvisoryLock = 72707369;
const lockTimeoutMs = 60_000;

const migrationsDirectory = fileURLToPath(new URL('../prisma/migrations', import.meta.url));

/**
 * Applies the migrations that the database has not seen, each in a transaction of its own, and returns their names.
 * Idempotent; safe when several processes call it at once. Keeps the bookkeeping of `prisma migrate deploy`, which
 * therefore sees the same state. Throws, with nothing changed, when Postgres cannot be reached or is too old, or when an
 * applied migration was altered, is unknown here or never finished; throws at the first migration that fails, whose
 * transaction is rolled back.
 *
 * @param url Postgres without a pooler in between: the lock belongs to the session.
 */
export async function migrate(url: string, directory = migrationsDirectory): Promise<string[]> {
  const migrations = await readMigrations(directory);
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect().catch((cause: NodeJS.ErrnoException) => {
    // Of a host with several addresses, none of which answers, Node gives the code alone.
    const reason = cause.message || cause.code;
    throw new Unusable(`this Postgres cannot be used (${reason}). Start it, or correct the address.`, {
      cause,
    });
  });
  try {
    const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
    requirePostgres(Number(rows[0]?.server_version_num));
    await client.query(`SET lock_timeout = ${lockTimeoutMs}`);
    await client.query('SELECT pg_advisory_lock($1)', [prismaAdvisoryLock]);
    await client.query(bookkeepingTable);
    const done = await appliedMigrations(client, migrations);
    const applied: string[] = [];
    for (const migration of migrations.filter(({ name }) => !done.has(name))) {
      await apply(client, migration);
      applied.push(migration.name);
    }
    return applied;
  } finally {
    await client.end();
  }
}

/** RETURNING tells old values from new ones since then, which saves a checkpoint a look at each of its items. */
const leastPostgres = 18;

/** Throws for a server that is too old. `versionNumber`: its setting server_version_num, such as 180004. */
export function requirePostgres(versionNumber: number): void {
  const major = Math.floor(versionNumber / 10_000);
  if (major >= leastPostgres) return;
  throw new Unusable(`this is Postgres ${major}, and version ${leastPostgres} or later is needed. Upgrade it.`);
}

/** Its message goes behind the name of the setting that holds the address. */
class Unusable extends Error {}

/** As Prisma creates it. */
const bookkeepingTable = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`;

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(`${directory}/${name}/migration.sql`, 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function appliedMigrations(client: pg.Client, migrations: Migration[]): Promise<Set<string>> {
  const { rows } = await client.query<{ migration_name: string; checksum: string; finished_at: Date | null }>(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  );
  for (const row of rows) {
    const migration = migrations.find(({ name }) => name === row.migration_name);
    if (migration === undefined) {
      throw new Error(
        `The database holds migration ${row.migration_name}, which this version does not know. It was migrated by a newer version of Skyferry: run that one.`,
      );
    }
    if (row.finished_at === null) {
      throw new Error(
        `Migration ${row.migration_name} began but never finished. Mend the database by hand, then run \`prisma migrate resolve\` for it.`,
      );
    }
    if (row.checksum !== migration.checksum) {
      throw new Error(
        `Migration ${row.migration_name} was altered after it was applied. Restore the file; changes belong in a new migration.`,
      );
    }
  }
  return new Set(rows.map((row) => row.migration_name));
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    const startedAt = new Date();
    await client.query(sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
       VALUES ($1, $2, clock_timestamp(), $3, $4, 1)`,
      [randomUUID(), checksum, name, startedAt],
    );
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    throw new Error(`Migration ${name} failed and was rolled back: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

async function main(): Promise<number> {
  const databaseSchema = configSchema.pick({ DATABASE_URL: true, DIRECT_DATABASE_URL: true });
  const { DIRECT_DATABASE_URL, DATABASE_URL } = parseEnvironment(databaseSchema, process.env);
  const name = DIRECT_DATABASE_URL === undefined ? 'DATABASE_URL' : 'DIRECT_DATABASE_URL';
  const applied = await migrate(DIRECT_DATABASE_URL ?? DATABASE_URL).catch((error) => {
    throw error instanceof Unusable ? new Error(`${name}: ${error.message}`, { cause: error }) : error;
  });
  say(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`);
  return 0;
}

if (import.meta.main) await runMain(main);
