import type { Db, TransferState } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Redis } from '../../core/redis.ts';
import { type TransferProgress, topics, transferProgressSchema } from '../../queue/events.ts';
import type { Subscriber } from '../../queue/pubsub.ts';
import { toProgress } from '../../queue/transfer.ts';
import { LatestQueue } from './latest.ts';

/**
 * Live progress. Each subscriber first subscribes, then reads the snapshot from Postgres, then gets only what is newer:
 * nothing is missed in between and nothing comes twice. After Redis was away Postgres is read again.
 */
export interface TransferFeed {
  /**
   * One transfer: the snapshot, then newer states; ends after a terminal one. The caller has checked that the transfer
   * is the user's. Rejects with SERVICE_UNAVAILABLE while Redis is away.
   */
  transfer(transferId: string, userId: string, signal: AbortSignal): AsyncIterableIterator<TransferProgress>;
  /** All of a user's transfers: a snapshot of each live one, then changes of any; ends by the signal only. */
  transfers(userId: string, signal: AbortSignal): AsyncIterableIterator<TransferProgress>;
}

export const terminalStates: readonly TransferState[] = ['COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELLED'];
const liveStates: readonly TransferState[] = ['SCHEDULED', 'QUEUED', 'RUNNING', 'PAUSED'];
const isTerminal = (state: TransferState) => terminalStates.includes(state);

/** Transfers that one slow subscriber of the list may be behind with before it is asked to subscribe again. */
const maxPending = 10_000;
/** Transfers whose last sequence is remembered per subscriber, against messages that overtake one another. */
const maxRemembered = 10_000;
const subscribeTimeoutMs = 5_000;
/** Clocks of processes and databases differ a little. */
const clockMarginMs = 10_000;

/** `connection` is the one that `subscriber` listens on; its reconnects are followed here. */
export function createTransferFeed(subscriber: Subscriber, connection: Redis, db: Db, log: Logger): TransferFeed {
  /** Called with the moment since when messages may be missing. */
  const onReturn = new Set<(since: Date) => void>();
  let lostAt: Date | undefined;
  connection.on('close', () => {
    lostAt ??= new Date(Date.now() - clockMarginMs);
  });
  connection.on('ready', () => {
    const since = lostAt;
    if (since === undefined) return;
    // Subscriptions are renewed before this command: from its answer on nothing is missed.
    connection.ping().then(
      () => {
        lostAt = undefined;
        for (const reread of onReturn) reread(since);
      },
      (error) => log.warn({ err: error }, 'Redis went away again'),
    );
  });

  async function listen(topic: string, receive: (progress: TransferProgress) => void): Promise<() => void> {
    if (connection.status !== 'ready') throw new AppError('SERVICE_UNAVAILABLE', 'Redis is away.');
    const stop = await withTimeout(subscriber.subscribe(topic, transferProgressSchema, receive));
    return () => {
      stop().catch((error) => log.debug({ err: error, topic }, 'a topic could not be left'));
    };
  }

  /** Runs one subscription: `snapshot` first, then again whenever messages may have been lost. */
  async function* follow(
    topic: string,
    userId: string,
    queue: LatestQueue<TransferProgress>,
    snapshot: (since: Date | null) => AsyncIterable<TransferProgress>,
  ): AsyncGenerator<TransferProgress> {
    const sent = new Map<string, bigint>();
    let failure: unknown;
    const receive = (progress: TransferProgress) => {
      if (progress.userId !== userId) return;
      const sequence = BigInt(progress.sequence);
      const known = queue.peek(progress.transferId)?.sequence ?? sent.get(progress.transferId) ?? -1n;
      if (sequence <= BigInt(known)) return;
      if (queue.put(progress.transferId, progress)) return;
      failure ??= new AppError('SERVICE_UNAVAILABLE', 'The subscriber is too slow. Subscribe again.');
      queue.end();
    };
    const reread = async (since: Date | null) => {
      try {
        for await (const progress of snapshot(since)) receive(progress);
      } catch (error) {
        failure ??= error;
        queue.end();
      }
    };
    const returned = (since: Date) => void reread(since);
    const stop = await listen(topic, receive);
    onReturn.add(returned);
    try {
      await reread(null);
      while (true) {
        const progress = await queue.take();
        if (progress === undefined) break;
        remember(sent, progress);
        yield progress;
      }
      if (failure !== undefined) throw failure;
    } finally {
      onReturn.delete(returned);
      stop();
    }
  }

  async function* oneRow(transferId: string, userId: string): AsyncGenerator<TransferProgress> {
    const row = await db.transfer.findFirst({ where: { id: transferId, userId } });
    if (row) yield toProgress(row);
  }

  async function* liveRows(userId: string, since: Date | null): AsyncGenerator<TransferProgress> {
    const pageSize = 200;
    let after: string | undefined;
    while (true) {
      const rows = await db.transfer.findMany({
        where: {
          userId,
          ...(after === undefined ? {} : { id: { gt: after } }),
          OR: [{ state: { in: [...liveStates] } }, ...(since === null ? [] : [{ finishedAt: { gte: since } }])],
        },
        orderBy: { id: 'asc' },
        take: pageSize,
      });
      for (const row of rows) yield toProgress(row);
      if (rows.length < pageSize) return;
      after = rows.at(-1)?.id;
    }
  }

  return {
    transfer(transferId, userId, signal) {
      const queue = new LatestQueue<TransferProgress>(1);
      const states = follow(topics.transfer(transferId), userId, queue, () => oneRow(transferId, userId));
      return abortable(untilTerminal(states), queue, signal);
    },
    transfers(userId, signal) {
      const queue = new LatestQueue<TransferProgress>(maxPending);
      const states = follow(topics.userTransfers(userId), userId, queue, (since) => liveRows(userId, since));
      return abortable(states, queue, signal);
    },
  };
}

async function* untilTerminal(states: AsyncGenerator<TransferProgress>): AsyncGenerator<TransferProgress> {
  for await (const progress of states) {
    yield progress;
    if (isTerminal(progress.state)) return;
  }
}

/** Keeps the sequences of those that changed last. */
function remember(sent: Map<string, bigint>, progress: TransferProgress): void {
  sent.delete(progress.transferId);
  sent.set(progress.transferId, BigInt(progress.sequence));
  if (sent.size <= maxRemembered) return;
  const [oldest] = sent.keys();
  if (oldest !== undefined) sent.delete(oldest);
}

/**
 * A generator that waits cannot be ended from outside; ending its queue first lets it run out. Both `return()` and the
 * signal do so.
 */
function abortable(
  inner: AsyncGenerator<TransferProgress>,
  queue: LatestQueue<TransferProgress>,
  signal: AbortSignal,
): AsyncIterableIterator<TransferProgress> {
  const end = () => queue.end();
  if (signal.aborted) end();
  signal.addEventListener('abort', end);
  const settle = <Result>(result: Promise<Result>) =>
    result.catch((error) => {
      signal.removeEventListener('abort', end);
      throw error;
    });
  return {
    next: () => settle(inner.next()),
    return() {
      signal.removeEventListener('abort', end);
      end();
      return inner.return(undefined);
    },
    throw(error) {
      signal.removeEventListener('abort', end);
      end();
      return inner.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function withTimeout<Result>(work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new AppError('SERVICE_UNAVAILABLE', 'Redis does not answer.');
    timer = setTimeout(() => reject(error), subscribeTimeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
