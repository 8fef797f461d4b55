import type { TransferMode } from '../../../core/db.ts';
import type { JobPayload } from '../../../queue/jobs.ts';
import { enqueue } from '../../../queue/outbox.ts';
import { type ProgressRow, progressColumns } from '../../../queue/progress.ts';
import { planLeaseMs } from '../../../queue/transfer.ts';
import type { Engine } from '../engine.ts';

/** A transfer as its planner finds it. */
export interface TakenPlan extends ProgressRow {
  sourceId: string;
  sourceUpdatedAt: Date;
  destinationId: string;
  destinationUpdatedAt: Date;
  sourcePaths: string[];
  destinationPath: string;
  mode: TransferMode;
  options: unknown;
  dryRun: boolean;
  approvedAt: Date | null;
  startedAt: Date;
  planCheckpoint: unknown;
  batchesListed: number;
  bandwidthLimit: bigint | null;
}

/** Takes the plan under its fencing token, which is the attempt: each attempt can be taken once. */
export async function takePlan(
  { db }: Engine,
  { transferId, attempt }: JobPayload<'transfer.plan'>,
): Promise<TakenPlan | null> {
  const [row] = await db.$queryRaw<TakenPlan[]>`
    UPDATE transfer
    SET plan_fence = attempt, started_at = coalesce(started_at, now()), sequence = sequence + 1,
      state = CASE WHEN dry_run AND approved_at IS NULL THEN 'PLANNING' ELSE 'RUNNING' END::"TransferState",
      plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000}), updated_at = now()
    FROM cloud_account AS source, cloud_account AS destination
    WHERE transfer.id = ${transferId}::uuid AND attempt = ${attempt}::int AND plan_fence < attempt
      AND state IN ('SCHEDULED', 'QUEUED', 'PLANNING', 'RUNNING') AND NOT listing_complete
      AND source.id = source_account_id AND destination.id = destination_account_id
    RETURNING ${progressColumns}, source.id AS "sourceId", source.updated_at AS "sourceUpdatedAt",
      destination.id AS "destinationId", destination.updated_at AS "destinationUpdatedAt",
      source_paths AS "sourcePaths",
      destination_path AS "destinationPath", mode::text AS mode, options, dry_run AS "dryRun",
      approved_at AS "approvedAt", started_at AS "startedAt", plan_checkpoint AS "planCheckpoint", batches_listed AS "batchesListed",
      bandwidth_limit_bytes_per_second AS "bandwidthLimit"`;
  return row ?? null;
}

/** Promises another job that goes on where this one stopped. */
export async function promiseAnew({ db }: Engine, { transferId, attempt }: JobPayload<'transfer.plan'>): Promise<void> {
  await db.$transaction(async (tx) => {
    const [next] = await tx.$queryRaw<{ attempt: number }[]>`
      UPDATE transfer
      SET attempt = attempt + 1, plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000}),
        updated_at = now()
      WHERE id = ${transferId}::uuid AND attempt = ${attempt}::int AND NOT listing_complete
        AND state IN ('SCHEDULED', 'QUEUED', 'PLANNING', 'RUNNING')
      RETURNING attempt`;
    if (next) await enqueue(tx, 'transfer.plan', { transferId, attempt: next.attempt });
  });
}
