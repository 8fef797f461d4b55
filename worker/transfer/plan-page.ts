import { createHash } from 'node:crypto';
import type { Db } from '../../core/db.ts';
import { type AppError, type ErrorCode, toAppError } from '../../core/errors.ts';
import { destinationKey, type StoragePath } from '../../queue/path.ts';
import type { PlanCheckpoint } from '../../queue/plan-checkpoint.ts';
import { type ProgressRow, progressColumns } from '../../queue/progress.ts';
import { planLeaseMs } from '../../queue/transfer.ts';
import type { Capabilities } from '../../storage/capabilities.ts';
import type { Entry, StorageProvider, Version } from '../../storage/provider.ts';
import { Batching } from './batching.ts';
import { publishIntervalMs } from './checkpoint.ts';
import { isFolderMarker } from './folder.ts';

/** transfer_item as it is planned. */
interface PlannedItem {
  ordinal: number;
  batch_number: number;
  state: 'PENDING' | 'FAILED';
  source_container: string;
  source_key: string;
  destination_container: string;
  destination_key: string;
  size_bytes: number;
  source_version: Version | null;
  error_code: ErrorCode | null;
  error_message: string | null;
}

/** What one page of a listing becomes. */
export class PlanPage {
  readonly items: PlannedItem[] = [];
  readonly #batching: Batching;
  #nextOrdinal: number;

  constructor(nextOrdinal: number, nextBatch: number) {
    this.#nextOrdinal = nextOrdinal;
    this.#batching = new Batching(nextBatch);
  }

  get batches() {
    return this.#batching.batches;
  }

  get nextOrdinal(): number {
    return this.#nextOrdinal;
  }

  /** Adds an object; with `problem`, as one that is not moved. Returns its ordinal. */
  add(
    source: StoragePath,
    destination: StoragePath,
    entry: Pick<Entry, 'key' | 'sizeBytes' | 'version'>,
    problem?: AppError,
  ) {
    const ordinal = this.#nextOrdinal;
    this.#nextOrdinal += 1;
    this.items.push({
      ordinal,
      batch_number: problem ? this.#batching.current : this.#batching.add(entry.sizeBytes),
      state: problem ? 'FAILED' : 'PENDING',
      source_container: source.container,
      source_key: printable(entry.key),
      destination_container: destination.container,
      destination_key: printable(destinationKey(source, entry.key, destination)),
      size_bytes: entry.sizeBytes,
      source_version: entry.version,
      error_code: problem?.code ?? null,
      error_message: problem ? printable(problem.message) : null,
    });
    return ordinal;
  }
}

/** Postgres keeps no U+0000 in text. An object whose key holds one is not moved (NAME_NOT_ALLOWED). */
export function printable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** Why an object cannot have this name at the destination; undefined when it can. */
export function nameProblem(provider: StorageProvider, key: string, sizeBytes: number): AppError | undefined {
  try {
    provider.checkName(isFolderMarker(key, sizeBytes, provider.capabilities) ? key.slice(0, -1) : key);
    return undefined;
  } catch (error) {
    return toAppError(error);
  }
}

/** SHA-256 of the name by which the destination tells objects apart. */
export function nameHash(container: string, key: string, { caseSensitive }: Capabilities): string {
  // Container names hold no slash.
  const canonical = caseSensitive ? key : key.normalize('NFC').toLowerCase();
  return createHash('sha256').update(`${container}/${canonical}`).digest('hex');
}

/** Which of these names the transfer has given away already. */
export async function takenNames(db: Db, transferId: string, hashes: readonly string[]): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ hash: string }[]>`
    SELECT encode(name_hash, 'hex') AS hash FROM transfer_name
    WHERE transfer_id = ${transferId}::uuid
      AND name_hash IN (SELECT decode(hash, 'hex') FROM unnest(${hashes}::text[]) AS hash)`;
  return new Set(rows.map(({ hash }) => hash));
}

/**
 * Writes a page's items and batches together with the checkpoint that accounts for them, in one statement behind the
 * planner's fence. null: another planner is at it, the transfer was stopped, or this very page was written before.
 */
export async function writePage(
  db: Db,
  plan: { transferId: string; attempt: number; before: PlanCheckpoint | null },
  page: PlanPage,
  names: readonly string[],
  after: PlanCheckpoint,
): Promise<{ row: ProgressRow; due: boolean } | null> {
  const { transferId, attempt, before } = plan;
  const failed = page.items.filter(({ state }) => state === 'FAILED');
  const sum = (items: readonly PlannedItem[]) => items.reduce((total, { size_bytes }) => total + size_bytes, 0);
  const [written] = await db.$queryRaw<(ProgressRow & { due: boolean })[]>`
    WITH locked AS MATERIALIZED (
      SELECT published_at FROM transfer WHERE id = ${transferId}::uuid FOR NO KEY UPDATE
    ), written AS (
      UPDATE transfer SET
        sequence = sequence + 1,
        plan_checkpoint = ${JSON.stringify(after)}::jsonb,
        plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000}),
        listing_complete = ${after.remaining.length === 0},
        objects_listed = objects_listed + ${page.items.length}::int,
        objects_failed = objects_failed + ${failed.length}::int,
        bytes_listed = bytes_listed + ${sum(page.items)}::bigint,
        bytes_abandoned = bytes_abandoned + ${sum(failed)}::bigint,
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
      WHERE transfer.id = ${transferId}::uuid AND state = 'RUNNING'
        AND attempt = ${attempt}::int AND plan_fence = ${attempt}::int
        AND plan_checkpoint IS NOT DISTINCT FROM ${before === null ? null : JSON.stringify(before)}::jsonb
      RETURNING ${progressColumns},
        locked.published_at IS NULL
          OR locked.published_at <= now() - make_interval(secs => ${publishIntervalMs / 1_000}) AS due
    ), items AS (
      INSERT INTO transfer_item (transfer_id, ordinal, batch_number, state, source_container, source_key,
        destination_container, destination_key, size_bytes, source_version, error_code, error_message, finished_at)
      SELECT ${transferId}::uuid, x.ordinal, x.batch_number, x.state, x.source_container, x.source_key,
        x.destination_container, x.destination_key, x.size_bytes, nullif(x.source_version, 'null'),
        x.error_code, x.error_message, CASE WHEN x.state = 'FAILED' THEN now() END
      FROM written CROSS JOIN jsonb_to_recordset(${JSON.stringify(page.items)}::jsonb) AS x(
        ordinal int, batch_number int, state "TransferItemState", source_container text, source_key text,
        destination_container text, destination_key text, size_bytes bigint, source_version jsonb,
        error_code text, error_message text
      )
    ), batches AS (
      INSERT INTO transfer_batch (transfer_id, number, item_count, size_bytes)
      SELECT ${transferId}::uuid, x.number, x.item_count, x.size_bytes
      FROM written CROSS JOIN jsonb_to_recordset(${JSON.stringify(page.batches)}::jsonb)
        AS x(number int, item_count int, size_bytes bigint)
    ), names AS (
      INSERT INTO transfer_name (transfer_id, name_hash)
      SELECT ${transferId}::uuid, decode(hash, 'hex') FROM written CROSS JOIN unnest(${names}::text[]) AS hash
    )
    SELECT * FROM written`;
  if (!written) return null;
  const { due, ...row } = written;
  return { row, due };
}
