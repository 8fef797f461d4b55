import { AppError, toAppError } from '../../core/errors.ts';
import type { Location, Version } from '../../storage/provider.ts';
import { Tries } from '../errors.ts';
import type { OpenAccount } from './accounts.ts';
import type { BatchRun } from './batch-run.ts';
import { isFolderMarker, isFolderName, isRealFolder, stateOfFolder } from './folder.ts';
import { isAway, pause } from './gate.ts';
import type { Item } from './item.ts';
import type { Limiters } from './move-item.ts';
import { isSameVersion, type Pair } from './pair.ts';

/**
 * Deletes what a mirror has too much. Something else in its place since is DESTINATION_CHANGED; that it is gone already is
 * a success. Of a deferred order the source may have the object by now: then it stays, as SOURCE_CHANGED.
 */
export async function deleteExtra(pair: Pair, item: Item, run: BatchRun): Promise<null> {
  if (pair.order.isDeferred && item.version !== null && (await isAtSource(pair, item, run))) {
    throw new AppError('SOURCE_CHANGED', 'The source has it by now, so it is not deleted.');
  }
  if (!(await removeUnchanged(pair, pair.destination, item.destination, item.expected, run))) {
    throw new AppError('DESTINATION_CHANGED', 'The object at the destination changed after it was listed.');
  }
  return null;
}

/** A source that takes no notice of case has one of another case, too: to keep an object is the safe side. */
async function isAtSource({ source }: Pair, item: Item, run: BatchRun): Promise<boolean> {
  const { gate, provider } = source;
  if (!isFolderName(item.source.key, provider.capabilities)) {
    return (await look(source, item.source, null, run)) !== 'GONE';
  }
  await gate.pass(run.going, (waitMs) => run.throttled(waitMs));
  return (await gate.watch(stateOfFolder(provider, item.source, run.signal))) !== 'GONE';
}

/**
 * Removes the sources of a move's objects whose copies are verified. The copies must be on record before: whoever comes
 * after a crash would find neither else. A source that changed since, whose equal at the destination did, or whose removal
 * fails, is kept, and that is told.
 */
export async function removeSources(
  pair: Pair,
  items: readonly Item[],
  run: BatchRun,
  { objects, deletions }: Pick<Limiters, 'objects' | 'deletions'>,
): Promise<void> {
  const removeOne = (item: Item) => objects.run(() => deletions.run(() => removeSource(pair, item, run)));
  await Promise.all(items.map(removeOne));
}

async function removeSource(pair: Pair, item: Item, run: BatchRun): Promise<void> {
  if (item.sourceRemoval !== 'PENDING' || (item.state !== 'COMPLETED' && item.state !== 'SKIPPED')) return;
  // An empty object has nothing that could be wrong. One that was skipped was found to be the same.
  const isVerified = item.state === 'SKIPPED' || item.sizeBytes === 0 || item.evidence?.verified === true;
  if (!isVerified) {
    const message = 'The clouds offer no hash to verify the copy by, so the source is kept.';
    keepSource(item, new AppError('CHECKSUM_MISMATCH', message));
    run.touch(item);
    return;
  }
  const { gone } = run.findings.refusals;
  if (gone !== null) {
    // The copy is gone with its container.
    keepSource(item, gone);
    run.touch(item);
    return;
  }
  const tries = new Tries();
  while (!run.going.aborted) {
    try {
      await removeCopied(pair, item, run);
      run.touch(item);
      return;
    } catch (cause) {
      if (run.going.aborted) return;
      const error = toAppError(cause);
      let waitMs = tries.failed(error);
      if (waitMs === null && error.code === 'PROVIDER_UNAVAILABLE') {
        const isOut = await isAway(pair.source, item.source.container, run.going);
        if (run.going.aborted) return;
        waitMs = isOut ? tries.outage(error) : tries.recovered(error);
      }
      if (waitMs === null) {
        keepSource(item, error);
        run.touch(item);
        return;
      }
      await pause(waitMs, run.going).catch(() => {});
    }
  }
}

async function removeCopied(pair: Pair, item: Item, run: BatchRun): Promise<void> {
  // What was found to be the same may be gone by now: a plan waits for its approval as long as its owner likes.
  const isThere = async () => {
    const { gate, provider } = pair.destination;
    if (!isFolderMarker(item.destination.key, item.sizeBytes, provider.capabilities)) {
      return typeof (await look(pair.destination, item.destination, item.expected, run)) === 'object';
    }
    await gate.pass(run.going, (waitMs) => run.throttled(waitMs));
    return (await gate.watch(stateOfFolder(provider, item.destination, run.signal))) !== 'GONE';
  };
  if (item.state === 'SKIPPED' && !(await isThere())) {
    const message = 'What was the same at the destination is no longer there, so the source is kept.';
    keepSource(item, new AppError('DESTINATION_CHANGED', message));
  } else if (await removeSourceOf(pair, item, run)) {
    item.sourceRemoval = 'REMOVED';
  } else {
    keepSource(item, new AppError('OBJECT_CHANGED', 'The source changed after it was copied, so it is kept.'));
  }
}

/** Returns whether it is gone; false: it is not what was copied. */
async function removeSourceOf(pair: Pair, item: Item, run: BatchRun): Promise<boolean> {
  if (!isRealFolder(item, pair.source.provider.capabilities)) {
    return removeUnchanged(pair, pair.source, item.source, item.version, run);
  }
  try {
    return await remove(pair, pair.source, item.source, {}, run);
  } catch (error) {
    // Something has come into the folder.
    if (toAppError(error).code === 'CONFLICT') return false;
    throw error;
  }
}

/** The source of an object that has arrived stays, and that is told. */
export function keepSource(item: Item, error: AppError): void {
  item.sourceRemoval = 'KEPT';
  item.failedTry(error);
}

/**
 * Returns whether the object is gone; false: it is not the version that was meant. A worker that lost its lease deletes
 * nothing; what it has under way by then only ever takes the version that was found, where the cloud holds deletions to one.
 * Such a cloud is asked for the deletion at once: one looks only where it refuses.
 */
async function removeUnchanged(
  pair: Pair,
  account: OpenAccount,
  location: Location,
  version: Version | null,
  run: BatchRun,
): Promise<boolean> {
  const isHeld = account.provider.capabilities.conditionalDelete && version !== null && Object.keys(version).length > 0;
  if (isHeld && (await remove(pair, account, location, version, run))) return true;
  const found = await look(account, location, version, run);
  if (found === 'GONE' || found === 'CHANGED') return found === 'GONE';
  return remove(pair, account, location, found, run);
}

/** The same, of a version that is there or was. */
async function remove(
  { deletions }: Pair,
  { gate, provider }: OpenAccount,
  location: Location,
  version: Version,
  run: BatchRun,
): Promise<boolean> {
  await gate.pass(run.going, (waitMs) => run.throttled(waitMs));
  await run.confirm();
  const failure = await gate.watch(deletions.delete(provider, location, version));
  if (failure?.code === 'PRECONDITION_FAILED') return false;
  if (failure) throw failure;
  return true;
}

/** What is there now, held against a version that was there: the version as it is now, if it is the same. */
async function look(
  { gate, provider }: OpenAccount,
  location: Location,
  version: Version | null,
  run: BatchRun,
): Promise<Version | 'CHANGED' | 'GONE'> {
  await gate.pass(run.going, (waitMs) => run.throttled(waitMs));
  try {
    const info = await gate.watch(provider.stat(location, run.signal));
    return isSameVersion(version ?? {}, info.version) ? info.version : 'CHANGED';
  } catch (error) {
    if (toAppError(error).code === 'OBJECT_NOT_FOUND') return 'GONE';
    throw error;
  }
}
