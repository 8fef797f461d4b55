import { setTimeout as delay } from 'node:timers/promises';
import { type FaultKind, inject, isMomentary, isPatient, type PlannedFault, planFaults } from './faults.ts';
import { pairsOf, prepareVoyage } from './prepare.ts';
import { Random } from './random.ts';
import { type Stack, startStack } from './stack.ts';
import { sail, type VoyageResult } from './voyage.ts';
import { type Writes, watchWrites } from './writes.ts';

export interface ChaosOptions {
  seed: number;
  /** Faults that have to count. */
  faults: number;
  /** No fault is injected later; by default when all have counted. */
  injectMs?: number;
  /** Ends everything that was started, at once. */
  signal: AbortSignal;
  say: (line: string) => void;
}

export interface InjectedFault {
  /** Of the plan, from 1. */
  number: number;
  kind: FaultKind;
  at: string;
  what: string;
  inFlight: number;
  counts: boolean;
}

/** What a run did and found. */
export interface ChaosReport {
  seed: number;
  startedAt: string;
  durationMs: number;
  /** From the first fault to the last. */
  injectedMs: number;
  faults: InjectedFault[];
  counted: Partial<Record<FaultKind, number>>;
  transfers: VoyageResult[];
  objects: number;
  /** Parts and whole objects that the S3 destinations acknowledged more than once. */
  repeated: { count: number; bytes: number };
  longestStandstillMs: number;
  /** What is wrong, of all transfers; empty: nothing. */
  complaints: string[];
}

/** Transfers under way at a time. */
const lanes = 4;
/** Between faults, so that there is something to hit. */
const breathMs = 1_000;
/** Faults that last or wait, at a time. */
const mostPatient = 3;

/** Moves objects without pause while it injects the faults of the seed, then lets everything end and judges it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, signal, say } = options;
  const startedAt = new Date();
  const stack = await startStack(signal);
  try {
    const writes = watchWrites(stack.clouds.s3);
    const complaints: string[] = [];
    const injecting = new AbortController();
    const sailing = sailAll(stack, new Random(seed ^ 0x5eed), writes, complaints, injecting.signal, say);
    const faults = await injectAll(stack, options, writes, complaints);
    injecting.abort();
    const transfers = await sailing;
    signal.throwIfAborted();

    const counting = faults.filter(({ counts }) => counts);
    const counted: Partial<Record<FaultKind, number>> = {};
    for (const { kind } of counting) counted[kind] = (counted[kind] ?? 0) + 1;
    const sum = (figure: (result: VoyageResult) => number) =>
      transfers.reduce((total, result) => total + figure(result), 0);
    const times = counting.map(({ at }) => Date.parse(at));
    return {
      seed,
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      injectedMs: counting.length === 0 ? 0 : Math.max(...times) - Math.min(...times),
      faults,
      counted,
      transfers,
      objects: sum(({ objects }) => objects),
      repeated: { count: sum(({ repeated }) => repeated.count), bytes: sum(({ repeated }) => repeated.bytes) },
      longestStandstillMs: Math.max(0, ...transfers.map(({ longestStandstillMs }) => longestStandstillMs)),
      complaints,
    };
  } finally {
    await stack.stop();
  }
}

/** Keeps transfers under way until `over`, or until one went wrong; resolves when all have ended and were judged. */
async function sailAll(
  stack: Stack,
  cargo: Random,
  writes: Writes,
  complaints: string[],
  over: AbortSignal,
  say: (line: string) => void,
): Promise<VoyageResult[]> {
  const results: VoyageResult[] = [];
  // A voyage that lingers at its end makes room for the next one.
  const judging: Promise<void>[] = [];
  const pairs = pairsOf(stack.clouds.all, cargo);
  let voyages = 0;
  const lane = async () => {
    while (!over.aborted && !stack.signal.aborted && complaints.length === 0) {
      const number = ++voyages;
      const arrived = Promise.withResolvers<void>();
      const journey = prepareVoyage(cargo, number, pairs.next().value)
        .then((voyage) => sail(stack, voyage, writes, arrived.resolve))
        .then(
          (result) => {
            results.push(result);
            complaints.push(...result.complaints.map((complaint) => `voyage ${number}: ${complaint}`));
            say(tellVoyage(result));
          },
          (error: Error) => void complaints.push(`voyage ${number}: ${error.stack}`),
        );
      judging.push(journey);
      await Promise.race([arrived.promise, journey]);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await Promise.all(judging);
  return results.toSorted((a, b) => a.number - b.number);
}

/** Injects faults until enough have counted or something went wrong. */
async function injectAll(
  stack: Stack,
  { seed, faults: wanted, injectMs = Number.POSITIVE_INFINITY, say }: ChaosOptions,
  writes: Writes,
  complaints: string[],
): Promise<InjectedFault[]> {
  const plan = planFaults(new Random(seed));
  const faults: InjectedFault[] = [];
  const startedAt = Date.now();
  let counted = 0;
  /** Faults that have not struck. */
  const striking = new Set<Promise<void>>();
  /** Faults that last or wait. */
  const patient = new Map<Promise<void>, FaultKind>();

  const strike = (number: number, planned: PlannedFault) => {
    const struck = Promise.withResolvers<void>();
    striking.add(struck.promise);
    let settle = () => {};
    const over = inject(stack, planned, ({ what, inFlight }) => {
      const [at, counts] = [new Date().toISOString(), inFlight > 0];
      faults.push({ number, kind: planned.kind, at, what, inFlight, counts });
      say(`${at} fault ${number} ${planned.kind}: ${inFlight} ${what}${counts ? '' : '; does not count'}`);
      if (counts) counted += 1;
      // Nobody sends anything again because the API is away.
      if (planned.kind !== 'api-kill') settle = writes.disturb();
      if (isMomentary(planned.kind)) settle();
      struck.resolve();
    })
      .catch((error: Error) => {
        complaints.push(`fault ${number} (${planned.kind}) could not be injected: ${error.stack}`);
      })
      .finally(() => {
        settle();
        if (planned.kind === 'worker-stop') writes.wake();
        struck.resolve();
      });
    void struck.promise.then(() => striking.delete(struck.promise));
    return over;
  };

  for (let number = 1; complaints.length === 0 && !stack.signal.aborted; ) {
    if (Date.now() - startedAt > injectMs) break;
    if (counted + striking.size >= wanted) {
      if (counted >= wanted) break;
      await Promise.race(striking);
      continue;
    }
    const planned = plan.next().value;
    // One stopped worker at a time: somebody has to go on.
    while (
      patient.size >= mostPatient ||
      (planned.kind === 'worker-stop' && [...patient.values()].includes('worker-stop'))
    ) {
      await Promise.race(patient.keys());
    }
    const over = strike(number, planned);
    if (isPatient(planned.kind)) {
      patient.set(over, planned.kind);
      void over.then(() => patient.delete(over));
    } else await over;
    number += 1;
    await delay(breathMs);
  }
  await Promise.all(patient.keys());
  return faults;
}

const tellVoyage = (result: VoyageResult) =>
  `${new Date().toISOString()} voyage ${result.number} ${result.mode} ${result.policy} ${result.source} to ${result.destination}: ` +
  `${result.objects} objects in ${result.tookMs} ms, ${result.retriedFor.length} retries${result.retriedFor.map((why) => ` (${why})`).join('')}, ` +
  `stood still ${result.longestStandstillMs} ms at most, ${result.repeated.count} sent again; ` +
  `${result.complaints.length === 0 ? 'intact' : result.complaints.slice(0, 5).join('; ')}`;
