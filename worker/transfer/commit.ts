import { AppError } from '../../core/errors.ts';
import type { Precondition, Version } from '../../storage/provider.ts';
import type { BatchRun } from './batch-run.ts';
import type { Item } from './item.ts';
import { heldBytes, isSameVersion, type Pair } from './pair.ts';

/**
 * Makes an object visible at the destination so that a worker that lost its lease can replace nothing newer: only
 * where nothing is, or only in place of what was there while the batch was known to be in these hands. `send` is called
 * again, under another precondition, where something turns out to be there. Destinations without preconditions are
 * written to without.
 *
 * @param isConditional Whether the destination holds this kind of request to preconditions.
 */
export async function commit<T>(
  pair: Pair,
  item: Item,
  run: BatchRun,
  isConditional: boolean,
  send: (precondition: Precondition | undefined) => Promise<T>,
): Promise<T> {
  if (item.expected !== null) return commitAsPlanned(pair, item, run, isConditional, send);
  if (!isConditional) return send(undefined);
  // Where objects were found, one looks before a whole body is sent in vain. Where nobody has looked, only a body that costs
  // more than the look: those that begin together would all be sent twice.
  const looks = run.findings.occupied ?? item.sizeBytes > heldBytes;
  const first: Precondition = looks ? await replacement(pair, item, run) : { ifAbsent: true };
  try {
    return await send(first);
  } catch (error) {
    // A store that refuses before it has taken the body may cut the connection: the next try looks first.
    if (first.ifAbsent && error instanceof AppError && error.code === 'PROVIDER_UNAVAILABLE')
      run.findings.occupied = true;
    if (!isRefused(error)) throw error;
  }
  const second = await replacement(pair, item, run);
  try {
    return await send(second);
  } catch (error) {
    if (!isRefused(error)) throw error;
    throw new AppError('PRECONDITION_FAILED', 'Somebody else writes to the same place of the destination.', {
      cause: error,
      retry: 'backoff',
    });
  }
}

/** Makes it visible only where the plan found nothing, or in place of what it found: else DESTINATION_CHANGED. */
async function commitAsPlanned<T>(
  pair: Pair,
  item: Item,
  run: BatchRun,
  isConditional: boolean,
  send: (precondition: Precondition | undefined) => Promise<T>,
): Promise<T> {
  const expected = item.expected as Version;
  const isEmpty = Object.keys(expected).length === 0;
  try {
    if (isConditional) return await send(isEmpty ? { ifAbsent: true } : { ifMatch: expected });
    const found = await replacement(pair, item, run);
    const isAsPlanned = isEmpty ? found.ifAbsent === true : isSameVersion(found.ifMatch ?? {}, expected);
    if (!isAsPlanned || (!isEmpty && found.ifAbsent))
      throw new AppError('PRECONDITION_FAILED', 'Something else is there.');
    return await send(undefined);
  } catch (error) {
    if (!isRefused(error)) throw error;
    throw new AppError('DESTINATION_CHANGED', 'What is at the destination is not what was planned with.', {
      cause: error,
    });
  }
}

/** Tells of a request under `ifMatch` that found nothing any more what it tells of one that found something else. */
export async function underPrecondition<T>(precondition: Precondition | undefined, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    const isGone = precondition?.ifMatch && error instanceof AppError && error.code === 'OBJECT_NOT_FOUND';
    throw isGone ? new AppError('PRECONDITION_FAILED', 'The object to replace is gone.', { cause: error }) : error;
  }
}

/**
 * What is at the destination, to be replaced. It is looked at before the lease is confirmed: whatever another worker
 * puts there after it took the batch over is then never what this one may replace.
 */
async function replacement(pair: Pair, item: Item, run: BatchRun): Promise<Precondition> {
  const { gate, provider } = pair.destination;
  try {
    await gate.pass(run.going);
    const { version } = await gate.watch(provider.stat(item.destination, run.signal));
    run.findings.occupied = true;
    await run.confirm();
    return { ifMatch: version };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'OBJECT_NOT_FOUND') throw error;
    run.findings.occupied = false;
    return { ifAbsent: true };
  }
}

/** A race with another write, which passes by itself, is no word about what is there. */
function isRefused(error: unknown): boolean {
  return error instanceof AppError && error.code === 'PRECONDITION_FAILED' && error.retry !== 'restart';
}
