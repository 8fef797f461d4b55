import { setTimeout as delay } from 'node:timers/promises';
import { type FaultKind, inject, isPatient, type PlannedFault, planFaults } from './faults.ts';
import { uploadsLeft } from './judge.ts';
import { pairsOf, prepareVoyage } from './prepare.ts';
import { Random } from './random.ts';
import { type Stack, startStack } from './stack.ts';
import { sail, type VoyageResult } from './voyage.ts';

export interface ChaosOptions {
  seed: number;
  /** Faults that have to count. */
  faults: number;
  /** No fault is injected later; by default when all have counted. */
  injectMs?: number;
  /** Ends everything that was started, at once. */
  signal: AbortSignal;
  say: (line: string) => void;
  /** Takes what a process of the product said, when a transfer went wrong. */
  keepLog?: (name: string, text: string) => void;
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
  /** Parts and whole objects that S3, Google and Dropbox acknowledged more than once. */
  repeated: { count: number; bytes: number };
  longestStandstillMs: number;
  /** What is wrong, of all transfers; empty: nothing. */
  complaints: string[];
}

/** Transfers under way at a time. */
const lanes = 3;
/** Between faults, so that there is something to hit. */
const breathMs = 1_000;
/** Faults that last or wait, at a time. */
const mostPatient = 4;
/** More transfers that went wrong are not waited for. */
const mostWrong = 5;
/**
 * While a transfer has stood still for so long, no fault strikes: nothing but the product is to blame when it does not go
 * on by itself. Longer than a lease, which a worker that was killed leaves behind.
 */
const truceMs = 25_000;

/** Moves objects without pause while it injects the faults of the seed, then lets everything end and judges it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, signal } = options;
  const startedAt = new Date();
  const stack = await startStack(signal);
  try {
    const wrong: string[][] = [];
    const injecting = new AbortController();
    const sailing = sailAll(stack, new Random(seed ^ 0x5eed), wrong, injecting.signal, options);
    const faults = await injectAll(stack, options, wrong);
    injecting.abort();
    const transfers = await sailing;
    signal.throwIfAborted();
    if (wrong.length === 0) wrong.push(await uploadsLeft(stack));

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
      complaints: wrong.flat(),
    };
  } finally {
    await stack.stop();
  }
}

/**
 * Keeps transfers under way until `over`, or until too many went wrong; resolves when all have ended and were judged.
 *
 * @param wrong What is wrong with each that is, for the caller to read.
 */
async function sailAll(
  stack: Stack,
  cargo: Random,
  wrong: string[][],
  over: AbortSignal,
  { say, keepLog }: ChaosOptions,
): Promise<VoyageResult[]> {
  const results: VoyageResult[] = [];
  // A voyage that lingers at its end makes room for the next one.
  const judging: Promise<void>[] = [];
  const pairs = pairsOf(stack.clouds.all, cargo);
  let voyages = 0;
  const prepare = () => {
    const number = ++voyages;
    const prepared = prepareVoyage(cargo, number, pairs.next().value);
    // Whoever sails it is told.
    prepared.catch(() => {});
    return { number, prepared };
  };
  const lane = async () => {
    let next = prepare();
    while (!over.aborted && !stack.signal.aborted && wrong.length < mostWrong) {
      const { number, prepared } = next;
      // Ready when this one has arrived.
      next = prepare();
      const arrived = Promise.withResolvers<void>();
      const journey = prepared
        .then((voyage) => sail(stack, voyage, arrived.resolve))
        .then(
          (result) => {
            results.push(result);
            say(tellVoyage(result));
            return result.complaints;
          },
          (error: Error) => [String(error.stack)],
        )
        .then(async (complaints) => {
          if (complaints.length === 0) return;
          wrong.push(complaints.map((complaint) => `voyage ${number}: ${complaint}`));
          if (keepLog === undefined) return;
          const { api, workers } = stack.product;
          for (const { name, tail } of [api, ...workers]) keepLog(name, await tail(Number.POSITIVE_INFINITY));
        });
      judging.push(journey);
      await Promise.race([arrived.promise, journey]);
    }
    await next.prepared.catch(() => {});
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await Promise.all(judging);
  return results.toSorted((a, b) => a.number - b.number);
}

/** Injects faults until enough have counted or too much went wrong. */
async function injectAll(
  stack: Stack,
  { seed, faults: wanted, injectMs = Number.POSITIVE_INFINITY, say }: ChaosOptions,
  wrong: string[][],
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
    const over = inject(stack, planned, ({ what, inFlight }) => {
      const [at, counts] = [new Date().toISOString(), inFlight > 0];
      faults.push({ number, kind: planned.kind, at, what, inFlight, counts });
      say(`${at} fault ${number} ${planned.kind}: ${inFlight} ${what}${counts ? '' : '; does not count'}`);
      if (counts) counted += 1;
      struck.resolve();
    })
      .catch((error: Error) => {
        wrong.push([`fault ${number} (${planned.kind}) could not be injected: ${error.stack}`]);
      })
      .finally(() => struck.resolve());
    void struck.promise.then(() => striking.delete(struck.promise));
    return over;
  };

  const isOver = () =>
    stack.signal.aborted || wrong.length >= mostWrong || counted >= wanted || Date.now() - startedAt > injectMs;
  const isTruce = () => [...stack.underWay].some(({ movedAt }) => Date.now() - movedAt > truceMs);
  for (let number = 1; !isOver(); ) {
    if (counted + striking.size >= wanted) {
      await Promise.race(striking);
      continue;
    }
    const planned = plan.next().value;
    // One of a kind at a time: there is one API, and somebody has to go on while a worker is stopped.
    while (isTruce() || patient.size >= mostPatient || [...patient.values()].includes(planned.kind)) {
      await Promise.race([delay(breathMs), ...patient.keys()]);
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
