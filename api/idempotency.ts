import { createHmac, hkdfSync } from 'node:crypto';
import type { Db, DbSession } from '../core/db.ts';
import { AppError } from '../core/errors.ts';
import { isStorable } from '../core/text.ts';

const keptHours = 24;
const maxKeyLength = 255;
/** A follow-up of a million failed objects takes its time. */
const timeoutMs = 60_000;

export interface IdempotentRequest {
  userId: string;
  /** Absent: every request is a new one. */
  key: string | null | undefined;
  /** Name of the mutation. */
  operation: string;
  /** Everything that the key stands for. May hold secrets: only a keyed hash of it is kept. */
  arguments: unknown;
  /** AUTH_SECRET. */
  secret: string;
}

/**
 * Creates once: `create` runs in a transaction together with the claim of the key and returns the id of what it made. A
 * replay gets the id of the first time; one that comes while the first is under way waits for it. A first time that
 * failed leaves the key free. Throws IDEMPOTENCY_KEY_REUSED when the arguments differ.
 */
export async function createOnce(
  db: Db,
  request: IdempotentRequest,
  create: (tx: DbSession) => Promise<string>,
): Promise<{ id: string; replayed: boolean }> {
  const { key, userId, operation } = request;
  if (key == null) return { id: await db.$transaction(create, { timeout: timeoutMs }), replayed: false };
  const argumentsHash = hashArguments(request);
  return db.$transaction(
    async (tx) => {
      // The database's clock counts: those of the machines that serve the API may differ.
      await tx.$executeRaw`DELETE FROM idempotency_key WHERE user_id = ${userId}::uuid AND expires_at <= now()`;
      // Waits for another transaction that holds the same key.
      const claimed = await tx.$executeRaw`
        INSERT INTO idempotency_key (user_id, key, operation, arguments_hash, created_at, expires_at)
        VALUES (${userId}::uuid, ${key}, ${operation}, ${argumentsHash}, now(), now() + make_interval(hours => ${keptHours}::int))
        ON CONFLICT (user_id, key) DO NOTHING`;
      if (claimed === 0) return { id: await readResult(tx, request, argumentsHash), replayed: true };
      const id = await create(tx);
      await tx.idempotencyKey.update({ where: { userId_key: { userId, key } }, data: { resultId: id } });
      return { id, replayed: false };
    },
    { timeout: timeoutMs },
  );
}

/** The id of what a former request with this key made, before any work is done for a replay; null: none. */
export async function findReplay(db: Db, request: IdempotentRequest): Promise<string | null> {
  const { key, userId } = request;
  if (key == null) return null;
  assertKey(key);
  const [known] = await db.$queryRaw<object[]>`
    SELECT 1 FROM idempotency_key WHERE user_id = ${userId}::uuid AND key = ${key} AND expires_at > now()`;
  if (known === undefined) return null;
  return readResult(db, request, hashArguments(request));
}

async function readResult(
  tx: Pick<DbSession, 'idempotencyKey'>,
  { userId, key, operation }: IdempotentRequest,
  argumentsHash: string,
): Promise<string> {
  const row = await tx.idempotencyKey.findUniqueOrThrow({ where: { userId_key: { userId, key: key ?? '' } } });
  if (row.operation !== operation || row.argumentsHash !== argumentsHash || row.resultId === null) {
    throw new AppError('IDEMPOTENCY_KEY_REUSED', 'This idempotency key was used for another request already.', {
      field: ['idempotencyKey'],
    });
  }
  return row.resultId;
}

/** Throws INVALID_INPUT for a key that cannot be kept. */
export function assertKey(key: string): void {
  if (key.length >= 1 && key.length <= maxKeyLength && isStorable(key)) return;
  throw new AppError(
    'INVALID_INPUT',
    `An idempotency key has 1 to ${maxKeyLength} whole characters other than U+0000.`,
    {
      field: ['idempotencyKey'],
    },
  );
}

/** Keyed, because arguments hold credentials: who reads the table can test no guess. */
function hashArguments({ arguments: args, operation, secret }: IdempotentRequest): string {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'skyferry idempotency', 32));
  return createHmac('sha256', key)
    .update(`${operation}\n${canonicalJson(args)}`)
    .digest('hex');
}

/** JSON with the keys of objects in order, so that equal arguments give equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
