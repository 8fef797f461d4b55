import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { Prisma, PrismaClient } from '../generated/prisma/client.ts';

export type {
  CloudAccount,
  Provider,
  SourceRemoval,
  Transfer,
  TransferAction,
  TransferItem,
  TransferMode,
  TransferPriority,
  TransferReason,
  TransferSchedule,
  TransferState,
  User,
} from '../generated/prisma/client.ts';
export { Prisma };

export type Db = PrismaClient;
/** What a query needs: the client or a transaction of it. */
export type DbSession = Omit<PrismaClient, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends'>;

export interface DbOptions {
  url: string;
  /** Most connections at the same time. */
  poolSize: number;
  /**
   * Longest wait for one statement's answer and for a transaction's connection, in milliseconds, so that a silent
   * server stops nobody and a crowd waits its turn. Default: none, and Prisma's own 2 s.
   */
  queryTimeoutMs?: number;
  /**
   * Whether `url` leads to Postgres itself and not to a pooler. Then each connection keeps the plans of `prepared`
   * statements, and loses its transaction, with all that this has locked, when it leaves it idle for long. Default: false.
   */
  isDirect?: boolean;
}

/** A process that stands still in the middle of a transaction holds up whoever waits for its locks no longer than this. */
const idleInTransactionMs = 15_000;

/**
 * At the head of a raw statement: a connection plans it once and not each time. For statements that are run often, cost
 * more to plan than to run, and whose text never varies.
 */
export const prepared = Prisma.raw('/* prepared */ ');
const preparedMark = prepared.sql;

/** A new connection knows neither tables nor plans: its first statements cost many times what later ones do. */
const idleMs = 10 * 60_000;

/**
 * No partition has a constraint that would tell whether rows are in it but for its bounds, which are looked at in any case: to
 * look at the others was an eighth of what Postgres does for small objects.
 */
const sessionOptions = '-c constraint_exclusion=off';

/** One Prisma client with its connection pool. The caller disconnects it. */
export function createDb(options: DbOptions): Db {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: idleMs,
    ...(options.isDirect ? { idle_in_transaction_session_timeout: idleInTransactionMs, options: sessionOptions } : {}),
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
  });
  // Whoever uses a connection hears of its end by the statement. While it changes hands nobody listens, and a server that
  // crashes in that moment would end the process.
  pool.on('connect', (client) => client.on('error', () => {}));
  const adapter = new PrismaPg(pool, {
    disposeExternalPool: true,
    ...(options.isDirect ? { statementNameGenerator } : {}),
  });
  const { queryTimeoutMs } = options;
  return new PrismaClient({
    adapter,
    ...(queryTimeoutMs === undefined
      ? {}
      : { transactionOptions: { maxWait: queryTimeoutMs, timeout: 2 * queryTimeoutMs } }),
  });
}

/** The database's time, which all that is kept is judged by: the clocks of processes may differ from it, and step. */
export async function databaseTime(db: DbSession): Promise<Date> {
  const [clock] = await db.$queryRaw<{ now: Date }[]>`SELECT now() AS now`;
  if (!clock) throw new Error('A statement without FROM has one row.');
  return clock.now;
}

/** Before what a user has is counted against the most that he may have: whoever else counts it waits until the transaction ends. */
export async function lockUser(tx: DbSession, userId: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "user" WHERE id = ${userId}::uuid FOR NO KEY UPDATE`;
}

const statementNames = new Map<string, string>();

// Prisma types the name as given for every statement; pg takes none for those that are planned each time.
const statementNameGenerator = (({ sql }) => {
  if (!sql.trimStart().startsWith(preparedMark)) return undefined;
  let name = statementNames.get(sql);
  if (name === undefined) {
    name = `prepared_${statementNames.size + 1}`;
    statementNames.set(sql, name);
  }
  return name;
}) as (query: { sql: string }) => string;

/**
 * An array as Postgres reads it ("Array Input and Output Syntax"), for a parameter that is cast to its type: text, numbers,
 * dates, and JSON of objects. Prisma would look at each element of an array, which costs as much as all else about a thousand.
 */
export function arrayLiteral(elements: readonly (string | number | Date | object | null)[]): string {
  return `{${elements.map(elementOf).join()}}`;
}

function elementOf(element: string | number | Date | object | null): string | number {
  if (element === null) return 'NULL';
  if (typeof element === 'number') return element;
  // Years beyond 9999 have a sign in ISO 8601, and none in Postgres.
  if (element instanceof Date) return `"${element.toISOString().replace('+', '')}"`;
  // JSON within JSON: no control character is left, and what JSON escapes then is what an array does.
  if (typeof element === 'object') return JSON.stringify(JSON.stringify(element));
  return `"${/["\\]/.test(element) ? element.replace(/["\\]/g, '\\$&') : element}"`;
}
