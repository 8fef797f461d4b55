import type { TransferReason } from '../../core/db.ts';
import { AppError, toAppError } from '../../core/errors.ts';
import type { ObjectInfo } from '../../storage/provider.ts';
import type { BatchRun } from './batch-run.ts';
import type { Item } from './item.ts';
import { type Pair, passBoth } from './pair.ts';
import { decide } from './plan/decide.ts';
import { allDigests } from './plan/find-facts.ts';

/**
 * Judges an object by its conflict policy once more, because there is something else at its destination than the listing
 * found. Resolves to what its try failed with: PRECONDITION_FAILED where the next try may replace what is there now,
 * DESTINATION_EXISTS where the policy is to fail; a reason: it is to be skipped. DESTINATION_CHANGED stays where a plan was approved,
 * which is carried out as it is or not at all, and where another name would have to be found. Rejects with what a look fails
 * with.
 */
export async function judgeAnew(
  pair: Pair,
  item: Item,
  run: BatchRun,
  changed: AppError,
): Promise<AppError | TransferReason> {
  const { conflictPolicy } = pair.order.options;
  if (pair.order.isAsPlanned || item.action === 'DELETE' || conflictPolicy === 'KEEP_BOTH') return changed;
  await passBoth(pair, run);
  const { source, destination } = pair;
  const [from, to] = await Promise.all([
    source.gate.watch(source.provider.stat(item.source, run.signal)),
    destination.gate.watch(destination.provider.stat(item.destination, run.signal)).catch(absent),
  ]);
  const facts = (info: ObjectInfo) => ({ ...info, digests: allDigests(info) });
  const decided = decide(facts(from), to && facts(to), conflictPolicy);
  if (decided?.how === 'REFUSED') {
    return new AppError('DESTINATION_EXISTS', 'An object of this name came to the destination after it was listed.');
  }
  if (decided?.action === 'SKIP') return decided.reason;
  // Looked at before: what another worker puts there after it took the batch over is never what this one may replace.
  await run.confirm();
  item.expected = to?.version ?? {};
  return new AppError('PRECONDITION_FAILED', 'Somebody else writes to the same place of the destination.', {
    cause: changed,
    retry: 'backoff',
  });
}

function absent(cause: unknown): null {
  const error = toAppError(cause);
  if (error.code !== 'OBJECT_NOT_FOUND') throw error;
  return null;
}
