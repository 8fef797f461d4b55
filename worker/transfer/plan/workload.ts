import { type ErrorCode, toAppError } from '../../../core/errors.ts';
import type { RequestCounts, Workload } from '../../../queue/plan-estimate.ts';
import type { RequestRules, Requests } from '../../../storage/request-rules.ts';
import { isFolderName, isPlainFolder, isRealFolder } from '../folder.ts';
import { carriesTags } from '../kept.ts';
import { isWhole, partSizeFor } from '../parts.ts';
import { chooseRoute, type Route } from '../route.ts';
import type { PlanRules } from './judge.ts';
import type { PlannedObject } from './page.ts';

export type Side = 'source' | 'destination';

/** Nothing was tried for a planned object yet. */
const untried = { checkpoint: null, fallback: null } as const;
const noRefusals: ReadonlyMap<Route, ErrorCode> = new Map();

/**
 * Counts what the work on planned objects will ask of both clouds, as worker/transfer does it: by the route that each will
 * take and the parts that it will travel in. Tries that fail, and what a cloud's own word makes superfluous or needed
 * (a whole object in place of parts, a look at a copy of what was once uploaded in parts), are left out.
 */
export class WorkloadCounter {
  readonly #rules: PlanRules;
  readonly #signal: AbortSignal;
  /** Containers, of both sides, between which it is known whether a cloud reaches what it is to fetch. */
  readonly #tried = new Set<string>();

  /** `signal`: planning has to stop. */
  constructor(rules: PlanRules, signal: AbortSignal) {
    this.#rules = rules;
    this.#signal = signal;
  }

  /**
   * Finds out, by one URL for each pair of containers, whether a cloud may be told to fetch from there: private addresses
   * are the most frequent reason for another route. Work on objects is spared the same try.
   */
  async learnRoutes(objects: readonly PlannedObject[]): Promise<void> {
    const { source, refusedRoutes, urlReach, onRequest } = this.#rules;
    for (const object of objects) {
      const places = `${object.source.container}/${object.destination.container}`;
      if (this.#tried.has(places) || !this.#isWritten(object)) continue;
      if (this.#routeOf(object).route !== 'INGEST_FROM_URL') continue;
      this.#tried.add(places);
      try {
        await source.gate.pass(this.#signal);
        if (source.provider.requests.presign.read) onRequest('source', 'read');
        const expiresInMs = source.provider.capabilities.presign?.minExpiresMs ?? 0;
        await urlReach.assert(await source.provider.presign({ ...object.source, expiresInMs }, this.#signal));
      } catch (error) {
        this.#signal.throwIfAborted();
        const { code } = toAppError(error);
        // Anything else may pass, or be true of this object only.
        if (code === 'ADDRESS_NOT_ALLOWED') refusedRoutes.note(this.#rules, object, 'INGEST_FROM_URL', code);
      }
    }
  }

  add(workload: Workload, object: PlannedObject): void {
    if (object.problem !== undefined) return;
    const work = new Work(workload, this.#rules);
    if (object.action !== 'SKIP') {
      workload.objects += 1;
      this.#count(work, object);
    }
    if (object.sourceRemoval === null) return;
    if (isRealFolder(object, this.#rules.source.provider.capabilities)) work.add('source', 'deleteFolder');
    else this.#remove(work, 'source');
  }

  #count(work: Work, object: PlannedObject): void {
    const { action } = object;
    if (action === 'DELETE') this.#deleteExtra(work, object);
    else if (action === 'COMPARE') this.#compare(work, object);
    else if (!this.#isWritten(object)) this.#makeFolder(work, object);
    else this.#write(work, object);
  }

  /** One that is no object at the source is looked at there before. */
  #makeFolder(work: Work, object: PlannedObject): void {
    if (isRealFolder(object, this.#rules.source.provider.capabilities)) work.addRequests('source', { list: 1 });
    work.add('destination', 'createFolder');
  }

  /** An approved deletion looks whether the source has got the object meanwhile. */
  #deleteExtra(work: Work, { source: { key } }: PlannedObject): void {
    if (isFolderName(key, this.#rules.source.provider.capabilities)) work.addRequests('source', { list: 1 });
    else work.add('source', 'stat');
    this.#remove(work, 'destination');
  }

  /** Where the cloud holds deletions to a version, nobody looks before. */
  #remove(work: Work, side: Side): void {
    if (!this.#rules[side].provider.capabilities.conditionalDelete) work.add(side, 'stat');
    work.add(side, 'deleteObject');
  }

  #write(work: Work, object: PlannedObject): void {
    work.workload.bytes += object.sizeBytes;
    const { route } = this.#routeOf(object);
    if (route === 'SERVER_SIDE_COPY') this.#copy(work, object);
    else if (route === 'INGEST_FROM_URL') this.#ingest(work, object);
    else this.#relay(work, object);
    const { source, destination, options } = this.#rules;
    if (carriesTags(source.provider, destination.provider, options)) work.add('source', 'readTags');
    if (this.#rules.options.verification === 'REREAD') this.#reread(work, object);
  }

  /** Whether the object's bytes are brought to the destination, by whatever route. */
  #isWritten(object: PlannedObject): boolean {
    const { action, problem } = object;
    const isOther = action === 'SKIP' || action === 'DELETE' || action === 'COMPARE' || problem !== undefined;
    const { source, destination } = this.#rules;
    return !isOther && !isPlainFolder(object, source.provider, destination.provider);
  }

  /** The route that the object would take now. */
  #routeOf(object: PlannedObject) {
    return chooseRoute(this.#rules, { ...untried, ...object }, noRefusals, this.#rules.options);
  }

  #relay(work: Work, { sizeBytes }: PlannedObject): void {
    const { write } = this.#rules.destination.provider.capabilities;
    work.workload.relayedBytes += sizeBytes;
    work.egress('source', sizeBytes);
    if (isWhole(sizeBytes, write)) {
      if (!write.conditional) work.add('destination', 'stat');
      work.add('source', 'read');
      work.add('destination', 'write');
      return;
    }
    const partSizeBytes = partSizeFor(sizeBytes, write, this.#rules.budgetBytes);
    const parts = Math.ceil(sizeBytes / partSizeBytes);
    work.add('source', 'stat');
    work.add('destination', 'beginUpload', 'completeUpload');
    if (!write.conditionalUpload) work.add('destination', 'stat');
    work.addTimes(parts, 'source', 'read');
    work.addTimes(parts, 'destination', 'putPart');
  }

  #copy(work: Work, object: PlannedObject): void {
    const { provider } = this.#rules.destination;
    work.addRequests('source', this.#rules.source.provider.requests.offerCopy(object.sizeBytes));
    if (!provider.capabilities.copy?.conditional) work.add('destination', 'stat');
    work.addRequests('destination', provider.requests.copy(this.#placed(object, true)));
    if (!provider.requests.copyIsStated) work.add('destination', 'stat');
  }

  #ingest(work: Work, object: PlannedObject): void {
    const { source, destination } = this.#rules;
    const { read, ingest } = destination.provider.capabilities;
    const isStated = source.provider.capabilities.read.digests.some((algorithm) => read.digests.includes(algorithm));
    work.egress('source', object.sizeBytes);
    work.add('source', 'presign', 'stat');
    if (!ingest?.conditional) work.add('destination', 'stat');
    const requests = destination.provider.requests.ingest(this.#placed(object, isStated));
    work.addRequests('destination', requests);
    work.addTimes(requests.copy ?? 0, 'source', 'read');
    if (isStated) return;
    work.add('destination', 'stat');
    work.add('source', 'stat');
  }

  #compare(work: Work, { sizeBytes }: PlannedObject): void {
    work.add('source', 'stat');
    work.add('destination', 'stat');
    if (this.#rules.options.verification !== 'REREAD' && this.#haveCommonDigest()) return;
    for (const side of ['source', 'destination'] as const) {
      work.add(side, 'read');
      work.egress(side, sizeBytes);
    }
  }

  #reread(work: Work, { sizeBytes }: PlannedObject): void {
    work.add('destination', 'read');
    work.egress('destination', sizeBytes);
    if (this.#rules.source.provider.capabilities.read.digests.length > 0) return;
    work.add('source', 'read');
    work.egress('source', sizeBytes);
  }

  #haveCommonDigest(): boolean {
    const { source, destination } = this.#rules;
    const { digests } = destination.provider.capabilities.read;
    return source.provider.capabilities.read.digests.some((algorithm) => digests.includes(algorithm));
  }

  #placed({ sizeBytes, destinationVersion }: PlannedObject, isStated: boolean) {
    const isReplaced = destinationVersion !== null && Object.keys(destinationVersion).length > 0;
    return { sizeBytes, isReplaced, isStated };
  }
}

/** Calls with a fixed number of requests. */
type Call = Exclude<keyof RequestRules, 'offerCopy' | 'copy' | 'ingest' | 'copyIsStated' | 'deletionsAtOnce'>;

/** Adds to a workload. */
class Work {
  readonly workload: Workload;
  readonly #rules: PlanRules;

  constructor(workload: Workload, rules: PlanRules) {
    this.workload = workload;
    this.#rules = rules;
  }

  add(side: Side, ...calls: Call[]): void {
    for (const call of calls) this.addTimes(1, side, call);
  }

  addTimes(times: number, side: Side, call: Call): void {
    this.addRequests(side, this.#rules[side].provider.requests[call], times);
  }

  addRequests(side: Side, requests: Requests, times = 1): void {
    const { requests: counts } = this.workload[side];
    for (const [kind, count] of Object.entries(requests)) counts[kind as keyof RequestCounts] += count * times;
  }

  egress(side: Side, bytes: number): void {
    this.workload[side].egressBytes += bytes;
  }
}

/** Both together. */
export function sumOf(a: Workload, b: Workload): Workload {
  const side = (name: Side): Workload['source'] => {
    const [one, other] = [a[name], b[name]];
    const kinds = Object.keys(one.requests) as (keyof RequestCounts)[];
    const requests = Object.fromEntries(kinds.map((kind) => [kind, one.requests[kind] + other.requests[kind]]));
    return { requests: requests as unknown as RequestCounts, egressBytes: one.egressBytes + other.egressBytes };
  };
  return {
    source: side('source'),
    destination: side('destination'),
    objects: a.objects + b.objects,
    bytes: a.bytes + b.bytes,
    relayedBytes: a.relayedBytes + b.relayedBytes,
  };
}
