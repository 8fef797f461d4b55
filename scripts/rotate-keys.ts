import { parseArgs } from 'node:util';
import { type Db, Prisma } from '../core/db.ts';
import { type Keyring, open, seal } from '../core/secrets.ts';
import { readDatabaseUrl, readKeyring, withDatabase } from './installation.ts';

const batchSize = 200;

/** A table with sealed values. Its names are constants of this file. */
interface SealedTable {
  /** What a row is called, in the plural. */
  what: string;
  table: string;
  /** SQL of the id as text, which is the id that the value is sealed for. */
  idText: string;
  sealed: string;
  /** What goes when a value cannot be opened, because it is made anew when it is missing: its row, or but the value. */
  disposable: 'row' | 'value' | 'nothing';
}

const tables: readonly SealedTable[] = [
  {
    what: 'credentials of accounts',
    table: 'cloud_account',
    idText: 'id::text',
    sealed: 'sealed_credentials',
    disposable: 'nothing',
  },
  {
    what: 'access tokens',
    table: 'access_token',
    idText: 'account_id::text',
    sealed: 'sealed_token',
    disposable: 'row',
  },
  {
    what: 'sign-ins under way',
    table: 'oauth_flow',
    idText: "encode(state_hash, 'hex')",
    sealed: 'sealed_verifier',
    disposable: 'row',
  },
  {
    what: 'keys that sign receipts',
    table: 'receipt_key',
    idText: 'id',
    sealed: 'sealed_private_key',
    // The public half still verifies what was signed.
    disposable: 'value',
  },
];

export interface Rotation {
  what: string;
  /** Sealed anew under the current key. */
  resealed: number;
  /** Could not be opened and were removed; they are made anew when they are needed. */
  dropped: number;
  /** Could not be opened and stay: how many by the id of their key. */
  left: Record<string, number>;
}

interface Row {
  id: string;
  keyId: string;
  sealed: Uint8Array;
}

/**
 * Seals every value anew that is under another key than the current one, while API and workers run. Each row is written
 * only as it was read, so that a change at the same time is never lost: such a row is read again. `updated_at` stays, as
 * the credentials are the same ones and processes keep their connections by it. Idempotent.
 *
 * Throws an Error, and changes nothing, when something is under a key that is not configured: what it sealed would be lost.
 * @param lost Ids of keys that nobody has any more. What is made anew when it is missing goes then.
 */
export async function rotateKeys(db: Db, keyring: Keyring, lost: readonly string[] = []): Promise<Rotation[]> {
  await requireKeys(db, [...keyring.byId.keys(), ...lost]);
  const rotations: Rotation[] = [];
  for (const table of tables) rotations.push(await rotateTable(db, keyring, table));
  return rotations;
}

async function requireKeys(db: Db, keyIds: readonly string[]): Promise<void> {
  const unknown = new Map<string, string[]>();
  for (const { what, table } of tables) {
    const rows = await countByKey(db, table);
    for (const { keyId, count } of rows.filter((row) => !keyIds.includes(row.keyId))) {
      unknown.set(keyId, [...(unknown.get(keyId) ?? []), `${what}: ${count}`]);
    }
  }
  if (unknown.size === 0) return;
  const lines = [...unknown].map(([keyId, sealed]) => `  ${keyId} (${sealed.join(', ')})`);
  throw new Error(
    `Nothing was changed: these keys are not configured, and something is sealed under them.\n${lines.join('\n')}\nAdd them to KEY_ENCRYPTION_KEYS_OLD and run this again. If nobody has one any more: npm run keys:rotate -- --lost ID`,
  );
}

async function rotateTable(db: Db, keyring: Keyring, table: SealedTable): Promise<Rotation> {
  const current = keyring.current.id;
  const openable = [...keyring.byId.keys()].filter((id) => id !== current);
  const rotation: Rotation = { what: table.what, resealed: 0, dropped: 0, left: {} };
  const damaged: string[] = [];
  for (;;) {
    const rows = await readRows(db, table, openable, damaged);
    if (rows.length === 0) break;
    const values = rows.flatMap((row) => {
      const sealed = reseal(keyring, row);
      if (sealed === undefined) damaged.push(row.id);
      return sealed === undefined ? [] : [{ rowId: row.id, was: base64(row.sealed), fresh: base64(sealed) }];
    });
    rotation.resealed += await writeRows(db, table, current, values);
  }
  if (table.disposable !== 'nothing') rotation.dropped = await dropRows(db, table, [...keyring.byId.keys()], damaged);
  rotation.left = await countLeft(db, table, current);
  return rotation;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** undefined: the value does not open. */
function reseal(keyring: Keyring, { id, keyId, sealed }: Row): Uint8Array | undefined {
  let value: unknown;
  try {
    value = open(keyring, id, { keyId, bytes: sealed });
  } catch {
    return undefined;
  }
  return seal(keyring, id, value).bytes;
}

function readRows(db: Db, { table, idText, sealed }: SealedTable, keyIds: string[], except: string[]): Promise<Row[]> {
  return db.$queryRaw<Row[]>`
    SELECT ${Prisma.raw(idText)} AS id, key_id AS "keyId", ${Prisma.raw(sealed)} AS sealed FROM ${Prisma.raw(table)}
    WHERE key_id = ANY(${keyIds}) AND NOT ${Prisma.raw(idText)} = ANY(${except}) LIMIT ${batchSize}`;
}

/** Returns how many rows were still as they had been read. */
function writeRows(db: Db, { table, idText, sealed }: SealedTable, keyId: string, values: object[]): Promise<number> {
  return db.$executeRaw`
    UPDATE ${Prisma.raw(table)} SET ${Prisma.raw(sealed)} = decode(x.fresh, 'base64'), key_id = ${keyId}
    FROM jsonb_to_recordset(${JSON.stringify(values)}::jsonb) AS x("rowId" text, was text, fresh text)
    WHERE ${Prisma.raw(idText)} = x."rowId" AND ${Prisma.raw(sealed)} = decode(x.was, 'base64')`;
}

/** Removes what is under a key that is not configured, and what is damaged. */
function dropRows(db: Db, { table, idText, sealed, disposable }: SealedTable, keyIds: string[], damaged: string[]) {
  const drop =
    disposable === 'row'
      ? Prisma.sql`DELETE FROM ${Prisma.raw(table)}`
      : Prisma.sql`UPDATE ${Prisma.raw(table)} SET ${Prisma.raw(sealed)} = NULL, key_id = NULL`;
  return db.$executeRaw`${drop} WHERE NOT key_id = ANY(${keyIds}) OR ${Prisma.raw(idText)} = ANY(${damaged})`;
}

async function countLeft(db: Db, { table }: SealedTable, current: string): Promise<Record<string, number>> {
  const rows = (await countByKey(db, table)).filter(({ keyId }) => keyId !== current);
  return Object.fromEntries(rows.map(({ keyId, count }) => [keyId, count]));
}

function countByKey(db: Db, table: string): Promise<{ keyId: string; count: number }[]> {
  return db.$queryRaw`
    SELECT key_id AS "keyId", count(*)::int AS count FROM ${Prisma.raw(table)}
    WHERE key_id IS NOT NULL GROUP BY key_id ORDER BY key_id`;
}

/** What to tell the operator, a line each; `done` when nothing is left under an old key. */
export function report(rotations: readonly Rotation[], keyring: Keyring): { lines: string[]; done: boolean } {
  const lines = rotations.map(
    ({ what, resealed, dropped }) =>
      `${what}: ${resealed} sealed anew${dropped === 0 ? '' : `, ${dropped} removed that could not be opened`}`,
  );
  const left = rotations.flatMap(({ what, left }) =>
    Object.entries(left).map(([keyId, count]) => ({ what, keyId, count })),
  );
  for (const { what, keyId, count } of left) {
    lines.push(
      keyring.byId.has(keyId)
        ? `${what}: ${count} left under key ${keyId}, damaged or sealed by a process that has the old key as KEY_ENCRYPTION_KEY still. Restart such processes and run this again; what stays is damaged, and its accounts need new credentials.`
        : `${what}: ${count} left under key ${keyId}, which is not configured. Give these accounts new credentials.`,
    );
  }
  lines.push(
    left.length === 0
      ? `Everything is sealed under ${keyring.current.id}. Once every process runs with it as KEY_ENCRYPTION_KEY, KEY_ENCRYPTION_KEYS_OLD can be emptied.`
      : 'KEY_ENCRYPTION_KEYS_OLD is still needed.',
  );
  return { lines, done: left.length === 0 };
}

async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { lost: { type: 'string', multiple: true, default: [] } } });
  const keyring = readKeyring(process.env);
  const { lines, done } = await withDatabase(readDatabaseUrl(process.env), async (db) =>
    report(await rotateKeys(db, keyring, values.lost), keyring),
  );
  for (const line of lines) console.log(line);
  process.exitCode = done ? 0 : 1;
}

if (import.meta.main) {
  await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
