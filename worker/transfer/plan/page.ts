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
  /** Bytes of what it replaces; 0: nothing. Absent: nobody looked. */
  replacedBytes?: number;
  /** Why nothing is done about it after all. */
  problem?: AppError | undefined;
  /** Of the same stretch of the source: key of the object that goes to the same name and comes first. */
  rival?: string | undefined;
  /** Ordinal of the object that has its name; absent: none. */
  collidesWith?: number | undefined;
}

/** Columns of transfer_item as they are planned, a value for each object. */
class ItemColumns {
  readonly ordinal: number[] = [];
  readonly batchNumber: number[] = [];
  readonly action: TransferAction[] = [];
  readonly reason: (TransferReason | null)[] = [];
  readonly state: ('PENDING' | 'FAILED' | 'SKIPPED')[] = [];
  readonly sourceContainer: string[] = [];
  readonly sourceKey: string[] = [];
  readonly destinationContainer: string[] = [];
  readonly destinationKey: string[] = [];
  readonly sizeBytes: number[] = [];
  readonly modifiedAt: (Date | null)[] = [];
  readonly sourceVersion: (Version | null)[] = [];
  readonly destinationVersion: (Version | null)[] = [];
  readonly sourceRemoval: (SourceRemoval | null)[] = [];
  readonly errorCode: (ErrorCode | null)[] = [];
  readonly errorMessage: (string | null)[] = [];
  readonly collidesWith: (number | null)[] = [];
}

type ItemColumn = keyof ItemColumns;

/** What a stretch of a listing becomes. */
export class PlanPage {
  /** What its items come to. */
  readonly counts = {
    listed: noAmount(),
    planned: noAmount(),
    skipped: noAmount(),
    failed: noAmount(),
    deletions: 0,
    sourceRemovals: 0,
  };
  /** Why the first of them fails. */
  firstProblem: AppError | null = null;
  /** Objects that filters left out. */
  excluded = 0;
  /** Objects seen at the destination. */
  destinationObjects = 0;
  /** Bytes that the destination has room for beyond what is planned up to here; null: without bounds. undefined: as before it. */
  roomBytes: number | null | undefined;
  /** As the plan's checkpoint has them, behind this page. undefined: as before it. */
  writeDenials: number | null | undefined;
  readonly totals: Record<string, Amount> = {};
  /** What its objects will ask of the clouds, where that is counted. */
  readonly workload = emptyWorkload();
  readonly #firstBatch: number;
  readonly #batching: Batching;
  readonly #columns = new ItemColumns();
  #texts: Record<ItemColumn, string> | undefined;
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
    const sourceRemoval = problem ? null : object.sourceRemoval;
    const isWorkedOn = state === 'PENDING' || sourceRemoval !== null;
    this.#count(object, state);
    const columns = this.#columns;
    columns.ordinal.push(ordinal);
    columns.batchNumber.push(isWorkedOn ? this.#batchFor(object) : this.#batching.current);
    columns.action.push(action);
    columns.reason.push(object.reason);
    columns.state.push(state);
    columns.sourceContainer.push(object.source.container);
    columns.sourceKey.push(printable(object.source.key));
    columns.destinationContainer.push(object.destination.container);
    columns.destinationKey.push(printable(object.destination.key));
    columns.sizeBytes.push(sizeBytes);
    columns.modifiedAt.push(object.modifiedAt);
    columns.sourceVersion.push(object.version);
    columns.destinationVersion.push(object.destinationVersion);
    columns.sourceRemoval.push(sourceRemoval);
    columns.errorCode.push(problem?.code ?? null);
    columns.errorMessage.push(problem ? printable(problem.message) : null);
    columns.collidesWith.push(object.collidesWith ?? null);
    return ordinal;
  }

  /** Nothing more is added. Returns its columns as Postgres reads them, which costs as much as all the rest of a page. */
  seal(): Record<ItemColumn, string> {
    this.#texts ??= textsOf(this.#columns);
    return this.#texts;
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

  #count({ action, problem, sizeBytes, sourceRemoval }: PlannedObject, state: 'PENDING' | 'FAILED' | 'SKIPPED'): void {
    const { counts } = this;
    const inState = { PENDING: counts.planned, FAILED: counts.failed, SKIPPED: counts.skipped }[state];
    this.totals[problem?.code ?? action] ??= noAmount();
    for (const amount of [counts.listed, inState, this.totals[problem?.code ?? action] as Amount]) {
      amount.objects += 1;
      amount.bytes += sizeBytes;
    }
    if (problem) {
      this.firstProblem ??= problem;
      return;
    }
    if (action === 'DELETE') counts.deletions += 1;
    if (sourceRemoval === 'PENDING') counts.sourceRemovals += 1;
  }
}

const noAmount = (): Amount => ({ objects: 0, bytes: 0 });

/**
 * By columns: half the time, and half the memory, of the same rows in JSON. Only versions are JSON, and one text for all of
 * them is read once.
 */
function textsOf(columns: ItemColumns): Record<ItemColumn, string> {
  const { sourceVersion, destinationVersion, ...others } = columns;
  const texts = Object.entries(others).map(([name, values]: [string, (string | number | Date | null)[]]) => [
    name,
    // UNNEST fills what is shorter with NULL.
    values.every((value) => value === null) ? '{}' : arrayLiteral(values),
  ]);
  return {
    ...Object.fromEntries(texts),
    sourceVersion: JSON.stringify(sourceVersion),
    destinationVersion: JSON.stringify(destinationVersion),
  };
}

/** Postgres keeps no U+0000 in text. An object whose key holds one is not moved (NAME_NOT_ALLOWED). */
export function printable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/**
 * Writes a page's items and batches together with the checkpoint that accounts for them, in one statement behind the
 * planner's fence. `names`: hashes of those that its items take, with the ordinals of these. `isEnd`: nothing is left to list or to settle. null: another planner is at it, the transfer was stopped, or this very page was written before.
 */
export async function writePage(
  db: Db,
  plan: { transferId: string; attempt: number; before: unknown },
  page: PlanPage,
  names: ReadonlyMap<string, number>,
  after: PlanCheckpoint,
  isEnd: boolean,
): Promise<{ row: ProgressRow; due: boolean } | null> {
  const { transferId, attempt, before } = plan;
  const { counts, firstProblem } = page;
  const texts = page.seal();
  const [written] = await db.$queryRaw<(ProgressRow & { due: boolean })[]>`
    WITH locked AS MATERIALIZED (
      SELECT published_at FROM transfer WHERE id = ${transferId}::uuid FOR NO KEY UPDATE
    ), written AS (
      UPDATE transfer SET
        sequence = sequence + 1,
        plan_checkpoint = ${JSON.stringify(after)}::jsonb,
        plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000}),
        listing_complete = ${isEnd},
        objects_listed = objects_listed + ${counts.listed.objects}::int,
        objects_failed = objects_failed + ${counts.failed.objects}::int,
        objects_skipped = objects_skipped + ${counts.skipped.objects}::int,
        objects_excluded = objects_excluded + ${page.excluded}::int,
        objects_planned = objects_planned + ${counts.planned.objects}::int,
        deletions_planned = deletions_planned + ${counts.deletions}::int,
        source_removals_planned = source_removals_planned + ${counts.sourceRemovals}::int,
        bytes_listed = bytes_listed + ${counts.listed.bytes}::bigint,
        bytes_planned = bytes_planned + ${counts.planned.bytes}::bigint,
        bytes_abandoned = bytes_abandoned + ${counts.failed.bytes + counts.skipped.bytes}::bigint,
        bytes_skipped = bytes_skipped + ${counts.skipped.bytes}::bigint,
        batches_listed = batches_listed + ${page.batches.length}::int,
        error_code = coalesce(error_code, ${firstProblem?.code ?? null}),
        error_message = CASE WHEN error_code IS NULL THEN ${firstProblem ? printable(firstProblem.message) : null} ELSE error_message END,
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
        destination_version, source_removal, error_code, error_message, collides_with, finished_at)
      SELECT ${transferId}::uuid, x.ordinal, x.batch_number, x.action::"TransferAction", x.reason::"TransferReason",
        x.state::"TransferItemState", x.source_container, x.source_key, x.destination_container, x.destination_key,
        x.size_bytes, x.modified_at, nullif(x.source_version, 'null'), nullif(x.destination_version, 'null'), x.source_removal::"SourceRemoval",
        x.error_code, x.error_message, x.collides_with, CASE WHEN x.state <> 'PENDING' THEN now() END
      FROM written CROSS JOIN ROWS FROM (
        unnest(
          ${texts.ordinal}::int[], ${texts.batchNumber}::int[], ${texts.action}::text[], ${texts.reason}::text[],
          ${texts.state}::text[], ${texts.sourceContainer}::text[], ${texts.sourceKey}::text[],
          ${texts.destinationContainer}::text[], ${texts.destinationKey}::text[], ${texts.sizeBytes}::bigint[],
          ${texts.modifiedAt}::timestamptz[], ${texts.sourceRemoval}::text[], ${texts.errorCode}::text[],
          ${texts.errorMessage}::text[], ${texts.collidesWith}::int[]
        ),
        jsonb_array_elements(${texts.sourceVersion}::jsonb), jsonb_array_elements(${texts.destinationVersion}::jsonb)
      ) AS x(
        ordinal, batch_number, action, reason, state, source_container, source_key, destination_container,
        destination_key, size_bytes, modified_at, source_removal, error_code, error_message, collides_with, source_version,
        destination_version
      )
    ), batches AS (
      INSERT INTO transfer_batch (transfer_id, number, state, item_count, size_bytes)
      SELECT ${transferId}::uuid, x.number, x.state, x.item_count, x.size_bytes
      FROM written CROSS JOIN jsonb_to_recordset(${JSON.stringify(page.batches)}::jsonb)
        AS x(number int, state "TransferBatchState", item_count int, size_bytes bigint)
    ), names AS (
      INSERT INTO transfer_name (transfer_id, name_hash, ordinal)
      SELECT ${transferId}::uuid, decode(x.hash, 'hex'), x.ordinal FROM written CROSS JOIN unnest(
        ${arrayLiteral([...names.keys()])}::text[], ${arrayLiteral([...names.values()])}::int[]
      ) AS x(hash, ordinal)
    )
    SELECT * FROM written`;
  if (!written) return null;
  const { due, ...row } = written;
  return { row, due };
}
