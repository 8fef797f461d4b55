import { AppError } from '../../core/errors.ts';
import type { JobPayload } from '../../queue/jobs.ts';
import type { OpenAccount } from './accounts.ts';
import { mostByCloud, mostRelays } from './admission.ts';
import type { BatchRun } from './batch-run.ts';
import { Deletions } from './deletions.ts';
import { type Engine, patiently } from './engine.ts';
import type { Item } from './item.ts';
import { Limiter } from './limiter.ts';
import { type Drop, moveItem } from './move-item.ts';
import { toLimit } from './progress.ts';
import { keepSource, removeSources } from './remove.ts';
import { hasSpareTime } from './spare-time.ts';
import { type AccountReference, giveBack, type TakenBatch, takeBatch } from './take-batch.ts';
import { AbandonedUploads } from './uploads.ts';

/** Objects of one batch that relays move at a time in the beginning; more as long as the process has time left. */
const firstRelays = 4;
/** The same for deletions, of which each waits for the lease's confirmation together with all others: a batch of them whole. */
const mostDeletions = 1_000;
/** A batch that fails as a whole, which is a defect, is not tried again earlier. */
const restAfterDefectMs = 10_000;

/**
 * Moves the objects of one admitted batch and lets go of it: done, or ready for somebody else when the transfer was
 * paused or this process shuts down. One bad object never fails the others. Of a cancelled transfer it drops the
 * uploads that were begun instead. Never throws for anything that happens to an object.
 */
export async function moveBatch(engine: Engine, job: JobPayload<'transfer.batch'>): Promise<void> {
  if (engine.stopping.aborted) return giveBack(engine.db, [job]);
  const taken = await patiently(engine.stopping, () => takeBatch(engine.db, job));
  if (taken === null) return;
  const run = engine.ledger.open(job.transferId, job.batchNumber, job.attempt);
  run.isExpress = taken.isExpress;
  run.pace.change(toLimit(taken.bandwidthLimit));
  if (engine.stopping.aborted) run.drain();
  try {
    const release = await work(engine, taken, run);
    if (!run.isLost) await run.finish(release);
  } catch (error) {
    if (!run.going.aborted) engine.log.error({ err: error, ...job }, 'a batch could not be moved');
    await run.finish('READY', run.going.aborted ? 0 : restAfterDefectMs);
  }
  engine.kickDispatcher();
}

async function work(engine: Engine, taken: TakenBatch, run: BatchRun): Promise<'DONE' | 'READY'> {
  if (taken.transferState !== 'RUNNING') run.halt(taken.transferState);
  const { items } = taken;
  const accounts: OpenAccount[] = [];
  let destination: OpenAccount | undefined;
  const abandoned = new AbandonedUploads(engine, taken.destination.id, () => destination?.provider);
  const drop: Drop = async (item) => {
    if (item.checkpoint !== null) await abandoned.drop(item.checkpoint.session);
  };
  const use = async (reference: AccountReference) => {
    const account = await patiently(engine.stopping, () => engine.accounts.use(reference));
    accounts.push(account);
    return account;
  };
  try {
    try {
      destination = await use(taken.destination);
      if (!run.going.aborted) {
        const source = await use(taken.source);
        const limiters = {
          objects: new Limiter(taken.concurrency ?? Number.POSITIVE_INFINITY),
          relays: new Limiter(firstRelays, mostRelays, hasSpareTime),
          byCloud: new Limiter(mostByCloud),
          deletions: new Limiter(mostByCloud, mostDeletions, hasSpareTime),
        };
        const { budget, refusedRoutes, urlReach } = engine;
        const deletions = new Deletions(run.signal);
        const shared = { budget, refusedRoutes, urlReach, abandoned, deletions };
        const pair = { source, destination, ...shared, order: taken.order };
        const open = items.filter(({ state }) => state === 'PENDING');
        await Promise.all(open.map((item) => moveItem(pair, item, run, limiters, drop, engine.log)));
        if (taken.order.mode === 'MOVE' && !run.going.aborted) {
          await run.confirm();
          await removeSources(pair, items, run, limiters);
        }
      }
    } catch (error) {
      // An account that cannot be opened: nothing can be moved. What was begun is dropped where its destination opens.
      if (!(error instanceof AppError) || engine.stopping.aborted) throw error;
      if (run.haltedBy !== 'CANCELLED') await Promise.all(items.map((item) => giveUp(drop, item, error, run)));
    }
    if (run.haltedBy === 'CANCELLED') {
      await Promise.all(items.map((item) => cancelItem(drop, item, run)));
    }
  } finally {
    for (const account of accounts) account.release();
  }
  const isDone = (item: Item) => !isUnfinished(item) && item.sourceRemoval !== 'PENDING';
  return run.haltedBy === 'CANCELLED' || items.every(isDone) ? 'DONE' : 'READY';
}

function isUnfinished({ state }: Item): boolean {
  return state === 'PENDING' || state === 'RUNNING';
}

/** What has arrived stays so: then it is its source's removal that is given up. */
async function giveUp(drop: Drop, item: Item, error: AppError, run: BatchRun): Promise<void> {
  if (isUnfinished(item)) {
    await drop(item);
    item.fail(error);
  } else {
    keepSource(item, error);
  }
  run.touch(item);
}

/** Nothing half-written stays at the destination of a cancelled transfer, and every source that is still there does. */
async function cancelItem(drop: Drop, item: Item, run: BatchRun): Promise<void> {
  if (item.sourceRemoval === 'PENDING') item.sourceRemoval = 'KEPT';
  if (isUnfinished(item)) {
    // What a cloud makes by one request of its own it may bring to its end, whatever becomes of the request.
    const isByCloud = item.route !== null && item.route !== 'RELAY';
    const mayArrive = isByCloud && item.state === 'RUNNING' && item.checkpoint === null;
    await drop(item);
    item.reset();
    item.state = 'CANCELLED';
    if (mayArrive) item.failedTry(new AppError('CANCELLED', 'Its cloud was at it by itself, and may still finish it.'));
  }
  run.touch(item);
}
