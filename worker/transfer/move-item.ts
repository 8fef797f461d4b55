import type { TransferReason } from '../../core/db.ts';
import { AppError, type ErrorCode, toAppError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { DamagedObjectRemains } from '../../storage/damaged-object.ts';
import { Tries } from '../errors.ts';
import type { BatchRun } from './batch-run.ts';
import { copyObject, ingestObject } from './by-cloud.ts';
import { compareObject, rereadDestination } from './compare.ts';
import { afterRemains } from './discard.ts';
import { isPlainFolder, makeFolder } from './folder.ts';
import { containerProblem, isAway, pause } from './gate.ts';
import type { Item } from './item.ts';
import { judgeAnew } from './judge-anew.ts';
import { readKeptTags } from './kept.ts';
import type { Limiter } from './limiter.ts';
import type { Pair } from './pair.ts';
import { relayObject } from './relay.ts';
import { deleteExtra } from './remove.ts';
import { chooseRoute, type Route, refusalOf } from './route.ts';
import type { Evidence } from './verify.ts';

/** Drops the upload that was begun for an object, whatever the destination says. */
export type Drop = (item: Item) => Promise<void>;

/** What bounds how many objects of a batch are under way: together, and by what moves them. */
export interface Limiters {
  objects: Limiter;
  relays: Limiter;
  byCloud: Limiter;
  deletions: Limiter;
}

const movers = {
  SERVER_SIDE_COPY: copyObject,
  INGEST_FROM_URL: ingestObject,
  RELAY: relayObject,
} as const satisfies Record<Route, unknown>;

/** Objects from this size on are shown as running while they are. */
const shownRunningBytes = 1024 * 1024;

/**
 * Moves one object by the best route that is left, with as many tries as it deserves, and leaves it COMPLETED, FAILED, or
 * unfinished with its checkpoint when the work was stopped. Never throws.
 */
export async function moveItem(
  pair: Pair,
  item: Item,
  run: BatchRun,
  limiters: Limiters,
  drop: Drop,
  log: Logger,
): Promise<void> {
  const { maxTries } = pair.order.options;
  let tries = new Tries(item.attempts, maxTries);
  const refused = new Map<Route, ErrorCode>();
  const act = plainAct(pair, item);
  const { refusals } = run.findings;
  for (;;) {
    let acknowledgedBefore = item.acknowledgedBytes;
    const choose = () => chooseRoute(pair, item, refused, pair.order.options);
    const { route } = choose();
    try {
      const byKind =
        limiters[item.action === 'DELETE' ? 'deletions' : act !== null || route === 'RELAY' ? 'relays' : 'byCloud'];
      const isMoved = await limiters.objects.run(() =>
        byKind.run(async () => {
          run.going.throwIfAborted();
          const futile = item.refused ?? refusals.of(item);
          if (futile) throw futile;
          const { route: stillBest, fallback } = choose();
          // Another object may have learnt meanwhile that the route is refused.
          if (stillBest !== route) return false;
          acknowledgedBefore = item.acknowledgedBytes;
          if (act === null) {
            pair.destination.provider.checkName(item.destination.key);
            item.route = route;
            item.fallback = fallback;
          }
          // What a cloud was making outlived its worker, or an outage: it begins anew.
          if (item.checkpoint?.isByCloud) {
            await drop(item);
            item.reset();
          }
          item.state = 'RUNNING';
          if (item.sizeBytes >= shownRunningBytes) run.touch(item);
          item.complete(await (act ?? moving(route, tries.failures > 0, drop))(pair, item, run));
          item.attempts = tries.failures + 1;
          if (act === null) refusals.took(item);
          run.touch(item);
          return true;
        }),
      );
      if (isMoved) return;
    } catch (cause) {
      let error = item.refused ?? withinPlan(pair, toAppError(cause));
      const isUntried = error === item.refused || error === refusals.of(item);
      if (error instanceof DamagedObjectRemains) {
        item.remains = error;
        if (item.expected !== null) item.expected = error.version;
        item.failedTry(error);
      }
      if (error.code === 'DESTINATION_CHANGED' && !run.going.aborted) {
        const judged = await judgeAnew(pair, item, run, error).catch(toAppError);
        if (typeof judged === 'string') return skip(item, judged, run, drop);
        error = judged;
      }
      if (run.going.aborted) return putBack(item, run);
      if (error.code === 'INTERNAL') log.error({ err: cause, ordinal: item.ordinal }, 'an object failed unexpectedly');
      // What has to begin again from the start has come no further.
      if (item.acknowledgedBytes > acknowledgedBefore && error.retry !== 'restart') tries.progressed();
      let waitMs = tries.failed(error);
      if (waitMs === null && error.code === 'PROVIDER_UNAVAILABLE') {
        const isOut = await isEitherAway(pair, item, run);
        if (run.going.aborted) return putBack(item, run);
        waitMs = isOut ? tries.outage(error) : tries.recovered(error);
      }
      if (waitMs === null && !isUntried) {
        await noteRefusal(pair, item, run, error);
        if (run.going.aborted) return putBack(item, run);
      }
      item.attempts = tries.failures;
      item.isAtCloud = false;
      // It waits, and others may be under way in its place.
      item.state = 'PENDING';
      const refusal = isUntried || act !== null ? null : refusalOf(route, error, waitMs === null);
      try {
        if (refusal !== null) {
          refused.set(route, error.code);
          if (refusal === 'all') pair.refusedRoutes.note(pair, item, route, error.code);
          await drop(item);
          item.reset();
          // A route that is refused is no try of the object.
          tries = new Tries(0, maxTries);
          item.attempts = 0;
          continue;
        }
        if (waitMs === null) {
          await drop(item);
          item.fail(await afterRemains(pair.destination.provider, item, error));
          run.touch(item);
          return;
        }
        item.failedTry(error);
        run.touch(item);
        await prepareNextTry(pair, item, run, error, waitMs, drop);
        await pause(waitMs, run.going);
      } catch {
        return putBack(item, run);
      }
    }
  }
}

/** What was begun for it is dropped before it is forgotten. */
async function skip(item: Item, reason: TransferReason, run: BatchRun, drop: Drop): Promise<void> {
  try {
    await drop(item);
  } catch {
    return putBack(item, run);
  }
  item.skip(reason);
  run.touch(item);
}

/** What the destination would refuse of others as well. */
async function noteRefusal({ destination }: Pair, item: Item, run: BatchRun, error: AppError): Promise<void> {
  const { refusals } = run.findings;
  if (error.code === 'QUOTA_EXCEEDED') refusals.unfit(item, error);
  if (error.code !== 'CONTAINER_NOT_FOUND') return;
  // A source's container may be the one that is missing.
  const problem = await containerProblem(destination, item.destination.container, run.going);
  if (problem?.code === error.code) refusals.gone ??= problem;
}

/** Of an approved plan, what is no longer what was planned is reported and not moved, however often it is tried. */
function withinPlan({ order }: Pair, error: AppError): AppError {
  if (!order.isAsPlanned || error.code !== 'OBJECT_CHANGED' || error instanceof DamagedObjectRemains) return error;
  return new AppError('SOURCE_CHANGED', 'The source object is not what was planned and approved.', { cause: error });
}

async function isEitherAway({ source, destination }: Pair, item: Item, run: BatchRun): Promise<boolean> {
  return (
    (await isAway(source, item.source.container, run.going)) ||
    (await isAway(destination, item.destination.container, run.going))
  );
}

type Act = (pair: Pair, item: Item, run: BatchRun) => Promise<Evidence | null>;

/** What is done for an object whose bytes do not travel; null: they do. */
function plainAct({ source, destination }: Pair, item: Item): Act | null {
  if (item.action === 'DELETE') return deleteExtra;
  if (item.action === 'COMPARE') return compareObject;
  return isPlainFolder(item, source.provider, destination.provider) ? makeFolder : null;
}

/** Moves the object by a route. `isRepeated`: there was a try before. */
function moving(route: Route, isRepeated: boolean, drop: Drop): Act {
  return async (pair, item, run) => {
    try {
      // One that goes on at the part was begun with them.
      if (item.checkpoint === null) await readKeptTags(pair, item, run);
      const evidence = await movers[route](pair, item, run);
      const isReread = pair.order.options.verification === 'REREAD';
      return isReread ? await rereadDestination(pair, item, run, evidence) : evidence;
    } catch (error) {
      // What is there may have been written by an earlier try, whose answer was lost.
      if (toAppError(error).code !== 'DESTINATION_CHANGED' || !(isRepeated || item.isRetaken)) throw error;
      const evidence = await compareObject(pair, item, run).catch((cause: unknown) => {
        throw toAppError(cause).code === 'DESTINATION_DIFFERS' ? error : cause;
      });
      // What this try has begun is not what is there.
      await drop(item);
      return evidence;
    }
  };
}

/**
 * Whoever takes the batch next goes on with it. What a cloud was at by itself when the transfer was halted stays RUNNING:
 * the cloud may bring it to its end, and is asked for it once more when the transfer goes on.
 */
function putBack(item: Item, run: BatchRun): void {
  if (item.state === 'PENDING') return;
  if (!item.isAtCloud || run.haltedBy === null) item.state = 'PENDING';
  run.touch(item);
}

async function prepareNextTry(
  pair: Pair,
  item: Item,
  run: BatchRun,
  error: AppError,
  waitMs: number,
  drop: Drop,
): Promise<void> {
  if (error.code === 'THROTTLED' || error.code === 'RATE_LIMITED') run.throttled(waitMs);
  if (error.retry !== 'restart') return;
  await drop(item);
  item.reset();
  if (error.code === 'OBJECT_CHANGED' && !pair.order.isAsPlanned) await adoptNewVersion(pair, item, run);
  run.touch(item);
}

/** The object as it is now takes the place of the one that was listed. Gone or unreadable: the next try says so. */
async function adoptNewVersion(pair: Pair, item: Item, run: BatchRun): Promise<void> {
  try {
    const info = await pair.source.provider.stat(item.source, run.signal);
    item.version = info.version;
    item.sizeBytes = info.sizeBytes;
  } catch (error) {
    run.signal.throwIfAborted();
    if (toAppError(error).code === 'OBJECT_NOT_FOUND') item.version = null;
  }
}
