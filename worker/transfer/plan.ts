import { AppError, toAppError } from '../../core/errors.ts';
import type { JobPayload } from '../../queue/jobs.ts';
import { enqueue } from '../../queue/outbox.ts';
import { destinationKey, parseDestination, parsePath, type StoragePath } from '../../queue/path.ts';
import { firstCheckpoint, type PlanCheckpoint, planCheckpointSchema } from '../../queue/plan-checkpoint.ts';
import { type ProgressRow, progressColumns } from '../../queue/progress.ts';
import { planLeaseMs } from '../../queue/transfer.ts';
import type { Entry, Page } from '../../storage/provider.ts';
import { Tries } from '../errors.ts';
import type { OpenAccount } from './accounts.ts';
import { isTerminal } from './checkpoint.ts';
import { type Engine, patiently } from './engine.ts';
import { pause } from './gate.ts';
import { stoppedError } from './item.ts';
import { nameHash, nameProblem, PlanPage, takenNames, writePage } from './plan-page.ts';
import { listSource } from './sources.ts';
import type { AccountReference } from './take-batch.ts';

/** A planner lets others have its slot after so long, and goes on behind them. */
const sliceMs = 5_000;
/** So often in a row the database may refuse a page before its source path fails. */
const maxRefusals = 3;
const refusalRestMs = 500;

interface TakenPlan extends ProgressRow {
  sourceId: string;
  sourceUpdatedAt: Date;
  destinationId: string;
  destinationUpdatedAt: Date;
  sourcePaths: string[];
  destinationPath: string;
  planCheckpoint: unknown;
  batchesListed: number;
}

/**
 * Lists a transfer's sources page by page and writes items and batches, which are moved while the listing goes on. Each
 * page is committed with the place behind it, so that whoever goes on neither doubles nor loses an object. A path that
 * cannot be listed becomes a failed item and the others go on.
 */
export async function planTransfer(engine: Engine, job: JobPayload<'transfer.plan'>): Promise<void> {
  if (engine.stopping.aborted) return promiseAnew(engine, job);
  const taken = await patiently(engine.stopping, () => takePlan(engine, job));
  if (taken === null) return;
  engine.publish(taken);
  const planner = new Planner(engine, job, taken);
  try {
    await planner.run();
  } finally {
    planner.close();
  }
}

/** Takes the plan under its fencing token, which is the attempt: each attempt can be taken once. */
async function takePlan(
  { db }: Engine,
  { transferId, attempt }: JobPayload<'transfer.plan'>,
): Promise<TakenPlan | null> {
  const [row] = await db.$queryRaw<TakenPlan[]>`
    UPDATE transfer
    SET plan_fence = attempt, state = 'RUNNING', started_at = coalesce(started_at, now()), sequence = sequence + 1,
      plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000}), updated_at = now()
    FROM cloud_account AS source, cloud_account AS destination
    WHERE transfer.id = ${transferId}::uuid AND attempt = ${attempt}::int AND plan_fence < attempt
      AND state IN ('SCHEDULED', 'QUEUED', 'RUNNING') AND NOT listing_complete
      AND source.id = source_account_id AND destination.id = destination_account_id
    RETURNING ${progressColumns}, source.id AS "sourceId", source.updated_at AS "sourceUpdatedAt",
      destination.id AS "destinationId", destination.updated_at AS "destinationUpdatedAt",
      source_paths AS "sourcePaths",
      destination_path AS "destinationPath", plan_checkpoint AS "planCheckpoint", batches_listed AS "batchesListed"`;
  return row ?? null;
}

/** Promises another job that goes on where this one stopped. */
async function promiseAnew({ db }: Engine, { transferId, attempt }: JobPayload<'transfer.plan'>): Promise<void> {
  await db.$transaction(async (tx) => {
    const [next] = await tx.$queryRaw<{ attempt: number }[]>`
      UPDATE transfer
      SET attempt = attempt + 1, plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000}),
        updated_at = now()
      WHERE id = ${transferId}::uuid AND attempt = ${attempt}::int AND NOT listing_complete
        AND state IN ('SCHEDULED', 'QUEUED', 'RUNNING')
      RETURNING attempt`;
    if (next) await enqueue(tx, 'transfer.plan', { transferId, attempt: next.attempt });
  });
}

/** What became of a source path. */
type Fetched = { page: Page<Entry> } | { failure: AppError };

class Planner {
  readonly #engine: Engine;
  readonly #job: JobPayload<'transfer.plan'>;
  readonly #plan: TakenPlan;
  readonly #sources: StoragePath[];
  readonly #destination: StoragePath;
  readonly #accounts: OpenAccount[] = [];
  readonly #stop = new AbortController();
  readonly #onStopping = () => this.#stop.abort(stoppedError('The worker is shutting down.'));
  readonly #renewal: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  /** As stored; null before the first page. */
  #stored: PlanCheckpoint | null;
  #checkpoint: PlanCheckpoint;
  #nextBatch: number;

  constructor(engine: Engine, job: JobPayload<'transfer.plan'>, plan: TakenPlan) {
    this.#engine = engine;
    this.#job = job;
    this.#plan = plan;
    this.#sources = plan.sourcePaths.map((path) => parsePath(path));
    this.#destination = parseDestination(plan.destinationPath);
    this.#stored = plan.planCheckpoint === null ? null : planCheckpointSchema.parse(plan.planCheckpoint);
    this.#checkpoint = this.#stored ?? firstCheckpoint(plan.sourcePaths);
    this.#nextBatch = plan.batchesListed;
    this.#renewal = setInterval(() => void this.#keepLease(), planLeaseMs / 3);
    engine.stopping.addEventListener('abort', this.#onStopping);
  }

  close(): void {
    clearInterval(this.#renewal);
    this.#engine.stopping.removeEventListener('abort', this.#onStopping);
    this.#stop.abort(stoppedError('Planning has ended.'));
    for (const account of this.#accounts) account.release();
  }

  async run(): Promise<void> {
    let accounts: { source: OpenAccount; destination: OpenAccount };
    try {
      accounts = {
        source: await this.#use({ id: this.#plan.sourceId, updatedAt: this.#plan.sourceUpdatedAt }),
        destination: await this.#use({ id: this.#plan.destinationId, updatedAt: this.#plan.destinationUpdatedAt }),
      };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      await this.#failAll(error);
      return;
    }
    let fetching = this.#fetch(accounts.source, this.#checkpoint);
    let refusals = 0;
    while (this.#checkpoint.remaining.length > 0) {
      const fetched = await fetching;
      if (this.#stop.signal.aborted || performance.now() - this.#startedAt > sliceMs) {
        await promiseAnew(this.#engine, this.#job);
        return;
      }
      const after = this.#after(fetched);
      // The next page is on its way while this one is written.
      if (after.remaining.length > 0) fetching = this.#fetch(accounts.source, after);
      try {
        if (!(await this.#write(accounts.destination, fetched, after))) return;
        refusals = 0;
      } catch (error) {
        if (this.#engine.stopping.aborted || 'failure' in fetched) throw error;
        refusals += 1;
        if (refusals < maxRefusals) {
          fetching = Promise.resolve(fetched);
          await pause(refusalRestMs, this.#stop.signal).catch(() => {});
          continue;
        }
        // It is refused for what it holds, and would be for ever: the path ends here, and the others go on.
        this.#engine.log.error({ err: error, ...this.#job }, 'a page of a listing was refused by the database');
        const message = 'The endpoint lists what cannot be: a page of its listing could not be kept.';
        fetching = Promise.resolve({ failure: new AppError('ENDPOINT_INVALID', message, { cause: error }) });
      }
    }
  }

  async #use(reference: AccountReference): Promise<OpenAccount> {
    const account = await patiently(this.#engine.stopping, () => this.#engine.accounts.use(reference));
    this.#accounts.push(account);
    return account;
  }

  /** The page at a place, with as many tries as it deserves. Never rejects. */
  async #fetch(source: OpenAccount, { remaining }: PlanCheckpoint): Promise<Fetched> {
    const [place] = remaining;
    const path = place && this.#sources[place.path];
    if (!path) return { failure: new AppError('INTERNAL', 'The plan refers to a source path that is not there.') };
    const tries = new Tries();
    for (;;) {
      try {
        await source.gate.pass(this.#stop.signal);
        const page = await source.gate.watch(listSource(source.provider, path, place.cursor, this.#stop.signal));
        return { page };
      } catch (cause) {
        const error = toAppError(cause);
        const waitMs = this.#stop.signal.aborted ? null : tries.failed(error);
        if (waitMs === null) return { failure: error };
        await pause(waitMs, this.#stop.signal).catch(() => {});
      }
    }
  }

  /** The place behind a page; items are counted when they are written. */
  #after(fetched: Fetched): PlanCheckpoint {
    const [place, ...others] = this.#checkpoint.remaining;
    const cursor = 'page' in fetched ? fetched.page.nextCursor : null;
    const remaining = place && cursor !== null ? [{ path: place.path, cursor }, ...others] : others;
    return { ...this.#checkpoint, remaining };
  }

  async #write(destination: OpenAccount, fetched: Fetched, after: PlanCheckpoint): Promise<boolean> {
    const [place] = this.#checkpoint.remaining;
    const source = place && this.#sources[place.path];
    if (!source) return false;
    const page = new PlanPage(this.#checkpoint.nextOrdinal, this.#nextBatch);
    if ('failure' in fetched) {
      const entry = { key: source.key, sizeBytes: 0, version: null };
      const ordinal = page.add(source, this.#destination, entry, fetched.failure);
      return this.#commit(page, [], { ...after, failed: [...after.failed, { ...place, ordinal }] });
    }
    const names = await this.#addEntries(page, source, destination, fetched.page.items);
    return this.#commit(page, names, after);
  }

  /** Adds a page's objects. Returns the names they take, where two objects of the transfer could meet in one. */
  async #addEntries(
    page: PlanPage,
    source: StoragePath,
    { provider }: OpenAccount,
    entries: Entry[],
  ): Promise<string[]> {
    const { capabilities } = provider;
    const canMeet = this.#sources.length > 1 || !capabilities.caseSensitive;
    const hashOf = (entry: Entry) =>
      nameHash(this.#destination.container, destinationKey(source, entry.key, this.#destination), capabilities);
    const hashes = canMeet ? entries.map(hashOf) : [];
    const { db, stopping } = this.#engine;
    const taken = canMeet
      ? await patiently(stopping, () => takenNames(db, this.#job.transferId, hashes))
      : new Set<string>();
    const names: string[] = [];
    for (const [index, entry] of entries.entries()) {
      let problem = nameProblem(provider, destinationKey(source, entry.key, this.#destination), entry.sizeBytes);
      if (entry.key.includes('\0')) problem = new AppError('NAME_NOT_ALLOWED', 'The name holds the character U+0000.');
      const hash = hashes[index];
      if (!problem && hash !== undefined) {
        if (taken.has(hash)) {
          problem = new AppError('NAME_COLLISION', 'Another object of this transfer goes to the same name.');
        } else {
          taken.add(hash);
          names.push(hash);
        }
      }
      page.add(source, this.#destination, entry, problem);
    }
    return names;
  }

  /** Writes a page. Returns whether planning goes on. */
  async #commit(page: PlanPage, names: readonly string[], after: PlanCheckpoint): Promise<boolean> {
    const next = { ...after, nextOrdinal: page.nextOrdinal };
    const plan = { ...this.#job, before: this.#stored };
    const written = await patiently(this.#engine.stopping, () => writePage(this.#engine.db, plan, page, names, next));
    if (!written) return false;
    if (written.due || isTerminal(written.row.state)) this.#engine.publish(written.row);
    this.#checkpoint = next;
    this.#stored = next;
    this.#nextBatch += page.batches.length;
    if (page.batches.length > 0) this.#engine.kickDispatcher();
    return true;
  }

  /** An account that cannot be opened fails every path that remains. */
  async #failAll(error: AppError): Promise<void> {
    const page = new PlanPage(this.#checkpoint.nextOrdinal, this.#nextBatch);
    const failed = this.#checkpoint.remaining.map((place) => {
      const source = this.#sources[place.path] as StoragePath;
      return {
        ...place,
        ordinal: page.add(source, this.#destination, { key: source.key, sizeBytes: 0, version: null }, error),
      };
    });
    await this.#commit(page, [], {
      ...this.#checkpoint,
      remaining: [],
      failed: [...this.#checkpoint.failed, ...failed],
    });
  }

  async #keepLease(): Promise<void> {
    const { transferId, attempt } = this.#job;
    await this.#engine.db.$executeRaw`
        UPDATE transfer SET plan_lease_until = now() + make_interval(secs => ${planLeaseMs / 1_000})
        WHERE id = ${transferId}::uuid AND attempt = ${attempt}::int AND plan_fence = ${attempt}::int`
      // The next page tells whether the plan is still ours.
      .catch(() => {});
  }
}
