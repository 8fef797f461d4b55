import { readFile } from 'node:fs/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';

/** The SQL by which Prisma would make schema.prisma from nothing. `url` is any Postgres: the engine asks its version. */
export async function prismaSql(url: string): Promise<string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const adapter = new PrismaPg({
    host: hostname,
    port: Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: pathname.slice(1),
  });
  const engine = await SchemaEngine.new(
    { datamodels: undefined },
    () => {},
    bindMigrationAwareSqlAdapterFactory(adapter),
  );
  const content = await readFile(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8');
  const { stdout } = await engine.diff({
    from: { tag: 'empty' },
    to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }] },
    script: true,
    exitCode: null,
    filters: { externalTables: [], externalEnums: [] },
  });
  engine.free();
  if (!stdout) throw new Error('Prisma gave no SQL for schema.prisma.');
  return stdout;
}

/**
 * Everything of a database that schema.prisma can say, one line each: columns with type, nullability and default,
 * keys, indexes, foreign keys, enums. Partitions are left out, their parents are in.
 */
export async function describeDatabase(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ line: string }>(description);
    return rows.map(({ line }) => line);
  } finally {
    await client.end();
  }
}

const description = `
  WITH tables AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> '_prisma_migrations'
  )
  SELECT format('column %s.%s %s %s default %s', relname, attname, format_type(atttypid, atttypmod),
           CASE WHEN attnotnull THEN 'not null' ELSE 'null' END, coalesce(pg_get_expr(adbin, adrelid), 'none')) AS line
  FROM tables JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  UNION ALL
  SELECT format('constraint %s %s %s', relname, conname, pg_get_constraintdef(pg_constraint.oid))
  FROM tables JOIN pg_constraint ON conrelid = tables.oid AND contype IN ('p', 'u', 'f') AND conparentid = 0
    -- Prisma knows of the relation, which a trigger keeps (prisma/migrations/*_items_without_foreign_key).
    AND conname <> 'transfer_item_transfer_id_fkey'
  UNION ALL
  SELECT format('index %s', replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON '))
  FROM tables JOIN pg_index ON indrelid = tables.oid
  UNION ALL
  SELECT format('enum %s (%s)', typname, string_agg(enumlabel, ', ' ORDER BY enumsortorder))
  FROM pg_type JOIN pg_enum ON enumtypid = pg_type.oid WHERE typnamespace = 'public'::regnamespace GROUP BY typname
  ORDER BY 1`;
