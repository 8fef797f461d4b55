import { setImmediate } from 'node:timers/promises';
import { AppError, toAppError } from '../../../core/errors.ts';
import { createFilter } from '../../../queue/filter.ts';
import type { JobPayload } from '../../../queue/jobs.ts';
import { parseDestination, parsePath, type Rename } from '../../../queue/path.ts';
import {
  firstCheckpoint,
  type PlanCheckpoint,
  type PlanPlace,
  planCheckpointSchema,
} from '../../../queue/plan-checkpoint.ts';
import { emptyWorkload } from '../../../queue/plan-estimate.ts';
import { transferOptionsSchema } from '../../../queue/transfer-options.ts';
import type { OpenAccount } from '../accounts.ts';
import { isTerminal } from '../checkpoint.ts';
import { type Engine, patiently } from '../engine.ts';
import { pause } from '../gate.ts';
import { Apartness } from './apart.ts';
import { endPlan, outcomeOf } from './end-plan.ts';
import { estimateOf } from './estimate.ts';
import { Judge, type PlanRules } from './judge.ts';
import { loadManifest, type Manifest } from './manifest.ts';
import type { Chunk, Matches } from './matches.ts';
import { renaming } from './names.ts';
import { fetchingSource, openMatches } from './open-matches.ts';
import { PlanPage, writePage } from './page.ts';
import type { PlanLease } from './plan-lease.ts';
import { Room, roomAtDestination } from './room.ts';
import { Section } from './section.ts';
import { promiseAnew, type TakenPlan } from './take-plan.ts';
import { sumOf } from './workload.ts';
import { WritePermission } from './write-permission.ts';

/** A planner lets others have its slot after so long, and goes on behind them; not before it has got any further. */
const sliceMs = 5_000;
/** So often in a row the database may refuse a page before its source path fails. */
const maxRefusals = 3;
const refusalRestMs = 500;
/** Missing objects that are written at once. */
const missingPageSize = 1_000;

const noNames: ReadonlyMap<string, number> = new Map();

/** An object of which nothing is known but why nothing is done about it. */
function failedObject(problem: AppError) {
  return {
    sizeBytes: 0,
    modifiedAt: null,
    version: null,
    action: 'WRITE',
    reason: null,
    destinationVersion: null,
    sourceRemoval: null,
    problem,
  } as const;
}

/** One for each source path. */
function sectionsOf({ sourcePaths, destinationPath }: TakenPlan, rename?: Rename): Section[] {
  const destination = parseDestination(destinationPath);
  return sourcePaths.map((path) => new Section(parsePath(path), destination, rename));
}

/** Whether planning goes on here, or what the database says against a page. */
type Written = boolean | { refusal: unknown };

/** A stretch from a place on that is being written. */
interface Writing {
  place: PlanPlace;
  /** null: there is none before the first. */
  page: PlanPage | null;
  outcome: Promise<Written>;
}

/** One attempt at a transfer's plan, under its fencing token. */
export class Planner {
  readonly #engine: Engine;
  readonly #job: JobPayload<'transfer.plan'>;
  readonly #plan: TakenPlan;
  /** Under the names that objects have at the source, until the accounts are open. */
  #sections: Section[];
  readonly #accounts: OpenAccount[] = [];
  /** Aborted when planning has to stop. */
  readonly #signal: AbortSignal;
  readonly #startedAt = performance.now();
  #hasProgressed = false;
  /** As stored; null before the first page. */
  #stored: unknown;
  #checkpoint: PlanCheckpoint;
  /** null: there is none, or it is not loaded yet. */
  #manifest: Manifest | null = null;
  /** Requests that planning made since its last page. */
  #asked = emptyWorkload();
  #nextBatch: number;

  constructor(engine: Engine, job: JobPayload<'transfer.plan'>, plan: TakenPlan, lease: PlanLease) {
    this.#engine = engine;
    this.#job = job;
    this.#signal = lease.signal;
    this.#plan = plan;
    this.#sections = sectionsOf(plan);
    this.#stored = plan.planCheckpoint;
    this.#checkpoint =
      plan.planCheckpoint === null
        ? firstCheckpoint(plan.sourcePaths)
        : planCheckpointSchema.parse(plan.planCheckpoint);
    this.#nextBatch = plan.batchesListed;
  }

  close(): void {
    for (const account of this.#accounts) account.release();
  }

  async run(): Promise<void> {
    let rules: PlanRules;
    try {
      rules = await this.#rules();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      await this.#failAll(error);
      return;
    }
    const room = await this.#room(rules);
    if (room === null) return promiseAnew(this.#engine, this.#job);
    const { writeDenials = 0 } = this.#checkpoint;
    const permission = new WritePermission(rules, writeDenials, this.#signal);
    const judge = new Judge(rules, this.#engine.db, room, permission, this.#signal);
    const apartness = new Apartness(rules, this.#sections, this.#signal);
    for (let [place] = this.#checkpoint.remaining; place; [place] = this.#checkpoint.remaining) {
      const section = this.#sections[place.path];
      if (!section) throw new Error('The plan refers to a source path that is not there.');
      permission.enter(section, place);
      if (judge.refusal !== null) {
        if (!(await this.#failSection(section, place, judge.refusal))) return;
        continue;
      }
      permission.askAhead(section);
      const fetchSource = fetchingSource(rules, section, this.#signal);
      try {
        await apartness.assert(section, fetchSource);
      } catch (cause) {
        if (this.#signal.aborted) return promiseAnew(this.#engine, this.#job);
        if (!(await this.#failSection(section, place, toAppError(cause)))) return;
        continue;
      }
      const matches = openMatches(rules, section, place, fetchSource, this.#signal);
      try {
        if (!(await this.#planSection(judge, section, place, matches))) return;
      } finally {
        await matches.close();
      }
    }
    if (this.#manifest !== null && !(await this.#failMissing(this.#manifest, rules))) return;
    await this.#end();
  }

  /** What was left behind the last page, or is at the beginning. null: planning has to stop. */
  async #room(rules: PlanRules): Promise<Room | null> {
    const { roomBytes } = this.#checkpoint;
    if (roomBytes !== undefined) return new Room(roomBytes);
    try {
      return new Room(await roomAtDestination(rules, this.#signal));
    } catch {
      return null;
    }
  }

  async #rules(): Promise<PlanRules> {
    const { mode, dryRun, sourceId, sourceUpdatedAt, destinationId, destinationUpdatedAt } = this.#plan;
    const source = await this.#use(sourceId, sourceUpdatedAt);
    const destination = await this.#use(destinationId, destinationUpdatedAt);
    const options = transferOptionsSchema.parse(this.#plan.options);
    this.#sections = sectionsOf(this.#plan, renaming(options.names, destination.provider));
    const { conflictPolicy, filter } = options;
    const { manifestId } = filter;
    if (manifestId !== null) {
      const { db, stopping } = this.#engine;
      this.#manifest = await patiently(stopping, () => loadManifest(db, manifestId, this.#checkpoint.manifestFound));
    }
    return {
      transferId: this.#job.transferId,
      mode,
      options,
      filter: createFilter(filter, this.#plan.startedAt),
      manifest: this.#manifest,
      isJoined: dryRun || mode === 'SYNC' || mode === 'VERIFY' || conflictPolicy !== 'OVERWRITE',
      canMeet:
        this.#sections.length > 1 ||
        !destination.provider.capabilities.caseSensitive ||
        options.names !== 'REFUSE' ||
        conflictPolicy === 'KEEP_BOTH',
      source,
      destination,
      refusedRoutes: this.#engine.refusedRoutes,
      urlReach: this.#engine.urlReach,
      budgetBytes: this.#engine.budget.capacityBytes,
      isCounted: this.#isDryRun,
      onRequest: (side, kind) => {
        this.#asked[side].requests[kind] += 1;
      },
    };
  }

  get #isDryRun(): boolean {
    return this.#plan.dryRun && this.#plan.approvedAt === null;
  }

  async #use(id: string, updatedAt: Date): Promise<OpenAccount> {
    const account = await patiently(this.#engine.stopping, () => this.#engine.accounts.use({ id, updatedAt }));
    this.#accounts.push(account);
    return account;
  }

  /** Plans a section to its end, or as far as it can be listed. Returns whether planning goes on here. */
  async #planSection(judge: Judge, section: Section, first: PlanPlace, matches: Matches): Promise<boolean> {
    let place: PlanPlace | null = first;
    let coming = this.#next(matches);
    // On its way to the database while the next one is judged.
    let before: Writing = { place, page: null, outcome: Promise.resolve(true) };
    while (place !== null) {
      const chunk = await coming;
      const isLate = matches.isResumable && this.#hasProgressed && performance.now() - this.#startedAt > sliceMs;
      const isStopping = this.#signal.aborted || isLate;
      if (isStopping || 'failure' in chunk || judge.asksForNames) {
        const isOurs = await this.#settle(section, before);
        if (isOurs !== null) return isOurs;
      }
      if (isStopping) {
        await promiseAnew(this.#engine, this.#job);
        return false;
      }
      if ('failure' in chunk) return this.#failSection(section, place, chunk.failure);
      // The next stretch is on its way while this one is judged and written.
      if (chunk.next !== null) coming = this.#next(matches);
      const page = before.page?.following() ?? new PlanPage(this.#checkpoint.nextOrdinal, this.#nextBatch);
      const names = await judge.judge(page, section, chunk.matches);
      if (judge.refusal !== null) {
        return (await this.#settle(section, before)) ?? this.#failSection(section, place, judge.refusal);
      }
      // The database waits for nothing but the word, then.
      page.seal();
      const isOurs = await this.#settle(section, before);
      if (isOurs !== null) return isOurs;
      const next: PlanPlace | null = chunk.next === null ? null : { path: place.path, ...chunk.next };
      before = { place, page, outcome: this.#write(page, names, next) };
      place = next;
      // Judging leaves the event loop no turn in which the statement would reach the database.
      await setImmediate();
    }
    return (await this.#settle(section, before)) ?? true;
  }

  /** Never rejects. */
  #next(matches: Matches): Promise<Chunk | { failure: AppError }> {
    return matches.next().catch((error: unknown) => ({ failure: toAppError(error) }));
  }

  /** Writes a stretch, with as many tries as the database deserves. Never rejects. */
  async #write(page: PlanPage, names: ReadonlyMap<string, number>, next: PlanPlace | null): Promise<Written> {
    const others = this.#checkpoint.remaining.slice(1);
    const remaining = next === null ? others : [next, ...others];
    for (let refusals = 1; ; refusals++) {
      try {
        return await this.#commit(page, names, { ...this.#checkpoint, remaining });
      } catch (refusal) {
        if (this.#engine.stopping.aborted || refusals >= maxRefusals) return { refusal };
        await pause(refusalRestMs, this.#signal).catch(() => {});
      }
    }
  }

  /** null: the stretch is on record, and planning goes on behind it. Else the section is over: whether planning goes on here. */
  async #settle(section: Section, { place, outcome }: Writing): Promise<boolean | null> {
    const written = await outcome;
    if (typeof written === 'boolean') return written ? null : false;
    if (this.#engine.stopping.aborted) throw written.refusal;
    this.#engine.log.error({ err: written.refusal, ...this.#job }, 'a page of a listing was refused by the database');
    const message = 'The endpoint lists what cannot be: a page of its listing could not be kept.';
    return this.#failSection(section, place, new AppError('ENDPOINT_INVALID', message, { cause: written.refusal }));
  }

  /** The path becomes a failed item, and the others go on. */
  async #failSection(section: Section, place: PlanPlace, error: AppError): Promise<boolean> {
    const page = new PlanPage(this.#checkpoint.nextOrdinal, this.#nextBatch);
    const ordinal = this.#addFailed(page, section, error);
    const [, ...remaining] = this.#checkpoint.remaining;
    return this.#commit(page, noNames, {
      ...this.#checkpoint,
      remaining,
      failed: [...this.#checkpoint.failed, { ...place, ordinal }],
    });
  }

  /**
   * What the manifest names and nothing was found of becomes failed items. Another try does with them what the order says of
   * objects that the destination does not have. Returns whether the plan is still ours.
   */
  async #failMissing(manifest: Manifest, { mode, isJoined }: PlanRules): Promise<boolean> {
    const sectionsAt = (places: readonly { path: number }[]) =>
      places.flatMap(({ path }) => this.#sections[path] ?? []);
    const { failed, relisted } = this.#checkpoint;
    // Nobody knows of those below a source path that could not be listed. Of others a follow-up's origin has told.
    const unlisted = sectionsAt(failed);
    const told = relisted.length === 0 ? this.#sections : sectionsAt(relisted);
    const isMissing = (path: string) =>
      !unlisted.some((section) => section.covers(path)) &&
      (relisted.length === 0 || told.some((section) => section.covers(path)));
    const missing = [...manifest.missing()].filter(isMissing);
    const { container, key } = parseDestination(this.#plan.destinationPath);
    const action = mode === 'VERIFY' ? 'COMPARE' : 'WRITE';
    const destinationVersion = isJoined ? {} : null;
    for (let at = 0; at < missing.length; at += missingPageSize) {
      const page = new PlanPage(this.#checkpoint.nextOrdinal, this.#nextBatch);
      for (const path of missing.slice(at, at + missingPageSize)) {
        const source = parsePath(path);
        const section = told.find((one) => one.covers(path));
        const problem = section
          ? new AppError('OBJECT_NOT_FOUND', 'The manifest names it, and there is no such object.')
          : new AppError('INVALID_INPUT', 'The manifest names it, and it lies below none of the source paths.');
        manifest.takes(path);
        page.add({
          ...failedObject(problem),
          ...{ action, destinationVersion },
          source: { container: source.container, key: source.key },
          destination: { container, key: section ? section.destinationKeyOf(source.key) : key + source.key },
        });
      }
      if (!(await this.#commit(page, noNames, this.#checkpoint))) return false;
    }
    return true;
  }

  /** An account that cannot be opened fails every path that remains. */
  async #failAll(error: AppError): Promise<void> {
    const page = new PlanPage(this.#checkpoint.nextOrdinal, this.#nextBatch);
    const failed = this.#checkpoint.remaining.map((place) => ({
      ...place,
      ordinal: this.#addFailed(page, this.#sections[place.path] as Section, error),
    }));
    const checkpoint = { ...this.#checkpoint, remaining: [], failed: [...this.#checkpoint.failed, ...failed] };
    if (await this.#commit(page, noNames, checkpoint)) await this.#end();
  }

  #addFailed(page: PlanPage, { source, destination, destinationPrefix }: Section, problem: AppError): number {
    return page.add({
      ...failedObject(problem),
      source: { container: source.container, key: source.key },
      destination: { container: destination.container, key: destinationPrefix },
    });
  }

  /** Writes a page. Returns whether planning goes on. */
  async #commit(page: PlanPage, names: ReadonlyMap<string, number>, after: PlanCheckpoint): Promise<boolean> {
    const asked = this.#asked;
    this.#asked = emptyWorkload();
    const next: PlanCheckpoint = {
      ...after,
      nextOrdinal: page.nextOrdinal,
      totals: page.addedTo(after.totals),
      destinationObjects: after.destinationObjects + page.destinationObjects,
      roomBytes: page.roomBytes === undefined ? after.roomBytes : page.roomBytes,
      writeDenials: page.writeDenials === undefined ? after.writeDenials : page.writeDenials,
      manifestFound: this.#manifest?.found ?? after.manifestFound,
      workload: this.#isDryRun ? sumOf(sumOf(after.workload, page.workload), asked) : after.workload,
    };
    const plan = { ...this.#job, before: this.#stored };
    // What a manifest misses is told behind all listings.
    const isEnd = next.remaining.length === 0 && this.#manifest === null && outcomeOf(this.#plan, next) === null;
    const written = await patiently(this.#engine.stopping, () =>
      writePage(this.#engine.db, plan, page, names, next, isEnd),
    ).catch((error: unknown) => {
      this.#asked = sumOf(this.#asked, asked);
      throw error;
    });
    if (!written) return false;
    if (written.due || isTerminal(written.row.state)) this.#engine.publish(written.row);
    this.#checkpoint = next;
    this.#stored = next;
    this.#hasProgressed = true;
    this.#nextBatch += page.batches.length;
    if (page.batches.length > 0) this.#engine.kickDispatcher();
    return !isEnd;
  }

  /** Ends a plan that has more to settle than its last page can say. */
  async #end(): Promise<void> {
    const outcome = outcomeOf(this.#plan, this.#checkpoint);
    // Nothing is left to settle when the last page has ended the plan.
    if (this.#checkpoint.remaining.length > 0 || (outcome === null && this.#manifest === null)) return;
    const { db, prices, stopping } = this.#engine;
    const row = await patiently(stopping, async () => {
      const estimate = this.#isDryRun ? await estimateOf(db, prices, this.#plan, this.#checkpoint.workload) : null;
      return endPlan(db, this.#job, outcome ?? { deletions: 'RELEASE', awaitsApproval: false }, estimate);
    });
    if (row === null) return;
    this.#engine.publish(row);
    this.#engine.kickDispatcher();
  }
}
