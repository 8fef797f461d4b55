import { type DbSession, databaseTime, Prisma, type Transfer } from '../core/db.ts';
import { AppError, type ErrorCode } from '../core/errors.ts';
import { checkpointOf, droppedCode, followUpsOf, isDone, listedFailures } from './failures.ts';
import { compileGlobs } from './glob.ts';
import type { PlanCheckpoint } from './plan-checkpoint.ts';
import { emptyWorkload } from './plan-estimate.ts';
import { assertState, enqueuePlan, lockTransfer, usableAccount } from './transfer.ts';
import { maxGlobLength } from './transfer-options.ts';

/** Most globs of one filter: each is held against each failed object. */
export const maxRetryPaths = 20;
/** Paths that are held against globs at a time. */
const pathsAtOnce = 10_000;
/** A batch of a follow-up has no more objects, and begins another after so many bytes. */
const batchObjects = 100;
const batchBytes = 256 * 1024 * 1024;

/** Which failed items are meant; what is absent or empty does not matter. */
export interface FailedItemFilter {
  errorCodes?: readonly ErrorCode[] | undefined;
  /**
   * Globs (queue/glob.ts), held against the path with its container, `bucket/folder/*`: at the source, or at the
   * destination of what is not at the source. At most `maxRetryPaths`.
   */
  paths?: readonly string[] | undefined;
}

/** What a follow-up would try again of a transfer that has ended. */
interface OpenFailures {
  /** Holds for rows of `transfer_item AS item` that are the transfer's, failed or a dropped deletion, and open. */
  isOpen: Prisma.Sql;
  /** Source paths that could not be listed, each with its item's ordinal. */
  paths: PlanCheckpoint['failed'];
  checkpoint: PlanCheckpoint;
}

/**
 * The failures of a transfer that are open: not such as the listing brought to light, and not with a follow-up already. With
 * them the deletions that were dropped because a listing failed.
 * What a cancelled follow-up did not get done is open again.
 */
async function openFailures(db: DbSession, row: Transfer): Promise<OpenFailures> {
  const { ids, cancelled, relisted, areListed } = await followUpsOf(db, row.id);
  const checkpoint = checkpointOf(row.planCheckpoint);
  const paths = checkpoint.failed.filter(({ ordinal }) => !relisted.has(ordinal));
  const ordinalsOf = (failed: PlanCheckpoint['failed']) => failed.map(({ ordinal }) => ordinal);
  // Looked up one by one: what Postgres does not know of a new transfer yet makes joins of many by many.
  const isTaken =
    ids.length === 0
      ? Prisma.sql`false`
      : Prisma.sql`(
          SELECT true FROM transfer_item AS theirs
          WHERE theirs.transfer_id = ANY(${ids}::uuid[]) AND theirs.ordinal = item.ordinal
            AND (theirs.transfer_id <> ALL(${cancelled}::uuid[]) OR ${isDone})
          LIMIT 1) IS NOT NULL`;
  const isDropped = areListed
    ? Prisma.sql`item.state = 'SKIPPED' AND item.error_code = ${droppedCode} AND NOT ${isTaken}`
    : Prisma.sql`false`;
  const isOpen = Prisma.sql`item.transfer_id = ${row.id}::uuid AND ((${isDropped}) OR (item.state = 'FAILED'
    AND coalesce(item.error_code, '') <> ALL(${listedFailures}::text[])
    AND (item.ordinal = ANY(${ordinalsOf(paths)}::int[])
      OR (item.ordinal <> ALL(${ordinalsOf(checkpoint.failed)}::int[]) AND NOT ${isTaken}))))`;
  return { isOpen, paths, checkpoint };
}

/**
 * Makes a follow-up of a transfer that is COMPLETED_WITH_ERRORS or FAILED: a transfer that tries its open failures again
 * (those that the filter takes) by the same order and the same plan, under their ordinals, and lists source paths again that could not be
 * listed. The origin stays as it is. Of an approved plan, what changed since fails again, and a follow-up that lists is
 * planned first and waits for approval. Throws NOT_FOUND; CONFLICT in
 * another state, for an account that is disconnected, and when nothing is open; INVALID_INPUT, with `field`, for a filter
 * that is wrong or takes nothing. Not idempotent: the caller owns the idempotency key.
 */
export async function retryFailedItems(
  tx: DbSession,
  transferId: string,
  filter: FailedItemFilter = {},
): Promise<Transfer> {
  const matches = parsePaths(filter.paths ?? []);
  const origin = await lockTransfer(tx, transferId);
  assertState(origin, ['COMPLETED_WITH_ERRORS', 'FAILED'], 'retried');
  await usableAccount(tx, origin.userId, origin.sourceAccountId);
  await usableAccount(tx, origin.userId, origin.destinationAccountId);
  const open = await openFailures(tx, origin);
  const codes = filter.errorCodes ?? [];
  const isOfCode =
    codes.length === 0 ? Prisma.sql`true` : Prisma.sql`coalesce(error_code, 'INTERNAL') = ANY(${codes}::text[])`;
  let meant = Prisma.sql`SELECT item.* FROM transfer_item AS item WHERE ${open.isOpen} AND ${isOfCode}`;
  if (matches !== null) {
    const ordinals = await ordinalsAt(tx, meant, matches);
    meant = Prisma.sql`
      SELECT * FROM transfer_item WHERE transfer_id = ${origin.id}::uuid AND ordinal = ANY(${ordinals}::int[])`;
  }
  const paths = await meantPaths(tx, open.paths, meant);
  // Nothing is known to be extra before all that failed to be listed is.
  if (paths.length < open.paths.length) meant = Prisma.sql`SELECT * FROM (${meant}) AS meant WHERE state <> 'SKIPPED'`;
  const [dropped] = await tx.$queryRaw<{ any: boolean }[]>`
    SELECT EXISTS (SELECT 1 FROM (${meant}) AS meant WHERE state = 'SKIPPED') AS any`;
  const isPlanned = paths.length > 0 || dropped?.any === true;
  const followUp = await createFollowUp(tx, origin, open.checkpoint, paths, isPlanned);
  const copied = await copyItems(tx, origin, followUp, meant, paths);
  if (copied.objects === 0 && paths.length === 0) throw nothingToRetry(matches !== null || codes.length > 0);
  if (isPlanned) {
    await tx.$executeRaw`
      INSERT INTO transfer_name (transfer_id, name_hash, ordinal)
      SELECT ${followUp.id}::uuid, name_hash, ordinal FROM transfer_name WHERE transfer_id = ${origin.id}::uuid`;
    await enqueuePlan(tx, followUp, null);
  }
  const { objects, skipped, deletions, bytes, bytesSkipped, batches, totals, codes: retried } = copied;
  for (const { code } of paths) retried[code] = (retried[code] ?? 0) + 1;
  return tx.transfer.update({
    where: { id: followUp.id },
    data: {
      listingComplete: !isPlanned,
      objectsListed: objects,
      objectsSkipped: skipped,
      objectsPlanned: objects - skipped,
      deletionsPlanned: deletions,
      sourceRemovalsPlanned: origin.mode === 'MOVE' ? objects : 0,
      bytesListed: bytes,
      bytesPlanned: bytes - bytesSkipped,
      bytesAbandoned: bytesSkipped,
      bytesSkipped,
      batchesListed: batches,
      planCheckpoint: { ...checkpointOf(followUp.planCheckpoint), totals, retried },
    },
  });
}

function parsePaths(globs: readonly string[]): ((path: string) => boolean) | null {
  const wrong = (message: string) => new AppError('INVALID_INPUT', message, { field: ['filter', 'paths'] });
  if (globs.length > maxRetryPaths) throw wrong(`Give at most ${maxRetryPaths} globs.`);
  if (globs.some((glob) => glob === '' || glob.length > maxGlobLength)) {
    throw wrong(`A glob has 1 to ${maxGlobLength} characters.`);
  }
  if (globs.length === 0) return null;
  try {
    return compileGlobs(globs);
  } catch (error) {
    throw wrong((error as AppError).message);
  }
}

/** Ordinals of the meant items whose path matches, which is the one that they are shown by. */
async function ordinalsAt(
  tx: DbSession,
  meant: Prisma.Sql,
  matches: (path: string) => boolean,
): Promise<readonly number[]> {
  const found: number[] = [];
  let last: number | undefined = -1;
  while (last !== undefined) {
    const page: { ordinal: number; path: string }[] = await tx.$queryRaw`
      SELECT ordinal, CASE reason WHEN 'EXTRA' THEN destination_container || '/' || destination_key
          ELSE source_container || '/' || source_key END AS path FROM (${meant}) AS meant
      WHERE ordinal > ${last}::int ORDER BY ordinal LIMIT ${pathsAtOnce}`;
    for (const { ordinal, path } of page) if (matches(path)) found.push(ordinal);
    last = page.at(-1)?.ordinal;
  }
  return found;
}

type FailedPath = PlanCheckpoint['failed'][number] & { code: string };

async function meantPaths(tx: DbSession, failed: PlanCheckpoint['failed'], meant: Prisma.Sql): Promise<FailedPath[]> {
  if (failed.length === 0) return [];
  const rows = await tx.$queryRaw<{ ordinal: number; code: string }[]>`
    SELECT ordinal, coalesce(error_code, 'INTERNAL') AS code FROM (${meant}) AS meant
    WHERE ordinal = ANY(${failed.map(({ ordinal }) => ordinal)}::int[])`;
  const codes = new Map(rows.map(({ ordinal, code }) => [ordinal, code]));
  return failed.flatMap((path) => {
    const code = codes.get(path.ordinal);
    return code === undefined ? [] : [{ ...path, code }];
  });
}

/** The order of the origin, under way and with nothing in it yet. */
async function createFollowUp(
  tx: DbSession,
  origin: Transfer,
  planned: PlanCheckpoint,
  paths: readonly FailedPath[],
  isPlanned: boolean,
): Promise<Transfer> {
  const planCheckpoint: PlanCheckpoint = {
    ...planned,
    // Room and rights may have come since, and gone: both are asked for again.
    roomBytes: undefined,
    writeDenials: undefined,
    remaining: paths.map(({ path, cursor, destinationCursor, after }) => ({ path, cursor, destinationCursor, after })),
    totals: {},
    workload: emptyWorkload(),
    failed: [],
    relisted: paths.map(({ path, ordinal }) => ({ path, ordinal })),
  };
  const { userId, sourceAccountId, destinationAccountId, sourcePaths, destinationPath } = origin;
  const { mode, bandwidthLimit, dryRun, priority } = origin;
  // What is listed only now, and what was dropped, was no part of the plan that was approved.
  const isPlannedAnew = dryRun && isPlanned;
  const approvedAt = isPlannedAnew ? null : origin.approvedAt;
  return tx.transfer.create({
    data: {
      ...{ userId, sourceAccountId, destinationAccountId, sourcePaths, destinationPath },
      ...{ mode, bandwidthLimit, dryRun, approvedAt, priority },
      name: origin.retryOfId === null ? `Retry of ${origin.name}`.slice(0, 200) : origin.name,
      options: origin.options as Prisma.InputJsonObject,
      retryOfId: origin.id,
      state: isPlannedAnew ? 'PLANNING' : 'RUNNING',
      startedAt: await databaseTime(tx),
      planCheckpoint,
      sequence: 1,
    },
  });
}

interface CopiedItems {
  objects: number;
  skipped: number;
  deletions: number;
  bytes: bigint;
  bytesSkipped: bigint;
  batches: number;
  totals: PlanCheckpoint['totals'];
  /** By error code at the origin. */
  codes: Record<string, number>;
}

/** Gives the follow-up the items as they were planned, in batches of its own, deletions apart; dropped ones wait for the listing. */
async function copyItems(
  tx: DbSession,
  origin: Transfer,
  followUp: Transfer,
  meant: Prisma.Sql,
  paths: readonly FailedPath[],
): Promise<CopiedItems> {
  const [copied] = await tx.$queryRaw<CopiedItems[]>`
    WITH chosen AS (
      SELECT meant.*, (action = 'DELETE')::int + (state = 'SKIPPED')::int AS kind,
        (row_number() OVER so_far - 1) / ${batchObjects}::int AS nth,
        div(sum(size_bytes) OVER so_far - size_bytes, ${batchBytes}::bigint) AS stretch
      FROM (${meant}) AS meant
      WHERE ordinal <> ALL(${paths.map(({ ordinal }) => ordinal)}::int[])
      WINDOW so_far AS (ORDER BY ordinal ROWS UNBOUNDED PRECEDING)
    ), numbered AS MATERIALIZED (
      SELECT *, (dense_rank() OVER (ORDER BY kind, nth, stretch) - 1)::int AS number FROM chosen
    ), items AS (
      INSERT INTO transfer_item (transfer_id, ordinal, batch_number, action, reason, state, source_container, source_key,
        destination_container, destination_key, size_bytes, modified_at, source_version, destination_version,
        source_removal, finished_at)
      SELECT ${followUp.id}::uuid, ordinal, number, action, reason,
        CASE WHEN action = 'SKIP' THEN 'SKIPPED' ELSE 'PENDING' END::"TransferItemState", source_container, source_key,
        destination_container, destination_key, size_bytes, modified_at, source_version, destination_version,
        CASE WHEN ${origin.mode === 'MOVE'} THEN 'PENDING' END::"SourceRemoval",
        CASE WHEN action = 'SKIP' THEN now() END
      FROM numbered
    ), batches AS (
      INSERT INTO transfer_batch (transfer_id, number, state, item_count, size_bytes)
      SELECT ${followUp.id}::uuid, number, CASE kind WHEN 2 THEN 'HELD' ELSE 'READY' END::"TransferBatchState", count(*),
        sum(size_bytes)
      FROM numbered GROUP BY number, kind
      RETURNING number
    ), totals AS (
      SELECT action, count(*) AS objects, sum(size_bytes) AS bytes FROM numbered GROUP BY action
    ), codes AS (
      SELECT coalesce(error_code, 'INTERNAL') AS code, count(*) AS objects FROM numbered GROUP BY 1
    )
    SELECT coalesce(sum(objects), 0)::int AS objects,
      coalesce(sum(objects) FILTER (WHERE action = 'SKIP'), 0)::int AS skipped,
      coalesce(sum(objects) FILTER (WHERE action = 'DELETE'), 0)::int AS deletions,
      coalesce(sum(bytes), 0)::bigint AS bytes,
      coalesce(sum(bytes) FILTER (WHERE action = 'SKIP'), 0)::bigint AS "bytesSkipped",
      (SELECT count(*) FROM batches)::int AS batches,
      coalesce(jsonb_object_agg(action, jsonb_build_object('objects', objects, 'bytes', bytes)), '{}') AS totals,
      coalesce((SELECT jsonb_object_agg(code, objects) FROM codes), '{}') AS codes
    FROM totals`;
  if (!copied) throw new Error('An aggregate without GROUP BY has one row.');
  return copied;
}

function nothingToRetry(isFiltered: boolean): AppError {
  if (isFiltered) {
    const message =
      'No failed object that is left to retry matches the filter. Leave the filter out, or choose another.';
    return new AppError('INVALID_INPUT', message, { field: ['filter'] });
  }
  return new AppError(
    'CONFLICT',
    'Nothing is left to retry: a follow-up has it already (retry that one, should it have failed), or trying again does not mend it. Names are mended at the source; then start a new transfer.',
  );
}
