import { z } from 'zod';

const batch = z.object({
  transferId: z.uuid(),
  batchNumber: z.number().int().nonnegative(),
  attempt: z.number().int().positive(),
});

const plan = z.object({ transferId: z.uuid(), attempt: z.number().int().positive() });

/**
 * The contract between those who promise work and those who do it: a job's name, its payload, its id. Handlers live in
 * the worker (`satisfies Record<JobName, …>`), so a job without a handler is a type error.
 */
export const jobPayloads = {
  /** Lists a transfer's sources and writes its items and batches. */
  'transfer.plan': plan,
  /** The same for the oldest of its user's transfers that are not listed: the relay makes a promised plan one of these. */
  'transfer.express-plan': plan,
  /** Moves the items of one admitted batch. */
  'transfer.batch': batch,
  /** The same for a batch of somebody who has none under way, while all slots are taken. */
  'transfer.express': batch,
} as const;

export type JobName = keyof typeof jobPayloads;
export type JobPayload<Name extends JobName> = z.infer<(typeof jobPayloads)[Name]>;

/** BullMQ keeps ids of finished jobs for a while and swallows a repeated one: each id carries the attempt. */
const batchId = ({ transferId, batchNumber, attempt }: JobPayload<'transfer.batch'>) =>
  `b-${transferId}-${batchNumber}-${attempt}`;
const planId = ({ transferId, attempt }: JobPayload<'transfer.plan'>) => `t-${transferId}-${attempt}`;
export const jobIds = {
  'transfer.plan': planId,
  'transfer.express-plan': planId,
  'transfer.batch': batchId,
  'transfer.express': batchId,
} satisfies { [Name in JobName]: (payload: JobPayload<Name>) => string };

/**
 * The BullMQ queue of each job. Plans have one of their own: a listing never waits behind large objects. So have plans and
 * batches that are not to wait behind those of others, with slots of their own at every worker.
 */
export const queueNames = {
  'transfer.plan': 'skyferry-plan',
  'transfer.express-plan': 'skyferry-express-plan',
  'transfer.batch': 'skyferry-batch',
  'transfer.express': 'skyferry-express',
} as const satisfies Record<JobName, string>;
