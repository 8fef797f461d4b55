import { z } from 'zod';

/**
 * The contract between those who promise work and those who do it: a job's name, its payload, its id. Handlers live in
 * the worker (`satisfies Record<JobName, …>`), so a job without a handler is a type error.
 */
export const jobPayloads = {
  /** Lists a transfer's sources and writes its items and batches. */
  'transfer.plan': z.object({ transferId: z.uuid(), attempt: z.number().int().positive() }),
  /** Moves the items of one admitted batch. */
  'transfer.batch': z.object({
    transferId: z.uuid(),
    batchNumber: z.number().int().nonnegative(),
    attempt: z.number().int().positive(),
  }),
} as const;

export type JobName = keyof typeof jobPayloads;
export type JobPayload<Name extends JobName> = z.infer<(typeof jobPayloads)[Name]>;

/** BullMQ keeps ids of finished jobs for a while and swallows a repeated one: each id carries the attempt. */
export const jobIds = {
  'transfer.plan': (payload: JobPayload<'transfer.plan'>) => `t-${payload.transferId}-${payload.attempt}`,
  'transfer.batch': (payload: JobPayload<'transfer.batch'>) =>
    `b-${payload.transferId}-${payload.batchNumber}-${payload.attempt}`,
} satisfies { [Name in JobName]: (payload: JobPayload<Name>) => string };

/** The BullMQ queue of each job. Plans have one of their own: a listing never waits behind large objects. */
export const queueNames = {
  'transfer.plan': 'skyferry-plan',
  'transfer.batch': 'skyferry-batch',
} as const satisfies Record<JobName, string>;
