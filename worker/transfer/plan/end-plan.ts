import type { Db } from '../../../core/db.ts';
import { errorCodes } from '../../../core/errors.ts';
import type { JobPayload } from '../../../queue/jobs.ts';
import type { PlanCheckpoint } from '../../../queue/plan-checkpoint.ts';
import type { PlanEstimate } from '../../../queue/plan-estimate.ts';
import { type ProgressRow, progressColumns } from '../../../queue/progress.ts';
import { transferOptionsSchema } from '../../../queue/transfer-options.ts';
import type { TakenPlan } from './take-plan.ts';

/** What there is to settle at the end of a plan. */
export interface PlanOutcome {
  /** RELEASE: they may begin. KEEP: they wait for approval. DROP: a listing failed, so that nobody knows what is extra. */
  deletions: 'RELEASE' | 'KEEP' | 'DROP';
  /** Whether its owner has to approve of it before anything else happens. */
  awaitsApproval: boolean;
}

/** null: nothing, the last page ends the plan. */
export function outcomeOf(
  { dryRun, approvedAt, options }: Pick<TakenPlan, 'dryRun' | 'approvedAt' | 'options'>,
  { totals, destinationObjects, failed }: PlanCheckpoint,
): PlanOutcome | null {
  const deletions = totals.DELETE?.objects ?? 0;
  const isUnapproved = dryRun && approvedAt === null;
  if (deletions === 0) {
    const isOfFailures = Object.keys(totals).every((name) => (errorCodes as readonly string[]).includes(name));
    // Where nothing could be listed there is nothing to approve of.
    return isUnapproved ? { deletions: 'KEEP', awaitsApproval: failed.length === 0 || !isOfFailures } : null;
  }
  if (failed.length > 0) return { deletions: 'DROP', awaitsApproval: isUnapproved };
  const limit = transferOptionsSchema.parse(options).deletionLimit;
  const isOverLimit = deletions > limit.objects || deletions > limit.share * destinationObjects;
  const awaitsApproval = isUnapproved || (isOverLimit && approvedAt === null);
  return { deletions: awaitsApproval ? 'KEEP' : 'RELEASE', awaitsApproval };
}

/** Ends the listing behind the planner's fence. `estimate`: what a dry run comes to. null: another planner is at it, or the transfer was stopped. */
export async function endPlan(
  db: Db,
  { transferId, attempt }: JobPayload<'transfer.plan'>,
  { deletions, awaitsApproval }: PlanOutcome,
  estimate: PlanEstimate | null,
): Promise<ProgressRow | null> {
  const message = 'Nothing is deleted, because not everything could be listed.';
  const [row] = await db.$queryRaw<ProgressRow[]>`
    WITH locked AS MATERIALIZED (
      SELECT id FROM transfer
      WHERE id = ${transferId}::uuid AND state IN ('PLANNING', 'RUNNING') AND NOT listing_complete
        AND attempt = ${attempt}::int AND plan_fence = ${attempt}::int
      FOR NO KEY UPDATE
    ), settled AS (
      UPDATE transfer_batch AS batch
      SET state = CASE WHEN ${deletions}::text = 'RELEASE' THEN 'READY' ELSE 'DONE' END::"TransferBatchState"
      FROM locked
      WHERE batch.transfer_id = ${transferId}::uuid AND batch.state = 'HELD' AND ${deletions}::text <> 'KEEP'
      RETURNING batch.number, batch.item_count
    ), dropped AS (
      UPDATE transfer_item AS item
      SET state = 'SKIPPED', finished_at = now(), error_code = 'LISTING_INCOMPLETE', error_message = ${message}::text
      FROM settled
      WHERE ${deletions}::text = 'DROP' AND item.transfer_id = ${transferId}::uuid AND item.batch_number = settled.number
        AND item.action = 'DELETE' AND item.state = 'PENDING'
      RETURNING 1
    ), counted AS MATERIALIZED (
      SELECT (SELECT count(*) FROM dropped)::int AS objects,
        (SELECT count(*) FROM settled WHERE ${deletions}::text = 'DROP')::int AS batches
    )
    UPDATE transfer
    SET listing_complete = true, plan_estimate = coalesce(${estimate === null ? null : JSON.stringify(estimate)}::jsonb, plan_estimate),
      sequence = sequence + 1, updated_at = now(), published_at = now(),
      state = CASE WHEN ${awaitsApproval}::boolean THEN 'AWAITING_APPROVAL' ELSE 'RUNNING' END::"TransferState",
      objects_skipped = objects_skipped + counted.objects,
      objects_planned = objects_planned - counted.objects,
      deletions_planned = deletions_planned - counted.objects,
      batches_done = batches_done + counted.batches,
      plan_checkpoint = CASE WHEN ${deletions}::text = 'DROP'
        THEN jsonb_set(plan_checkpoint #- '{totals,DELETE}', '{totals,LISTING_INCOMPLETE}', jsonb_build_object(
          'objects', counted.objects + coalesce((plan_checkpoint #>> '{totals,LISTING_INCOMPLETE,objects}')::int, 0),
          'bytes', 0
        ))
        ELSE plan_checkpoint
      END
    FROM locked, counted
    WHERE transfer.id = locked.id
    RETURNING ${progressColumns}`;
  return row ?? null;
}
