import {
  type CloudAccount,
  type DbSession,
  databaseTime,
  type Transfer,
  type TransferMode,
  type TransferPriority,
  type TransferState,
} from '../core/db.ts';
import { AppError } from '../core/errors.ts';
import { decodeKey } from './key-encoding.ts';
import { assertManifest } from './manifest.ts';
import { enqueue } from './outbox.ts';
import {
  destinationPrefix,
  foldKey,
  lastName,
  parseDestination,
  parsePath,
  readsItsOwn,
  type StoragePath,
  withoutCovered,
} from './path.ts';
import { storeOf } from './store.ts';
import {
  type GivenTransferOptions,
  maxConcurrency,
  parseTransferOptions,
  type TransferOptions,
} from './transfer-options.ts';

export { publishControl, publishTransfer, toProgress } from './progress.ts';

/**
 * The life of a transfer, each step a guarded change of its row in the caller's transaction. The caller commits and
 * then tells others: `publishTransfer` with the returned row, and `publishControl` where workers may hold it.
 * Asking for a state that already holds is a success and changes nothing.
 */

/** Weight of a priority in admission and in the order of the outbox. */
export const priorityWeights = { LOW: 1, NORMAL: 2, HIGH: 4 } as const satisfies Record<TransferPriority, number>;

/** A planning job that shows no sign of life for so long is promised again. */
export const planLeaseMs = 15_000;

const maxSourcePaths = 1_000;
/** Bytes a second: with less, a part takes so long that clouds cut its request off. */
export const minBandwidthLimit = 32_768n;
/** What is counted exactly; no machine moves as much. */
const maxBandwidthLimit = BigInt(Number.MAX_SAFE_INTEGER);

export interface SubmitTransfer {
  userId: string;
  sourceAccountId: string;
  destinationAccountId: string;
  /** As queue/path.ts reads them, 1 to 1,000; repeated ones, and what others bring along to the same place, count once. */
  sourcePaths: readonly string[];
  destinationPath: string;
  /** Default: made from the paths. */
  name?: string | undefined;
  /** In the past or absent: at once. */
  startAt?: Date | undefined;
  /** Default: NORMAL. */
  priority?: TransferPriority | undefined;
  /** Default: COPY. */
  mode?: TransferMode | undefined;
  /** What differs from the defaults. */
  options?: GivenTransferOptions | undefined;
  /** Bytes a second that relays move over all workers, at least `minBandwidthLimit`. Default: no limit. */
  bandwidthLimit?: bigint | undefined;
  /** Plans only, and waits for approval. Default: false. */
  dryRun?: boolean | undefined;
  /** The schedule that orders it. */
  scheduleId?: string | undefined;
}

/**
 * Writes the transfer and the promise to plan it. Throws INVALID_INPUT (with `field`) for a wrong path and for a
 * source that holds its own destination, NOT_FOUND for an account that is not the user's, CONFLICT for a
 * disconnected one. Not idempotent: the caller owns the idempotency key.
 */
export async function submitTransfer(tx: DbSession, request: SubmitTransfer): Promise<Transfer> {
  const { sourcePaths, options, mode } = await parseOrder(tx, request);
  const startAt = await stillToCome(tx, request.startAt);
  const priority = request.priority ?? 'NORMAL';
  const row = await tx.transfer.create({
    data: {
      userId: request.userId,
      sourceAccountId: request.sourceAccountId,
      destinationAccountId: request.destinationAccountId,
      sourcePaths,
      destinationPath: request.destinationPath,
      name: request.name ?? defaultName(sourcePaths, request.destinationPath),
      mode,
      options,
      bandwidthLimit: request.bandwidthLimit ?? null,
      dryRun: request.dryRun ?? false,
      scheduleId: request.scheduleId ?? null,
      state: startAt ? 'SCHEDULED' : 'QUEUED',
      priority,
      startAt,
      sequence: 1,
    },
  });
  await enqueuePlan(tx, row, startAt);
  return row;
}

/** What an order comes down to; throws as `submitTransfer` does. */
export async function parseOrder(
  tx: DbSession,
  request: SubmitTransfer,
): Promise<{ sourcePaths: string[]; options: TransferOptions; mode: TransferMode }> {
  const given = request.sourcePaths;
  if (given.length < 1 || given.length > maxSourcePaths) {
    const message = `Choose between 1 and ${maxSourcePaths.toLocaleString('en')} source paths.`;
    throw new AppError('INVALID_INPUT', message, { field: ['sourcePaths'] });
  }
  const destination = parseDestination(request.destinationPath, ['destinationPath']);
  const wanted = [...new Set(given)].map((path) => ({ path, ...parsePath(path, ['sourcePaths']) }));
  const sources = withoutCovered(wanted, destination);
  const sourcePaths = sources.map(({ path }) => path);
  const from = await usableAccount(tx, request.userId, request.sourceAccountId, 'sourceAccountId');
  const to = await usableAccount(tx, request.userId, request.destinationAccountId, 'destinationAccountId');
  const fold = foldOf(to);
  const mode = request.mode ?? 'COPY';
  const options = parseTransferOptions(mode, request.options ?? {});
  // What is encoded depends on the destination's cloud, and no two names become one by it.
  const rename = options.names === 'DECODE' ? decodeKey : undefined;
  if (storeOf(from) === storeOf(to) && readsItsOwn(sources, destination, fold, rename)) {
    const message = 'The destination lies inside a source, or a source inside it. Choose another destination.';
    throw new AppError('INVALID_INPUT', message, { field: ['destinationPath'] });
  }
  if (options.filter.manifestId !== null) await assertManifest(tx, request.userId, options.filter.manifestId);
  if (mode === 'SYNC') assertMirrorable(sources, (source) => fold(destinationPrefix(source, destination, rename)));
  if (mode === 'MOVE') assertMovable(sources, foldOf(from));
  assertBandwidthLimit(request.bandwidthLimit);
  return { sourcePaths, options, mode };
}

export interface TransferChanges {
  name?: string | undefined;
  priority?: TransferPriority | undefined;
  /** As ordered; null: no limit. */
  bandwidthLimit?: bigint | null | undefined;
  /** Of the options; null: no limit. */
  concurrency?: number | null | undefined;
}

/**
 * Changes what may change until the end; what is undefined stays. Workers hold to another bandwidth limit within 2 s, and
 * to another concurrency with the batches that they are given from then on. NOT_FOUND, INVALID_INPUT, CONFLICT once it has ended. Idempotent.
 */
export async function updateTransfer(tx: DbSession, transferId: string, changes: TransferChanges): Promise<Transfer> {
  assertBandwidthLimit(changes.bandwidthLimit);
  assertConcurrency(changes.concurrency);
  const row = await lockTransfer(tx, transferId);
  assertState(row, [...goingStates, 'AWAITING_APPROVAL', 'PAUSED'], 'changed');
  const { name = row.name, priority = row.priority, bandwidthLimit = row.bandwidthLimit } = changes;
  const { concurrency } = changes;
  const options = concurrency === undefined ? {} : { options: { ...(row.options as object), concurrency } };
  return tx.transfer.update({
    where: { id: transferId },
    data: { ...nextSequence, ...options, name, priority, bandwidthLimit },
  });
}

/** Throws INVALID_INPUT for a limit below `minBandwidthLimit`, and for one beyond what is counted exactly. */
export function assertBandwidthLimit(limit: bigint | null | undefined): void {
  if (limit == null || (limit >= minBandwidthLimit && limit <= maxBandwidthLimit)) return;
  const message =
    limit < minBandwidthLimit
      ? `A bandwidth limit is at least ${minBandwidthLimit} bytes a second. Choose more, or pause the transfer.`
      : `A bandwidth limit is at most ${maxBandwidthLimit} bytes a second. Choose less, or no limit.`;
  throw new AppError('INVALID_INPUT', message, { field: ['bandwidthLimit'] });
}

/** Throws INVALID_INPUT for less than 1 and more than `maxConcurrency`. */
export function assertConcurrency(concurrency: number | null | undefined): void {
  if (concurrency == null || (concurrency >= 1 && concurrency <= maxConcurrency)) return;
  const message = `Choose between 1 and ${maxConcurrency.toLocaleString('en')} objects at a time.`;
  throw new AppError('INVALID_INPUT', message, { field: ['concurrency'] });
}

/** SCHEDULED, QUEUED, PLANNING, RUNNING -> PAUSED. Checkpoints stay; workers stop within 2 s. NOT_FOUND, CONFLICT. */
export async function pauseTransfer(tx: DbSession, transferId: string): Promise<Transfer> {
  const row = await lockTransfer(tx, transferId);
  if (row.state === 'PAUSED') return row;
  assertState(row, ['SCHEDULED', 'QUEUED', 'PLANNING', 'RUNNING'], 'paused');
  return tx.transfer.update({ where: { id: transferId }, data: { ...nextSequence, ...stopped, state: 'PAUSED' } });
}

/** PAUSED -> where it was; moved on from the checkpoints. NOT_FOUND, CONFLICT. */
export async function resumeTransfer(tx: DbSession, transferId: string): Promise<Transfer> {
  const row = await lockTransfer(tx, transferId);
  if (goingStates.includes(row.state)) return row;
  assertState(row, ['PAUSED'], 'resumed');
  const startAt = await stillToCome(tx, row.startAt);
  const underWay: TransferState = row.dryRun && row.approvedAt === null ? 'PLANNING' : 'RUNNING';
  const state: TransferState = row.startedAt ? underWay : startAt ? 'SCHEDULED' : 'QUEUED';
  return goOn(tx, row, startAt, { state });
}

/**
 * AWAITING_APPROVAL -> RUNNING: a planned dry run is moved exactly as planned, deletions beyond the limit are made.
 * Approving what goes on already changes nothing. NOT_FOUND, CONFLICT, also for an account that is disconnected.
 */
export async function approveTransfer(tx: DbSession, transferId: string): Promise<Transfer> {
  const row = await lockTransfer(tx, transferId);
  if (row.approvedAt !== null && row.state === 'RUNNING') return row;
  assertState(row, ['AWAITING_APPROVAL'], 'approved');
  await usableAccount(tx, row.userId, row.sourceAccountId);
  await usableAccount(tx, row.userId, row.destinationAccountId);
  await releaseHeld(tx, transferId);
  return tx.transfer.update({
    where: { id: transferId },
    data: { ...nextSequence, state: 'RUNNING', approvedAt: await databaseTime(tx) },
  });
}

async function releaseHeld(tx: DbSession, transferId: string): Promise<void> {
  await tx.transferBatch.updateMany({ where: { transferId, state: 'HELD' }, data: { state: 'READY' } });
}

/** Any state that is not an end -> CANCELLED. Workers stop within 2 s and drop unfinished uploads. NOT_FOUND, CONFLICT. */
export async function cancelTransfer(tx: DbSession, transferId: string): Promise<Transfer> {
  const row = await lockTransfer(tx, transferId);
  if (row.state === 'CANCELLED') return row;
  assertState(row, [...goingStates, 'AWAITING_APPROVAL', 'PAUSED'], 'cancelled');
  // Whoever takes a batch now cancels its items, deletions too.
  await releaseHeld(tx, transferId);
  const data = { ...nextSequence, ...stopped, state: 'CANCELLED', finishedAt: await databaseTime(tx) } as const;
  return tx.transfer.update({ where: { id: transferId }, data });
}

/** The time, if it is one that has not come yet. */
async function stillToCome(tx: DbSession, time: Date | null | undefined): Promise<Date | null> {
  return time && time > (await databaseTime(tx)) ? time : null;
}

type TransferUpdate = Parameters<DbSession['transfer']['update']>[0]['data'];

/** Makes the change and, where listing is not complete, promises a new attempt at it. */
async function goOn(tx: DbSession, row: Transfer, startAt: Date | null, data: TransferUpdate): Promise<Transfer> {
  const next = await tx.transfer.update({
    where: { id: row.id },
    data: { ...nextSequence, ...data, attempt: { increment: 1 } },
  });
  if (!next.listingComplete) await enqueuePlan(tx, next, startAt);
  return next;
}

/** Promises a worker's look at the plan, at once or from `startAt` on. */
export async function enqueuePlan(tx: DbSession, row: Transfer, startAt: Date | null): Promise<void> {
  await enqueue(
    tx,
    'transfer.plan',
    { transferId: row.id, attempt: row.attempt },
    { priority: priorityWeights[row.priority], ...(startAt && { availableAt: startAt }) },
  );
  // By the database's clock, as it is judged.
  await tx.$executeRaw`
    UPDATE transfer
    SET plan_lease_until = coalesce(${startAt}::timestamptz, now()) + make_interval(secs => ${planLeaseMs / 1_000})
    WHERE id = ${row.id}::uuid`;
}

/** Wait for a worker or have one. */
const goingStates: readonly TransferState[] = ['SCHEDULED', 'QUEUED', 'PLANNING', 'RUNNING'];
const nextSequence = { sequence: { increment: 1 } } as const;
const stopped = {
  speedBytesPerSecond: 0,
  paceBytesPerSecond: 0,
  speedAt: null,
  speedSince: null,
  throttledUntil: null,
} as const;

/** The row, locked until the transaction ends. Whoever changes a transfer, its batches or items, locks it first. */
export async function lockTransfer(tx: DbSession, transferId: string): Promise<Transfer> {
  await tx.$queryRaw`SELECT 1 FROM transfer WHERE id = ${transferId}::uuid FOR NO KEY UPDATE`;
  const row = await tx.transfer.findUnique({ where: { id: transferId } });
  if (!row) throw new AppError('NOT_FOUND', 'There is no such transfer.');
  return row;
}

const stateWords: Record<TransferState, string> = {
  SCHEDULED: 'scheduled',
  QUEUED: 'queued',
  PLANNING: 'being planned',
  AWAITING_APPROVAL: 'waiting for approval',
  RUNNING: 'running',
  PAUSED: 'paused',
  COMPLETED: 'completed',
  COMPLETED_WITH_ERRORS: 'completed with errors',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
};

/** Throws CONFLICT for a transfer in another state. `verb`: what cannot be done to it. */
export function assertState(row: Transfer, allowed: readonly TransferState[], verb: string): void {
  if (allowed.includes(row.state)) return;
  throw new AppError('CONFLICT', `The transfer is ${stateWords[row.state]}, so it cannot be ${verb}.`);
}

/** How keys are compared at the store of an account. */
function foldOf(account: CloudAccount): (key: string) => string {
  const { caseSensitive = true } = account.capabilities as { caseSensitive?: boolean };
  return caseSensitive ? (key) => key : foldKey;
}

/** Each source needs a place of its own at the destination, or one would delete what another brings. */
function assertMirrorable(sources: readonly StoragePath[], placeOf: (source: StoragePath) => string): void {
  const clash = sourceWithin(sources, placeOf);
  if (clash === undefined) return;
  const message = `'${clash.container}/${clash.key}' would arrive in the place of another source, whose mirror would delete it. Sync them one by one, to different folders.`;
  throw new AppError('INVALID_INPUT', message, { field: ['sourcePaths'] });
}

/** An object that two sources hold would go to two places, and be gone from its own once it is at the first. */
function assertMovable(sources: readonly StoragePath[], fold: (key: string) => string): void {
  const clash = sourceWithin(sources, ({ container, key }) => `${container}/${fold(key)}`);
  if (clash === undefined) return;
  const message = `'${clash.container}/${clash.key}' lies within another source, and nothing can be moved to two places. Leave one of them out, or copy first.`;
  throw new AppError('INVALID_INPUT', message, { field: ['sourcePaths'] });
}

/** A source whose place is that of another one or inside it. */
function sourceWithin(
  sources: readonly StoragePath[],
  placeOf: (source: StoragePath) => string,
): StoragePath | undefined {
  const places = sources.map((source) => ({ source, key: placeOf(source) }));
  const isWithin = ({ key }: { key: string }, outer: { source: StoragePath; key: string }) =>
    outer.source.kind === 'object' ? key === outer.key : key.startsWith(outer.key);
  return places.find((inner) => places.some((outer) => outer !== inner && isWithin(inner, outer)))?.source;
}

/**
 * The account, which nobody can disconnect until the transaction ends. Throws NOT_FOUND for one that is not the user's,
 * CONFLICT for a disconnected one.
 */
export async function usableAccount(
  tx: DbSession,
  userId: string,
  accountId: string,
  field?: string,
): Promise<CloudAccount> {
  await tx.$queryRaw`SELECT 1 FROM cloud_account WHERE id = ${accountId}::uuid FOR KEY SHARE`;
  const account = await tx.cloudAccount.findFirst({ where: { id: accountId, userId } });
  const place = field === undefined ? {} : { field: [field] };
  if (!account) throw new AppError('NOT_FOUND', 'There is no such account.', place);
  if (account.status === 'DISCONNECTED') {
    const message = 'The account is disconnected for good. Connect the cloud as a new account and use that.';
    throw new AppError('CONFLICT', message, place);
  }
  return account;
}

function defaultName(sourcePaths: readonly string[], destinationPath: string): string {
  const [first = ''] = sourcePaths;
  const others = sourcePaths.length > 1 ? ` and ${sourcePaths.length - 1} more` : '';
  return `${lastName(first) || first}${others} to ${destinationPath}`.slice(0, 200);
}
