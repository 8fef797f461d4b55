import { Prisma } from '../generated/prisma/client.ts';

/** Codes of Prisma that say the database cannot be reached, is too busy or went away. */
const prismaCodes = new Set(['P1000', 'P1001', 'P1002', 'P1008', 'P1011', 'P1017', 'P2024', 'P2028', 'P2037']);
/** Kinds of the driver adapter with the same meaning. */
const adapterKinds = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TlsConnectionError',
]);
/** SQLSTATE: classes 08 (connection) and 53 (out of resources), 57P01 to 57P05 (shutdown and the like). */
const sqlStates = /^(08|53|57P0[1-5])/;
const socketCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);
/** pg and ioredis give these no code. */
const messages = [
  'Connection terminated',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  "Stream isn't writeable and enableOfflineQueue options is false",
  'Connection is closed.',
  'Command timed out',
  'LOADING Redis is loading the dataset in memory',
];

/** Whether an error means that Postgres or Redis is away, rather than that a request to it was wrong. */
export function isOutage(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false;
  if (error instanceof Prisma.PrismaClientInitializationError) return true;
  const { name, code, kind, originalCode, message, cause, meta } = error as Partial<Record<string, unknown>>;
  if (name === 'MaxRetriesPerRequestError') return true;
  if (typeof code === 'string' && (prismaCodes.has(code) || socketCodes.has(code) || sqlStates.test(code))) return true;
  if (typeof kind === 'string' && adapterKinds.has(kind)) return true;
  if (typeof originalCode === 'string' && sqlStates.test(originalCode)) return true;
  if (typeof message === 'string' && messages.some((start) => message.startsWith(start))) return true;
  const adapterError = (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError;
  return isOutage(cause, depth + 1) || isOutage(adapterError, depth + 1);
}
