import type { Db } from '../../core/db.ts';
import { AppError, toAppError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { isOutage } from '../../core/outage.ts';
import type { ProgressRow } from '../../queue/progress.ts';
import { BatchRun, type Findings } from './batch-run.ts';
import { isTerminal, leaseMs, type WriteResult, writeCheckpoint } from './checkpoint.ts';
import type { Item } from './item.ts';
import { Pace } from './pace.ts';
import type { RateMeter } from './rate-meter.ts';
import { Refusals } from './refusals.ts';
import { isRefusedContent } from './refused-content.ts';
import type { SharedBandwidth } from './shared-bandwidth.ts';

/** A transfer that this process moves is looked at so often, whether or not anything changed. */
const heartbeatMs = 1_000;
/** What changed is written so long after what was written before: each statement costs as much as fifty objects in it. */
const writeIntervalMs = 200;
/** The same where somebody waits for it, so that batches that end shortly after each other are written together. */
const flushIntervalMs = 50;
const renewMs = leaseMs / 3;
const databaseRetryMs = 500;

export interface LedgerOptions {
  db: Db;
  log: Logger;
  /** Tells subscribers; failures are its own affair. */
  publish(row: ProgressRow): void;
  /** Bytes that destinations acknowledged to this process. */
  meter: RateMeter;
  bandwidth: SharedBandwidth;
}

/**
 * Everything this process writes about the transfers it moves. Changes are gathered and written a few times a second
 * per transfer, so that small objects cost few statements; each write also renews leases and brings back the
 * transfer's state, so that a pause is noticed within 2 s although Redis is away.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #transfers = new Map<string, TransferLedger>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Transfers that this process moves. */
  get transferCount(): number {
    return this.#transfers.size;
  }

  /** Begins to account for a batch that was taken under the fencing token `attempt`. */
  open(transferId: string, number: number, attempt: number): BatchRun {
    let transfer = this.#transfers.get(transferId);
    if (!transfer) {
      const opened = new TransferLedger(transferId, this.#options, () => {
        if (this.#transfers.get(transferId) === opened) this.#transfers.delete(transferId);
      });
      transfer = opened;
      this.#transfers.set(transferId, transfer);
    }
    return transfer.open(number, attempt);
  }

  /** Looks at the transfer's state at once, if this process moves it. */
  check(transferId: string): void {
    void this.#transfers.get(transferId)?.flush(true);
  }

  /** No batch begins anything new. */
  drain(): void {
    for (const transfer of this.#transfers.values()) for (const run of transfer.runs) run.drain();
  }

  /** Stops every batch. */
  stop(reason: AppError): void {
    for (const transfer of this.#transfers.values()) for (const run of transfer.runs) run.stop(reason);
  }
}

/** One transfer of the ledger. Lives while the process holds a batch of it. */
class TransferLedger {
  readonly #transferId: string;
  readonly #options: LedgerOptions;
  readonly #onEmpty: () => void;
  readonly #openedAt = performance.now();
  readonly #runs = new Map<number, BatchRun>();
  readonly #findings: Findings = { occupied: null, refusals: new Refusals() };
  readonly #pace: Pace;
  #dirty = new Map<Item, BatchRun>();
  #waiters: PromiseWithResolvers<void>[] = [];
  /** Whether one of them holds up an object, not only the end of its batch. */
  #isUrgent = false;
  #publishPending = false;
  #writing = false;
  #lastWriteAt = Number.NEGATIVE_INFINITY;
  #dueAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(transferId: string, options: LedgerOptions, onEmpty: () => void) {
    this.#transferId = transferId;
    this.#options = options;
    this.#onEmpty = onEmpty;
    this.#pace = new Pace(transferId, options.bandwidth);
  }

  get runs(): BatchRun[] {
    return [...this.#runs.values()];
  }

  open(number: number, attempt: number): BatchRun {
    // A former hold of the same batch by this very process is over, whether or not it knows.
    const former = this.#runs.get(number);
    if (former) this.#drop(former, lost());
    const run = new BatchRun(number, attempt, {
      touch: (item) => {
        if (this.#runs.get(number) !== run) return;
        this.#dirty.set(item, run);
        this.#schedule();
      },
      acknowledged: (bytes) => this.#options.meter.add(bytes),
      flush: (isUrgent) => this.flush(isUrgent),
      findings: this.#findings,
      pace: this.#pace,
    });
    this.#runs.set(number, run);
    // Nothing to tell yet: a batch that ends sooner is written once.
    this.#scheduleAt(performance.now() + writeIntervalMs);
    return run;
  }

  /**
   * Writes as soon as possible, or with the others when it is not urgent and batches go on; resolves once everything touched
   * before is committed or refused.
   */
  flush(isUrgent: boolean): Promise<void> {
    if (this.#runs.size === 0) return Promise.resolve();
    const waiter = Promise.withResolvers<void>();
    this.#waiters.push(waiter);
    this.#isUrgent ||= isUrgent;
    this.#scheduleAt(this.#nextWriteAt());
    return waiter.promise;
  }

  /** When what is waited for is written. */
  #nextWriteAt(): number {
    const isSoon = this.#isUrgent || this.runs.every((run) => run.release !== null);
    return this.#lastWriteAt + (isSoon ? flushIntervalMs : writeIntervalMs);
  }

  #schedule(): void {
    this.#scheduleAt(this.#lastWriteAt + writeIntervalMs);
  }

  #scheduleAt(at: number): void {
    if (this.#writing || at >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = at;
    this.#timer = setTimeout(() => void this.#write(), Math.max(0, at - performance.now()));
  }

  async #write(): Promise<void> {
    this.#writing = true;
    this.#lastWriteAt = performance.now();
    const dirty = this.#dirty;
    const waiters = this.#waiters;
    this.#dirty = new Map();
    this.#waiters = [];
    this.#isUrgent = false;
    let retryAt: number | undefined;
    try {
      try {
        await this.#writeOnce(dirty);
      } catch (error) {
        if (!isRefusedContent(error)) throw error;
        await this.#writeSingly(dirty);
      }
      for (const waiter of waiters) waiter.resolve();
    } catch (error) {
      if (isOutage(error)) {
        // Nothing is lost: the state is here, and writing it twice is harmless.
        for (const [item, run] of dirty) if (this.#runs.get(run.number) === run) this.#dirty.set(item, run);
        this.#waiters.unshift(...waiters);
        retryAt = performance.now() + databaseRetryMs;
      } else {
        this.#options.log.error({ err: error, transferId: this.#transferId }, 'checkpoint refused by the database');
        for (const run of this.runs) this.#drop(run, toAppError(error));
        for (const waiter of waiters) waiter.resolve();
      }
    }
    this.#writing = false;
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (this.#runs.size === 0) {
      for (const waiter of this.#waiters) waiter.resolve();
      this.#onEmpty();
    } else if (retryAt !== undefined) {
      this.#scheduleAt(retryAt);
    } else if (this.#waiters.length > 0) {
      this.#scheduleAt(this.#nextWriteAt());
    } else {
      const isPending = this.#dirty.size > 0 || this.#publishPending;
      this.#scheduleAt(this.#lastWriteAt + (isPending ? writeIntervalMs : heartbeatMs));
    }
  }

  /** One item that cannot be written never holds up the others: it is found, and is to be given up. */
  async #writeSingly(dirty: ReadonlyMap<Item, BatchRun>): Promise<void> {
    for (const [item, run] of dirty) {
      if (this.#runs.get(run.number) !== run) continue;
      try {
        await this.#writeOnce(new Map([[item, run]]), false);
      } catch (error) {
        if (!isRefusedContent(error)) throw error;
        const { ordinal, state } = item;
        this.#options.log.error({ err: error, transferId: this.#transferId, ordinal }, 'an item could not be written');
        item.refused = new AppError('ENDPOINT_INVALID', 'A cloud says of this object what cannot be kept.', {
          cause: error,
        });
        // Whoever moves it gives it up, and drops what was begun; nobody moves it any more when it is at an end.
        if (state === 'PENDING' || state === 'RUNNING') continue;
        item.version = null;
        item.fail(item.refused);
        await this.#writeOnce(new Map([[item, run]]), false);
      }
    }
    await this.#writeOnce(new Map());
  }

  async #writeOnce(dirty: ReadonlyMap<Item, BatchRun>, lettingGo = true): Promise<void> {
    const now = performance.now();
    const written = this.runs.map((run) => ({
      run,
      release: lettingGo ? run.release : null,
      renew: now - run.renewedAt >= renewMs,
    }));
    const result = await writeCheckpoint(
      this.#options.db,
      this.#transferId,
      written.map(({ run, release, renew }) => ({
        number: run.number,
        attempt: run.attempt,
        release,
        renew,
        restMs: run.restMs,
        bytesInFlight: run.bytesInFlight,
      })),
      [...dirty].map(([item, run]) => ({ item, number: run.number, attempt: run.attempt })),
      { elapsedMs: now - this.#openedAt, throttledMs: Math.max(0, ...written.map(({ run }) => run.throttledMs)) },
    );
    const held = new Set(result?.held);
    for (const { run, release, renew } of written) {
      if (!held.has(run.number)) {
        this.#drop(run, lost());
      } else if (release !== null) {
        if (this.#runs.get(run.number) === run) this.#runs.delete(run.number);
      } else if (renew) {
        run.renewedAt = now;
      }
    }
    if (result) this.#tell(result);
  }

  #tell({ row, due, bandwidthLimit }: WriteResult): void {
    this.#pace.change(toLimit(bandwidthLimit));
    if (due || isTerminal(row.state)) this.#options.publish(row);
    this.#publishPending = !due;
    if (row.state === 'RUNNING') return;
    for (const run of this.runs) run.halt(row.state);
  }

  #drop(run: BatchRun, reason: AppError): void {
    run.stop(reason);
    if (this.#runs.get(run.number) === run) this.#runs.delete(run.number);
    for (const [item, owner] of this.#dirty) if (owner === run) this.#dirty.delete(item);
  }
}

/** As it is counted with: exact far beyond any network's bandwidth. */
export function toLimit(bandwidthLimit: bigint | null): number | null {
  return bandwidthLimit === null ? null : Number(bandwidthLimit);
}

function lost(): AppError {
  return new AppError('LEASE_LOST', 'Another worker has taken this batch over.');
}
