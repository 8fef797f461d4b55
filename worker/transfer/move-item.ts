import { type AppError, toAppError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { DamagedObjectRemains } from '../../storage/damaged-object.ts';
import { reactionTo, Tries } from '../errors.ts';
import type { BatchRun } from './batch-run.ts';
import { compareObject, rereadDestination } from './compare.ts';
import { afterRemains } from './discard.ts';
import { isFolderMarker, makeFolder } from './folder.ts';
import { pause } from './gate.ts';
import type { Item } from './item.ts';
import type { Limiter } from './limiter.ts';
import { relayObject } from './relay.ts';
import { deleteExtra } from './remove.ts';
import type { Route } from './route.ts';
import type { Evidence } from './verify.ts';

/** Objects from this size on are shown as running while they are. */
const shownRunningBytes = 1024 * 1024;
const tidyMs = 10_000;

/**
 * Moves one object with as many tries as it deserves, and leaves it COMPLETED, FAILED, or PENDING with its checkpoint
 * when the work was stopped. Never throws.
 */
export async function moveItem(route: Route, item: Item, run: BatchRun, limiter: Limiter, log: Logger): Promise<void> {
  const tries = new Tries(item.attempts, route.order.options.maxTries);
  for (;;) {
    let acknowledgedBefore = item.acknowledgedBytes;
    try {
      await limiter.run(async () => {
        run.going.throwIfAborted();
        if (item.refused) throw item.refused;
        acknowledgedBefore = item.acknowledgedBytes;
        item.state = 'RUNNING';
        if (item.sizeBytes >= shownRunningBytes) run.touch(item);
        item.complete(await act(route, item, run, tries.failures > 0));
        item.attempts = tries.failures + 1;
        run.touch(item);
      });
      return;
    } catch (cause) {
      const error = item.refused ?? toAppError(cause);
      if (error instanceof DamagedObjectRemains) {
        item.remains = error;
        item.failedTry(error);
      }
      if (run.going.aborted) return putBack(item, run);
      if (error.code === 'INTERNAL') log.error({ err: cause, ordinal: item.ordinal }, 'an object failed unexpectedly');
      // What has to begin again from the start has come no further.
      if (item.acknowledgedBytes > acknowledgedBefore && error.retry !== 'restart') tries.progressed();
      // Of an approved plan, what is no longer what was planned is reported and not moved.
      const isOffPlan = route.order.isAsPlanned && error.code === 'OBJECT_CHANGED';
      const waitMs = isOffPlan ? null : tries.failed(error);
      item.attempts = tries.failures;
      try {
        if (waitMs === null) {
          await dropUpload(route, item, log);
          item.fail(await afterRemains(route.destination.provider, item, error));
          run.touch(item);
          return;
        }
        item.failedTry(error);
        run.touch(item);
        await prepareNextTry(route, item, run, error, waitMs, log);
        await pause(waitMs, run.going);
      } catch {
        return putBack(item, run);
      }
    }
  }
}

/** Does what is planned for the object. */
async function act(route: Route, item: Item, run: BatchRun, isRepeated: boolean): Promise<Evidence | null> {
  if (item.action === 'DELETE') return deleteExtra(route, item, run);
  if (item.action === 'COMPARE') return compareObject(route, item, run);
  const { key } = item.destination;
  const isFolder = isFolderMarker(key, item.sizeBytes, route.destination.provider.capabilities);
  if (isFolder) return makeFolder(route, item, run);
  route.destination.provider.checkName(key);
  try {
    const evidence = await relayObject(route, item, run);
    return route.order.options.verification === 'REREAD'
      ? await rereadDestination(route, item, run, evidence)
      : evidence;
  } catch (error) {
    // What is there may have been written by an earlier try, whose answer was lost.
    if (toAppError(error).code !== 'DESTINATION_CHANGED' || !(isRepeated || item.isRetaken)) throw error;
    return compareObject(route, item, run).catch((cause: unknown) => {
      throw toAppError(cause).code === 'DESTINATION_DIFFERS' ? error : cause;
    });
  }
}

/** Whoever takes the batch next goes on with it. */
function putBack(item: Item, run: BatchRun): void {
  if (item.state === 'PENDING') return;
  item.state = 'PENDING';
  run.touch(item);
}

async function prepareNextTry(
  route: Route,
  item: Item,
  run: BatchRun,
  error: AppError,
  waitMs: number,
  log: Logger,
): Promise<void> {
  if (reactionTo(error) === 'wait') run.throttled(new Date(Date.now() + waitMs));
  if (error.retry !== 'restart') return;
  await dropUpload(route, item, log);
  item.reset();
  if (error.code === 'OBJECT_CHANGED' && !route.order.isAsPlanned) await adoptNewVersion(route, item, run);
  run.touch(item);
}

/** The object as it is now takes the place of the one that was listed. Gone or unreadable: the next try says so. */
async function adoptNewVersion(route: Route, item: Item, run: BatchRun): Promise<void> {
  try {
    const info = await route.source.provider.stat(item.source, run.signal);
    item.version = info.version;
    item.sizeBytes = info.sizeBytes;
  } catch (error) {
    run.signal.throwIfAborted();
    if (toAppError(error).code === 'OBJECT_NOT_FOUND') item.version = null;
  }
}

/** Nothing half-written stays behind. A cloud that does not answer costs a warning, not the object. */
async function dropUpload(route: Route, item: Item, log: Logger): Promise<void> {
  if (item.checkpoint === null) return;
  const { session } = item.checkpoint;
  try {
    await route.destination.provider.abortUpload(session, AbortSignal.timeout(tidyMs));
  } catch (error) {
    log.warn({ err: error, upload: session.id }, 'an upload could not be dropped');
  }
}
