import type { CloudAccount } from '../../core/db.ts';
import { publishAccount } from '../../queue/account.ts';
import type { Context } from '../context.ts';

/**
 * Tells subscribers of a committed change of an account. Those who were not told read it the next time they look, so
 * Redis may be away.
 */
export async function announceAccount(
  context: Context,
  { id, userId }: Pick<CloudAccount, 'id' | 'userId'>,
): Promise<void> {
  try {
    await publishAccount(context.services.redis, { accountId: id, userId });
  } catch (error) {
    context.log.warn({ err: error, accountId: id }, 'a change of an account could not be announced');
  }
}
