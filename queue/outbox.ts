import type { DbSession } from '../core/db.ts';
import { type JobName, type JobPayload, jobIds, jobPayloads } from './jobs.ts';

export interface EnqueueOptions {
  /** Not handed to the queue earlier. Default: now. */
  availableAt?: Date;
  /** Among rows that wait, higher ones are handed over first. Default: 0. */
  priority?: number;
}

/**
 * Promises a job in the caller's transaction: it reaches the queue at least once if the transaction commits, and never
 * if it does not. Needs no Redis. Handlers must be idempotent.
 */
export async function enqueue<Name extends JobName>(
  tx: DbSession,
  name: Name,
  payload: JobPayload<Name>,
  options: EnqueueOptions = {},
): Promise<void> {
  const valid = jobPayloads[name].parse(payload) as JobPayload<Name>;
  await tx.outbox.create({
    data: {
      jobName: name,
      jobId: (jobIds[name] as (payload: JobPayload<Name>) => string)(valid),
      payload: valid,
      priority: options.priority ?? 0,
      ...(options.availableAt && { availableAt: options.availableAt }),
    },
  });
}
