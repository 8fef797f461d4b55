import {
  arrayLiteral,
  type Db,
  type SourceRemoval,
  type TransferAction,
  type TransferReason,
} from '../../../core/db.ts';
import type { AppError, ErrorCode } from '../../../core/errors.ts';
import type { Amount, PlanCheckpoint } from '../../../queue/plan-checkpoint.ts';
import { emptyWorkload } from '../../../queue/plan-estimate.ts';
import { type ProgressRow, progressColumns } from '../../../queue/progress.ts';
import { planLeaseMs } from '../../../queue/transfer.ts';
import type { Location, Version } from '../../../storage/provider.ts';
import { publishIntervalMs } from '../checkpoint.ts';
import { Batching } from './batching.ts';

/** An object as the plan has it. */
export interface PlannedObject {
  source: Location;
  destination: Location;
  sizeBytes: number;
  modifiedAt: Date | null;
  version: Version | null;
  action: TransferAction;
  reason: TransferReason | null;
  /** What was found at the destination; an empty one: nothing. null: nobody looked. */
  destinationVersion: Version | null;
  sourceRemoval: SourceRemoval | null;
  /** Why nothing is done about it after all. */
  problem?: AppError | undefined;
}

/** transfer_item as it is planned. */
interface PlannedItem {
  ordinal: number;
  batch_number: number;
  action: TransferAction;
  reason: TransferReason | null;
  state: 'PENDING' | 'FAILED' | 'SKIPPED';
  source_container: string;
  source_key: string;
  destination_container: string;
  destination_key: string;
  size_bytes: number;
  modified_at: Date | null;
  source_version: Version | null;
  destination_version: Version | null;
  source_removal: SourceRemoval | null;
  error_code: ErrorCode | null;
  error_message: string | null;
}

/** What a stretch of a listing becomes. */
export class PlanPage {
  readonly items: PlannedItem[] = [];
  /** Objects that filters left out. */
  excluded = 0;
  /** Objects seen at the destination. */
  destinationObjects = 0;
  readonly totals: Record<string, Amount> = {};
  /** What its objects will ask of the clouds, where that is counted. */
  readonly workload = emptyWorkload();
  readonly #firstBatch: number;
  readonly #batching: Batching;
  #nextOrdinal: number;

  constructor(nextOrdinal: number, nextBatch: number) {
    this.#nextOrdinal = nextOrdinal;
    this.#firstBatch = nextBatch;
    this.#batching = new Batching(nextBatch);
  }

  get batches() {
    return this.#batching.batches;
  }

  get nextOrdinal(): number {
    return this.#nextOrdinal;
  }

  /** An empty one whose ordinals and batches come behind those of this one. */
  following(): PlanPage {
    return new PlanPage(this.#nextOrdinal, this.#firstBatch + this.batches.length);
  }

  /** Adds an object. Returns its ordinal. */
  add(object: PlannedObject): number {
    const { action, problem, sizeBytes } = object;
    const ordinal = this.#nextOrdinal;
    this.#nextOrdinal += 1;
    const state = problem ? 'FAILED' : action === 'SKIP' ? 'SKIPPED' : 'PENDING';
    const isWorkedOn = state === 'PENDING' || object.sourceRemoval !== null;
    this.#count(problem?.code ?? action, sizeBytes);
    this.items.push({
      ordinal,
      batch_number: problem || !isWorkedOn ? this.#batching.current : this.#batchFor(object),
      action,
      reason: object.reason,
      state,
      source_container: object.source.container,
      source_key: printable(object.source.key),
      destination_container: object.destination.container,
      destination_key: printable(object.destination.key),
      size_bytes: sizeBytes,
      modified_at: object.modifiedAt,
      source_version: object.version,
      destination_version: object.destinationVersion,
      source_removal: problem ? null : object.sourceRemoval,
      error_code: problem?.code ?? null,
      error_message: problem ? printable(problem.message) : null,
    });
    return ordinal;
  }

  /** The totals of a plan with those of this page. */
  addedTo(totals: PlanCheckpoint['totals']): PlanCheckpoint['totals'] {
    const sums = { ...totals };
    for (const [name, { objects, bytes }] of Object.entries(this.totals)) {
      const before = sums[name] ?? { objects: 0, bytes: 0 };
      sums[name] = { objects: before.objects + objects, bytes: before.bytes + bytes };
    }
    return sums;
  }

  #batchFor({ action, sizeBytes }: PlannedObject): number {
    return action === 'DELETE' ? this.#batching.addDeletion() : this.#batching.add(action === 'SKIP' ? 0 : sizeBytes);
  }

  #count(name: string, bytes: number): void {
    const total = this.totals[name] ?? { objects: 0, bytes: 0 };
    this.totals[name] = { objects: total.objects + 1, bytes: total.bytes + bytes };
  }
}

/** Postgres keeps no U+0000 in text. An object whose key holds one is not moved (NAME_NOT_ALLOWED). */
export function printable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/**
 * Writes a page's items and batches together with the checkpoint that accounts for them, in one statement behind the
 * planner's fence. `isEnd`: nothing is left to list or to settle. null: another planner is at it, the transfer was stopped, or this very page was written before.
 */
export async function writePage(
  db: Db,
  plan: { transferId: string; attempt: number; before: unknown },
  page: PlanPage,
  names: readonly string[],
  after: PlanCheckpoint,
  isEnd: boolean,
): Promise<{ row: ProgressRow; due: boolean } | null> {
  const { transferId, attempt, before } = plan;
  const inState = (state: PlannedItem['state']) => page.items.filter((item) => item.state === state);
  const [failed, skipped, planned] = [inState('FAILED'), inState('SKIPPED'), inState('PENDING')];
  const deletions = planned.filter(({ action }) => action === 'DELETE').length;
  const removals = page.items.filter(({ source_removal }) => source_removal === 'PENDING').length;
  const sum = (...groups: (readonly PlannedItem[])[]) =>
    groups.flat().reduce((total, { size_bytes }) => total + size_bytes, 0);
  // By columns: half the time, and half the memory, of the same rows in JSON.
  const column = (name: keyof PlannedItem) => arrayLiteral(page.items.map((item) => item[name]));
  const [written] = await db.$queryRaw<(ProgressRow & { due: boolean })[]>`
    WITH locked AS MATERIALIZED (
      SELECT published_at FROM transfer WHERE id = ${transferId}::uuid FOR NO KEY UPDATE
    ), written AS (
      UPDATE transfer SET
        sequence = sequence + 1,
        plan_checkpoint = ${JSON.stringify(after)}::jsonb,
        plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000}),
        listing_complete = ${isEnd},
        objects_listed = objects_listed + ${page.items.length}::int,
        objects_failed = objects_failed + ${failed.length}::int,
        objects_skipped = objects_skipped + ${skipped.length}::int,
        objects_excluded = objects_excluded + ${page.excluded}::int,
        objects_planned = objects_planned + ${planned.length}::int,
        deletions_planned = deletions_planned + ${deletions}::int,
        source_removals_planned = source_removals_planned + ${removals}::int,
        bytes_listed = bytes_listed + ${sum(page.items)}::bigint,
        bytes_planned = bytes_planned + ${sum(planned)}::bigint,
        bytes_abandoned = bytes_abandoned + ${sum(failed, skipped)}::bigint,
        bytes_skipped = bytes_skipped + ${sum(skipped)}::bigint,
        batches_listed = batches_listed + ${page.batches.length}::int,
        error_code = coalesce(error_code, ${failed[0]?.error_code ?? null}),
        error_message = CASE WHEN error_code IS NULL THEN ${failed[0]?.error_message ?? null} ELSE error_message END,
        published_at = CASE
          WHEN locked.published_at > now() - make_interval(secs => ${publishIntervalMs / 1_000})
            THEN locked.published_at
          ELSE now()
        END,
        updated_at = now()
      FROM locked
      WHERE transfer.id = ${transferId}::uuid AND state IN ('PLANNING', 'RUNNING')
        AND attempt = ${attempt}::int AND plan_fence = ${attempt}::int
        AND plan_checkpoint IS NOT DISTINCT FROM ${before === null ? null : JSON.stringify(before)}::jsonb
      RETURNING ${progressColumns},
        locked.published_at IS NULL
          OR locked.published_at <= now() - make_interval(secs => ${publishIntervalMs / 1_000}) AS due
    ), items AS (
      INSERT INTO transfer_item (transfer_id, ordinal, batch_number, action, reason, state, source_container,
        source_key, destination_container, destination_key, size_bytes, modified_at, source_version,
        destination_version, source_removal, error_code, error_message, finished_at)
      SELECT ${transferId}::uuid, x.ordinal, x.batch_number, x.action::"TransferAction", x.reason::"TransferReason",
        x.state::"TransferItemState", x.source_container, x.source_key, x.destination_container, x.destination_key,
        x.size_bytes, x.modified_at, x.source_version, x.destination_version, x.source_removal::"SourceRemoval",
        x.error_code, x.error_message, CASE WHEN x.state <> 'PENDING' THEN now() END
      FROM written CROSS JOIN unnest(
        ${column('ordinal')}::int[], ${column('batch_number')}::int[], ${column('action')}::text[],
        ${column('reason')}::text[], ${column('state')}::text[], ${column('source_container')}::text[],
        ${column('source_key')}::text[], ${column('destination_container')}::text[],
        ${column('destination_key')}::text[], ${column('size_bytes')}::bigint[],
        ${column('modified_at')}::timestamptz[], ${column('source_version')}::jsonb[],
        ${column('destination_version')}::jsonb[], ${column('source_removal')}::text[],
        ${column('error_code')}::text[], ${column('error_message')}::text[]
      ) AS x(
        ordinal, batch_number, action, reason, state, source_container, source_key, destination_container,
        destination_key, size_bytes, modified_at, source_version, destination_version, source_removal, error_code,
        error_message
      )
    ), batches AS (
      INSERT INTO transfer_batch (transfer_id, number, state, item_count, size_bytes)
      SELECT ${transferId}::uuid, x.number, x.state, x.item_count, x.size_bytes
      FROM written CROSS JOIN jsonb_to_recordset(${JSON.stringify(page.batches)}::jsonb)
        AS x(number int, state "TransferBatchState", item_count int, size_bytes bigint)
    ), names AS (
      INSERT INTO transfer_name (transfer_id, name_hash)
      SELECT ${transferId}::uuid, decode(hash, 'hex') FROM written CROSS JOIN unnest(${arrayLiteral(names)}::text[]) AS hash
    )
    SELECT * FROM written`;
  if (!written) return null;
  const { due, ...row } = written;
  return { row, due };
}
