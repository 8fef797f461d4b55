import { AppError } from '../../core/errors.ts';
import type { Credentials } from '../../storage/credentials.ts';
import type { AccountCheck } from '../../storage/provider.ts';
import { openProvider } from '../../storage/registry.ts';
import { waitText } from '../auth/limits.ts';
import { type Context, viewerOf } from '../context.ts';
import { withTimeout } from '../with-timeout.ts';

/** Longest that a cloud may take to judge credentials. */
const checkTimeoutMs = 20_000;

/** A cloud that is overloaded does not always say for how long. */
const unsaidWaitMs = 60_000;

/** Credentials and what their cloud said to them. */
export interface Proven {
  credentials: Credentials;
  checked: AccountCheck;
}

/**
 * Tries credentials at their cloud and stores nothing: an access token that is needed lives as long as the check.
 * RATE_LIMITED; NOT_SUPPORTED for what the operator does not allow; what the cloud says.
 */
export async function checkCredentials(context: Context, credentials: Credentials): Promise<AccountCheck> {
  const { addressPolicy, limits, operator } = context.services;
  if ('useMachineIdentity' in credentials && credentials.useMachineIdentity && !operator.machineIdentity) {
    throw new AppError(
      'NOT_SUPPORTED',
      'The identity of the machine cannot be used here unless the operator sets ALLOW_MACHINE_IDENTITY=true.',
      { field: ['credentials', credentials.provider, 'useMachineIdentity'] },
    );
  }
  await limits.count('testCredentialsByUser', viewerOf(context).id);
  const provider = openProvider(credentials, { addressPolicy, operator });
  try {
    return await withTimeout(context.signal, checkTimeoutMs, (signal) => provider.check(signal));
  } finally {
    await provider.close();
  }
}

/** The same for credentials that somebody typed in: an error without a field is about them as a whole. */
export async function proveCredentials(context: Context, credentials: Credentials): Promise<Proven> {
  try {
    return { credentials, checked: await checkCredentials(context, credentials) };
  } catch (error) {
    if (!(error instanceof AppError) || error.field !== undefined || error.code === 'RATE_LIMITED') throw error;
    const { code, retryAfterMs } = error;
    const wait = code === 'THROTTLED' ? ` Try again in ${waitText(retryAfterMs ?? unsaidWaitMs)}.` : '';
    const kept = retryAfterMs === undefined ? {} : { retryAfterMs };
    throw new AppError(code, error.message + wait, { field: ['credentials'], cause: error, ...kept });
  }
}
