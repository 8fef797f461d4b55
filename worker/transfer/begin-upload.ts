import { setTimeout as delay } from 'node:timers/promises';
import { AppError, type ErrorCode, toAppError } from '../../core/errors.ts';
import type { BeginUploadRequest, UploadSession } from '../../storage/provider.ts';
import type { BatchRun } from './batch-run.ts';
import { type Pair, passDestination } from './pair.ts';
import { nextBeginMs } from './uploads.ts';

/** Work that was stopped waits so long for the answer: less than a process that ends has for everything. */
const patienceMs = 3_000;
/** What a request fails with that may have been carried out all the same. */
const unanswered: readonly ErrorCode[] = ['PROVIDER_UNAVAILABLE', 'CANCELLED'];

/**
 * Begins an upload in parts. It is answered although the work was stopped meanwhile, so that the upload can be kept or
 * dropped; where the answer is lost, the upload is looked for later.
 */
export async function beginUpload(pair: Pair, run: BatchRun, request: BeginUploadRequest): Promise<UploadSession> {
  await passDestination(pair, run);
  const begunAt = performance.now();
  const patience = new AbortController();
  const over = new AbortController();
  const onAbort = () => {
    delay(patienceMs, undefined, { signal: over.signal }).then(
      () => patience.abort(run.signal.reason),
      () => {},
    );
  };
  run.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { gate, provider } = pair.destination;
    return await gate.watch(provider.beginUpload(request, patience.signal));
  } catch (cause) {
    const error = toAppError(cause);
    if (!unanswered.includes(error.code)) throw error;
    await pair.abandoned.lost(request, performance.now() - begunAt);
    throw new AppError(error.code, error.message, { cause: error, retry: error.retry, retryAfterMs: nextBeginMs });
  } finally {
    over.abort();
    run.signal.removeEventListener('abort', onAbort);
  }
}
