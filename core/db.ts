import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../generated/prisma/client.ts';

export type {
  CloudAccount,
  Provider,
  Transfer,
  TransferItem,
  TransferPriority,
  TransferState,
  User,
} from '../generated/prisma/client.ts';
export { Prisma } from '../generated/prisma/client.ts';

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
}

/** One Prisma client with its connection pool. The caller disconnects it. */
export function createDb(options: DbOptions): Db {
  const adapter = new PrismaPg({
    connectionString: options.url,
    max: options.poolSize,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
  });
  const { queryTimeoutMs } = options;
  return new PrismaClient({
    adapter,
    ...(queryTimeoutMs === undefined
      ? {}
      : { transactionOptions: { maxWait: queryTimeoutMs, timeout: 2 * queryTimeoutMs } }),
  });
}
