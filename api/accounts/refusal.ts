import type { CloudAccount } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { noteThrottled } from '../../queue/account.ts';
import { findLimitedWith } from '../../storage/cloud-limit.ts';
import type { Context } from '../context.ts';
import { announceAccount } from './announce.ts';

/**
 * Notes for how long a cloud that refused a request of the API wants fewer, with all accounts whose requests it counts
 * together, and tells their subscribers. Workers meet the same refusal by themselves.
 */
export async function noteRefusal(context: Context, account: CloudAccount, error: unknown): Promise<void> {
  if (!(error instanceof AppError) || error.code !== 'THROTTLED' || error.retryAfterMs === undefined) return;
  const { db } = context.services;
  const ids = (await findLimitedWith(db, account)).map(({ id }) => id);
  const changes = await noteThrottled(db, ids, error.retryAfterMs);
  await Promise.all(changes.map(({ accountId: id, userId }) => announceAccount(context, { id, userId })));
}
