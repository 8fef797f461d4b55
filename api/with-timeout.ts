import { AppError } from '../core/errors.ts';

/** Runs a call to a cloud; PROVIDER_UNAVAILABLE when it takes too long, CANCELLED when the caller has gone. */
export async function withTimeout<Result>(
  gone: AbortSignal,
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await call(AbortSignal.any([gone, timeout]));
  } catch (error) {
    if (!timeout.aborted || !(error instanceof AppError) || error.code !== 'CANCELLED') throw error;
    throw new AppError('PROVIDER_UNAVAILABLE', `The cloud did not answer within ${timeoutMs / 1000} s.`, {
      cause: error,
    });
  }
}
