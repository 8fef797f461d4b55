import type { JobPayload } from '../../queue/jobs.ts';
import { type Engine, patiently } from './engine.ts';
import { PlanLease } from './plan/plan-lease.ts';
import { Planner } from './plan/planner.ts';
import { promiseAnew, takePlan } from './plan/take-plan.ts';

/**
 * Lists a transfer's sources page by page and writes items and batches, which are moved while the listing goes on. Each
 * page is committed with the place behind it, so that whoever goes on neither doubles nor loses an object. A path that
 * cannot be listed becomes a failed item and the others go on. A pause or a cancellation, and the plan's loss to another
 * worker, stop it within 2 s.
 */
export async function planTransfer(engine: Engine, job: JobPayload<'transfer.plan'>): Promise<void> {
  if (engine.stopping.aborted) return promiseAnew(engine, job);
  const taken = await patiently(engine.stopping, () => takePlan(engine, job));
  if (taken === null) return;
  engine.publish(taken);
  const lease = new PlanLease(engine, job);
  const planner = new Planner(engine, job, taken, lease);
  try {
    await planner.run();
  } catch (error) {
    // What was under way was cut off.
    if (!lease.signal.aborted) throw error;
    await promiseAnew(engine, job);
  } finally {
    planner.close();
    lease.close();
  }
}
