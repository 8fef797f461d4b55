import { setTimeout as delay } from 'node:timers/promises';
import { type AppError, toAppError } from '../../core/errors.ts';
import { DamagedObjectRemains } from '../../storage/damaged-object.ts';
import type { Location, StorageProvider, Version } from '../../storage/provider.ts';
import { Tries } from '../errors.ts';
import { deleteVersions } from './deletions.ts';
import type { Item } from './item.ts';
import { isSameVersion } from './pair.ts';

/** Longest wait for the destination to remove a damaged object, for each try. */
const discardMs = 10_000;

/**
 * Runs a check on what was just made visible as `version`; an object that does not pass is removed, and the next try
 * finds nothing to replace. Throws DamagedObjectRemains when it could not be: the next try replaces it.
 */
export async function orDiscard<T>(
  destination: StorageProvider,
  item: Item,
  version: Version,
  check: () => T,
): Promise<T> {
  item.written = version;
  try {
    return check();
  } catch (error) {
    try {
      await discard(destination, item.destination, version);
    } catch {
      throw new DamagedObjectRemains(item.destination, version, error);
    }
    if (item.expected !== null) item.expected = {};
    throw error;
  }
}

/**
 * What an object fails with that is given up: a damaged object that an earlier try left behind is removed, or named.
 */
export async function afterRemains(destination: StorageProvider, item: Item, error: AppError): Promise<AppError> {
  const { remains } = item;
  if (remains === null) return error;
  try {
    await discard(destination, item.destination, remains.version);
  } catch {
    return remains;
  }
  return error === remains ? toAppError(remains.cause) : error;
}

/**
 * Removes an object that the product has written, unless somebody has written another since. Tries as often as an object is
 * tried, and also where work is being stopped. Rejects with why it is still there.
 */
export async function discard(destination: StorageProvider, location: Location, version: Version): Promise<void> {
  const tries = new Tries();
  for (;;) {
    try {
      return await discardOnce(destination, location, version);
    } catch (error) {
      const waitMs = tries.failed(toAppError(error));
      if (waitMs === null || waitMs > discardMs) throw error;
      await delay(waitMs);
    }
  }
}

async function discardOnce(
  destination: StorageProvider,
  { container, key }: Location,
  version: Version,
): Promise<void> {
  const signal = AbortSignal.timeout(discardMs);
  let found: Version;
  try {
    found = (await destination.stat({ container, key }, signal)).version;
    if (!isSameVersion(found, version)) return;
  } catch (error) {
    if (toAppError(error).code === 'OBJECT_NOT_FOUND') return;
    throw error;
  }
  const failure = (await deleteVersions(destination, container, new Map([[key, found]]), signal)).get(key);
  if (failure && failure.code !== 'PRECONDITION_FAILED') throw failure;
}
