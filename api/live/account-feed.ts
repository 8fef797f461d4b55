import type { Db } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { type AccountChange, accountChangeSchema, topics } from '../../queue/events.ts';
import { abortable } from './abortable.ts';
import { LatestQueue } from './latest.ts';
import type { Listening } from './listening.ts';

/** Accounts that a slow subscriber may be behind with before it is asked to subscribe again. */
const maxPending = 10_000;

/**
 * Changes of accounts. An event is a hint that names the account, which is read when the event is delivered: what a
 * subscriber gets is never older than what it had.
 */
export interface AccountFeed {
  /** Each of a user's accounts once, then whichever changes; all of them again after Redis was away. Ends by the signal. */
  accounts(userId: string, signal: AbortSignal): AsyncIterableIterator<AccountChange>;
}

export function createAccountFeed(listening: Listening, db: Db): AccountFeed {
  async function* follow(userId: string, queue: LatestQueue<AccountChange>): AsyncGenerator<AccountChange> {
    let failure: unknown;
    const fail = (error: unknown) => {
      failure ??= error;
      queue.end();
    };
    const receive = (change: AccountChange) => {
      if (change.userId !== userId || queue.put(change.accountId, change)) return;
      fail(new AppError('SERVICE_UNAVAILABLE', 'The subscriber is too slow. Subscribe again.'));
    };
    const readAll = async () => {
      const rows = await db.cloudAccount.findMany({ where: { userId }, select: { id: true }, orderBy: { id: 'asc' } });
      for (const { id } of rows) receive({ accountId: id, userId });
    };
    const topic = topics.userAccounts(userId);
    const stop = await listening.listen(topic, accountChangeSchema, receive, () => void readAll().catch(fail));
    try {
      await readAll();
      while (true) {
        const change = await queue.take();
        if (change === undefined) break;
        yield change;
      }
      if (failure !== undefined) throw failure;
    } finally {
      stop();
    }
  }

  return {
    accounts(userId, signal) {
      const queue = new LatestQueue<AccountChange>(maxPending);
      return abortable(follow(userId, queue), queue, signal);
    },
  };
}
