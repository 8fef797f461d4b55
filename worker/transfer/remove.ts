import { AppError, toAppError } from '../../core/errors.ts';
import type { Location, Version } from '../../storage/provider.ts';
import { Tries } from '../errors.ts';
import type { OpenAccount } from './accounts.ts';
import type { BatchRun } from './batch-run.ts';
import { pause } from './gate.ts';
import type { Item } from './item.ts';
import { isSameVersion, type Pair } from './pair.ts';

/**
 * Deletes what a mirror has too much. Something else in its place since is DESTINATION_CHANGED; that it is gone already is
 * a success.
 */
export async function deleteExtra(pair: Pair, item: Item, run: BatchRun): Promise<null> {
  if (!(await removeUnchanged(pair.destination, item.destination, item.expected, run))) {
    throw new AppError('DESTINATION_CHANGED', 'The object at the destination changed after it was listed.');
  }
  return null;
}

/**
 * Removes the sources of a move's objects whose copies are verified. The copies must be on record before: whoever comes
 * after a crash would find neither else. A source that changed since, or whose removal fails, is kept, and that is told.
 */
export async function removeSources(pair: Pair, items: readonly Item[], run: BatchRun): Promise<void> {
  await Promise.all(items.map((item) => removeSource(pair, item, run)));
}

async function removeSource(pair: Pair, item: Item, run: BatchRun): Promise<void> {
  if (item.sourceRemoval !== 'PENDING' || (item.state !== 'COMPLETED' && item.state !== 'SKIPPED')) return;
  // An empty object has nothing that could be wrong. One that was skipped was found to be the same.
  const isVerified = item.state === 'SKIPPED' || item.sizeBytes === 0 || item.evidence?.verified === true;
  if (!isVerified) {
    keep(
      item,
      new AppError('CHECKSUM_MISMATCH', 'The clouds offer no hash to verify the copy by, so the source is kept.'),
    );
    run.touch(item);
    return;
  }
  const tries = new Tries();
  while (!run.going.aborted) {
    try {
      if (await removeUnchanged(pair.source, item.source, item.version, run)) item.sourceRemoval = 'REMOVED';
      else keep(item, new AppError('OBJECT_CHANGED', 'The source changed after it was copied, so it is kept.'));
      run.touch(item);
      return;
    } catch (cause) {
      if (run.going.aborted) return;
      const error = toAppError(cause);
      const waitMs = tries.failed(error);
      if (waitMs === null) {
        keep(item, error);
        run.touch(item);
        return;
      }
      await pause(waitMs, run.going).catch(() => {});
    }
  }
}

function keep(item: Item, error: AppError): void {
  item.sourceRemoval = 'KEPT';
  item.failedTry(error);
}

/** Returns whether the object is gone; false: it is not the version that was meant. */
async function removeUnchanged(
  { gate, provider }: OpenAccount,
  location: Location,
  version: Version | null,
  run: BatchRun,
): Promise<boolean> {
  const { container, key } = location;
  await gate.pass(run.going, (until) => run.throttled(until));
  try {
    const info = await gate.watch(provider.stat(location, run.signal));
    if (!isSameVersion(version ?? {}, info.version)) return false;
  } catch (error) {
    if (toAppError(error).code === 'OBJECT_NOT_FOUND') return true;
    throw error;
  }
  await gate.pass(run.going, (until) => run.throttled(until));
  const { failed } = await gate.watch(provider.deleteObjects({ container, keys: [key] }, run.signal));
  for (const { code, message } of failed) throw new AppError(code, message);
  return true;
}
