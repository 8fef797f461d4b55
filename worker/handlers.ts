import { type JobName, type JobPayload, jobPayloads } from '../queue/jobs.ts';
import type { Engine } from './transfer/engine.ts';
import { moveBatch } from './transfer/move.ts';
import { planTransfer } from './transfer/plan.ts';

/** What is done for each job. A handler is idempotent, and settles soon after `engine.stopping` is aborted. */
export const handlers = {
  'transfer.plan': planTransfer,
  'transfer.express-plan': planTransfer,
  'transfer.batch': moveBatch,
  'transfer.express': moveBatch,
} satisfies { [Name in JobName]: (engine: Engine, payload: JobPayload<Name>) => Promise<void> };

/** Runs the handler of a job as it came from the queue. Throws for a job that this version does not know. */
export async function handle(engine: Engine, name: string, data: unknown): Promise<void> {
  if (!Object.hasOwn(handlers, name)) throw new Error(`No handler for jobs named '${name}'.`);
  const known = name as JobName;
  const handler = handlers[known] as (engine: Engine, payload: unknown) => Promise<void>;
  await handler(engine, jobPayloads[known].parse(data));
}
