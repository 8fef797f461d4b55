import { type Db, databaseTime, type TransferState } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { type TransferProgress, topics, transferProgressSchema } from '../../queue/events.ts';
import { toProgress } from '../../queue/transfer.ts';
import { abortable } from './abortable.ts';
import { LatestQueue } from './latest.ts';
import type { Listening } from './listening.ts';

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
const liveStates: readonly TransferState[] = [
  'SCHEDULED',
  'QUEUED',
  'PLANNING',
  'AWAITING_APPROVAL',
  'RUNNING',
  'PAUSED',
];
const isTerminal = (state: TransferState) => terminalStates.includes(state);

/** Transfers that one slow subscriber of the list may be behind with before it is asked to subscribe again. */
const maxPending = 10_000;
/** Transfers whose last sequence is remembered per subscriber, against messages that overtake one another. */
const maxRemembered = 10_000;

export function createTransferFeed(listening: Listening, db: Db): TransferFeed {
  /** Runs one subscription: `snapshot` first, then again whenever messages may have been lost. */
  async function* follow(
    topic: string,
    userId: string,
    queue: LatestQueue<TransferProgress>,
    snapshot: (agoMs: number | null) => AsyncIterable<TransferProgress>,
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
    const reread = async (agoMs: number | null) => {
      try {
        for await (const progress of snapshot(agoMs)) receive(progress);
      } catch (error) {
        failure ??= error;
        queue.end();
      }
    };
    const stop = await listening.listen(topic, transferProgressSchema, receive, (agoMs) => void reread(agoMs));
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
      stop();
    }
  }

  async function* oneRow(transferId: string, userId: string): AsyncGenerator<TransferProgress> {
    const row = await db.transfer.findFirst({ where: { id: transferId, userId } });
    if (row) yield toProgress(row);
  }

  async function* liveRows(userId: string, agoMs: number | null): AsyncGenerator<TransferProgress> {
    const pageSize = 200;
    const since = agoMs === null ? null : new Date((await databaseTime(db)).getTime() - agoMs);
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
      const states = follow(topics.userTransfers(userId), userId, queue, (agoMs) => liveRows(userId, agoMs));
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
