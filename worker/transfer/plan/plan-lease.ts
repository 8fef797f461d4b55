import type { JobPayload } from '../../../queue/jobs.ts';
import { planLeaseMs } from '../../../queue/transfer.ts';
import { createLoop } from '../../../queue/wake.ts';
import type { Engine } from '../engine.ts';
import { stoppedError } from '../item.ts';

/** So often it is renewed, so that a pause is noticed within 2 s although Redis is away. */
const renewMs = 1_000;

/** A planner's hold on its plan, renewed until it is closed. */
export class PlanLease {
  readonly transferId: string;
  readonly #leases: Set<PlanLease>;
  readonly #stop = new AbortController();
  readonly #renewal: ReturnType<typeof createLoop>;
  /** Aborted when planning has to stop: the transfer was stopped, another planner has its plan, or the process shuts down. */
  readonly signal: AbortSignal;

  constructor({ db, planLeases, stopping }: Engine, { transferId, attempt }: JobPayload<'transfer.plan'>) {
    this.transferId = transferId;
    this.#leases = planLeases;
    this.signal = AbortSignal.any([stopping, this.#stop.signal]);
    this.#renewal = createLoop(
      async () => {
        const renewed = await db.$executeRaw`
          UPDATE transfer SET plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000})
          WHERE id = ${transferId}::uuid AND attempt = ${attempt}::int AND plan_fence = ${attempt}::int
            AND state IN ('PLANNING', 'RUNNING')`;
        if (renewed === 0) this.#stop.abort(stoppedError('The transfer was stopped.'));
        return false;
      },
      renewMs,
      // The next one tells, or the next page.
      () => {},
    );
    planLeases.add(this);
  }

  /** Finds out at once whether the plan is still ours. */
  check(): void {
    this.#renewal.kick();
  }

  /** Planning has ended. */
  close(): void {
    this.#leases.delete(this);
    void this.#renewal.stop();
    this.#stop.abort(stoppedError('Planning has ended.'));
  }
}
