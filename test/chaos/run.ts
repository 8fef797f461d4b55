import { setTimeout as delay } from 'node:timers/promises';
import type { ChaosCloud } from './clouds.ts';
import { type FaultKind, inject, type PlannedFault, planFaults } from './faults.ts';
import { Random } from './random.ts';
import { startStack } from './stack.ts';
import { prepareVoyage, sail, type VoyageResult } from './voyage.ts';
import { watchWrites } from './writes.ts';

export interface ChaosOptions {
  seed: number;
  /** Faults that have to count. */
  faults: number;
  say: (line: string) => void;
}

export interface InjectedFault {
  /** From 1. */
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
  faults: InjectedFault[];
  counted: Partial<Record<FaultKind, number>>;
  transfers: VoyageResult[];
  objects: number;
  /** Parts and whole objects that the S3 destination acknowledged more than once. */
  repeated: { count: number; bytes: number };
  longestStandstillMs: number;
  /** What is wrong, of all transfers; empty: the run passed. */
  complaints: string[];
}

/** Between faults, so that there is something to hit. */
const breathMs = 700;
/** A fault that met no work is tried again so often. */
const maxTries = 3;

/** Moves objects without pause while it injects the faults of the seed, then lets everything end and judges it. */
export async function runChaos({ seed, faults: wanted, say }: ChaosOptions): Promise<ChaosReport> {
  const startedAt = new Date();
  const stack = await startStack();
  try {
    const writes = watchWrites(stack.clouds.to.server.observer);
    const faults: InjectedFault[] = [];
    const transfers: VoyageResult[] = [];
    const complaints: string[] = [];
    let isOver = false;
    let voyages = 0;
    const cargo = new Random(seed ^ 0x5eed);
    // A voyage that lingers at its end makes room for the next one.
    const sailing = new Set<Promise<void>>();
    const lane = async (destination: ChaosCloud) => {
      while (!isOver && complaints.length === 0) {
        const voyage = await prepareVoyage(stack, cargo, ++voyages, destination);
        const arrived = Promise.withResolvers<void>();
        const judged = sail(stack, voyage, writes, arrived.resolve).then(
          (result) => {
            transfers.push(result);
            complaints.push(...result.complaints.map((complaint) => `voyage ${result.number}: ${complaint}`));
            say(tellVoyage(result));
          },
          (error: Error) => void complaints.push(`voyage ${voyage.number}: ${error.message}`),
        );
        sailing.add(judged);
        await Promise.race([arrived.promise, judged]);
      }
    };
    // A transfer to each destination at any time, so that there is something to hit everywhere.
    const running = stack.clouds.destinations.map(lane);

    const lasting: Promise<void>[] = [];
    const strike = async (number: number, planned: PlannedFault): Promise<void> => {
      for (let tries = 0; tries < maxTries; tries++) {
        const struck = Promise.withResolvers<boolean>();
        const settle = writes.disturb();
        const over = inject(stack, planned, ({ what, inFlight }) => {
          const counts = inFlight > 0;
          faults.push({ number, kind: planned.kind, at: new Date().toISOString(), what, inFlight, counts });
          say(
            `${new Date().toISOString()} fault ${number} ${planned.kind}: ${inFlight} ${what}${counts ? '' : '; does not count'}`,
          );
          struck.resolve(counts);
        }).then(settle, (error: Error) => {
          settle();
          struck.resolve(false);
          complaints.push(`fault ${number} (${planned.kind}) could not be injected: ${error.message}`);
        });
        if (planned.kind === 'worker-stop') lasting.push(over);
        else await over;
        if (await struck.promise) return;
      }
    };
    for (const [index, planned] of planFaults(new Random(seed), wanted).entries()) {
      if (complaints.length > 0) break;
      // One stopped worker at a time: somebody has to go on.
      if (planned.kind === 'worker-stop') await Promise.all(lasting);
      await strike(index + 1, planned);
      await delay(breathMs);
    }
    isOver = true;
    await Promise.all([...lasting, ...running]);
    await Promise.all(sailing);

    const counted: Partial<Record<FaultKind, number>> = {};
    for (const { kind, counts } of faults) if (counts) counted[kind] = (counted[kind] ?? 0) + 1;
    const sum = (figure: (result: VoyageResult) => number) =>
      transfers.reduce((total, result) => total + figure(result), 0);
    return {
      seed,
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      faults,
      counted,
      transfers: transfers.toSorted((a, b) => a.number - b.number),
      objects: sum(({ objects }) => objects),
      repeated: { count: sum(({ repeated }) => repeated.count), bytes: sum(({ repeated }) => repeated.bytes) },
      longestStandstillMs: Math.max(0, ...transfers.map(({ longestStandstillMs }) => longestStandstillMs)),
      complaints,
    };
  } finally {
    await stack.stop();
  }
}

const tellVoyage = (result: VoyageResult) =>
  `${new Date().toISOString()} voyage ${result.number} ${result.mode} ${result.policy} to ${result.destination}: ` +
  `${result.objects} objects, ${result.retriedFor.length} retries${result.retriedFor.map((why) => ` (${why})`).join('')}, stood still ${result.longestStandstillMs} ms at most, ` +
  `${result.repeated.count} sent again; ${result.complaints.length === 0 ? 'intact' : result.complaints.slice(0, 5).join('; ')}`;
