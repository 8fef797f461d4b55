import { z } from 'zod';

/**
 * Typed topics on Redis pub/sub. A message is a hint that something is newer, with enough in it to show progress; the
 * truth is in Postgres, and a subscriber that missed messages reads it again.
 */

/** Counters travel as decimal strings: they are 64-bit. */
const count = z.string().regex(/^\d+$/);

export const transferProgressSchema = z.object({
  transferId: z.uuid(),
  userId: z.uuid(),
  /** Rises with every visible change of the transfer; drop what is not newer. */
  sequence: count,
  state: z.enum([
    'SCHEDULED',
    'QUEUED',
    'PLANNING',
    'AWAITING_APPROVAL',
    'RUNNING',
    'PAUSED',
    'COMPLETED',
    'COMPLETED_WITH_ERRORS',
    'FAILED',
    'CANCELLED',
  ]),
  listingComplete: z.boolean(),
  objectsListed: count,
  objectsCompleted: count,
  objectsFailed: count,
  objectsSkipped: count,
  objectsPlanned: count,
  objectsVerified: count,
  objectsExcluded: count,
  deletionsPlanned: count,
  deletionsCompleted: count,
  sourceRemovalsPlanned: count,
  sourceRemovalsCompleted: count,
  sourceRemovalsKept: count,
  bytesListed: count,
  bytesPlanned: count,
  bytesAcknowledged: count,
  bytesVerified: count,
  bytesInFlight: count,
  bytesAbandoned: count,
  bytesSkipped: count,
  speedBytesPerSecond: count,
  paceBytesPerSecond: count,
  throttledUntil: z.iso.datetime().nullable(),
  at: z.iso.datetime(),
});

/** One state of a transfer's counters, as published at most 10 times a second per transfer. */
export type TransferProgress = z.infer<typeof transferProgressSchema>;

/** A wish to stop or go on, for workers that hold the transfer; they check it against Postgres. */
export const transferControlSchema = z.object({ transferId: z.uuid() });

/** A cloud refused a request: for all workers, which hold back theirs (worker/transfer/gate.ts). */
export const refusalSchema = z.object({
  /** Whose requests: storage/cloud-limit.ts. */
  limitKey: z.string(),
  /** How long they wait, in milliseconds. */
  waitMs: z.number().int().nonnegative(),
  /** Which limit this is about: those who have not yet told it what they send do so. */
  epoch: z.number().int().nonnegative(),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** Something about an account is newer in Postgres. */
export const accountChangeSchema = z.object({ accountId: z.uuid(), userId: z.uuid() });
export type AccountChange = z.infer<typeof accountChangeSchema>;

export const topics = {
  /** Progress of one transfer. */
  transfer: (transferId: string) => `skyferry:transfer:${transferId}` as const,
  /** Progress of every transfer of one user (the live list). */
  userTransfers: (userId: string) => `skyferry:user:${userId}:transfers` as const,
  /** Pause, cancel and the like changed a transfer's state. */
  control: 'skyferry:control',
  /** Refusals of requests to clouds. */
  refusals: 'skyferry:refusals',
  /** Changes of one user's accounts. */
  userAccounts: (userId: string) => `skyferry:user:${userId}:accounts` as const,
} as const;
