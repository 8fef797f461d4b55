import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDb, type Db } from '../core/db.ts';
import type { Bench } from './support/bench.ts';
import { evidenceOf, requireHash } from './support/evidence.ts';
import { type AccountPair, connectPair, orderRelay, untilCompleted } from './support/order.ts';
import { atPace } from './support/pace.ts';
import { residentByCounters, residentBytes } from './support/processes.ts';
import { bucket, RepeatingServer, type Sample } from './support/repeating/server.ts';
import { type Skyferry, startSkyferry } from './support/skyferry.ts';
import { percentile } from './support/statistics.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
/** The least that the engine moves in parts: two that trickle, and a small one behind them, which is acknowledged first. */
const sizeBytes = 16 * MiB + 64 * KiB;
/** One pair of servers would have more connections than the usual limit of open files. */
const pairCount = 2;
const transfersPerPair = 10;
const workerCount = 4;
/** What workers need so that so many objects are under way: batches of up to 15, and 256 KiB of budget for each stream. */
const settings = { MAX_CONCURRENT_TRANSFERS: '256', MEMORY_BUDGET_BYTES: String(2 * KiB * MiB) };
const probeMs = 50;
const measureMs = 1_000;
const wantedFiles = 16_384;
/** For all to be under way, and for all to end. */
const [rampMs, endMs] = [10 * 60_000, 40 * 60_000];

/**
 * `concurrent`: 10,000 objects in flight at once. The sources, local S3 servers that keep nothing in memory, send the small
 * last part of each object at once and let the others trickle, until at one moment every object has bytes acknowledged (as
 * the product recorded and the destination knows), is unfinished, and has a stream open from its source and to its
 * destination. That is held for a minute and sampled again at its end; then the sources let go, and everything must end
 * verified. Goals: all of them; all processes of the product, Postgres and Redis included, at most 3 GiB from beginning to
 * end; 99 of a hundred requests to the API within 100 ms while all are in flight; the terminal event of each transfer.
 */
const concurrent: Bench = async ({ quick }) => {
  await requireFiles();
  const perTransfer = (quick ? 1_000 : 10_000) / (pairCount * transfersPerPair);
  const objects = perTransfer * pairCount * transfersPerPair;
  const heldMs = quick ? 20_000 : 60_000;
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const ends: Ends[] = [];
    for (let index = 0; index < pairCount; index++) {
      const source = await RepeatingServer.start();
      stops.push(() => source.stop());
      const destination = await RepeatingServer.start();
      stops.push(() => destination.stop());
      for (let number = 0; number < transfersPerPair; number++) {
        await source.ask({ kind: 'fill', prefix: `${number}/`, count: perTransfer, sizeBytes, isSlow: true });
      }
      ends.push({ source, destination });
    }
    const skyferry = await startSkyferry(directory, { workerCount, settings });
    stops.push(skyferry.close);
    const db = createDb({ url: skyferry.databaseUrl, poolSize: 2 });
    stops.push(() => db.$disconnect());
    // Connects while nothing else goes on.
    await inFlight(ends, db);
    const pairs: AccountPair[] = [];
    for (const [index, end] of ends.entries()) pairs.push(await connectPair(skyferry, end, `pair ${index}`));
    const memory = watchMemory([skyferry.api, ...skyferry.workers, ...skyferry.databases]);
    stops.push(memory.stop);

    const ids: string[] = [];
    for (let number = 0; number < transfersPerPair; number++) {
      for (const pair of pairs) ids.push(await orderRelay(skyferry, pair, `${bucket}/${number}/`, `${bucket}/`));
    }
    let completed = 0;
    const completions = Promise.all(
      ids.map(async (id) => {
        await untilCompleted(skyferry, id);
        completed += 1;
      }),
    );
    // Waited for below.
    completions.catch(() => {});

    const startedAt = performance.now();
    const rampSeconds = await untilInFlight(objects, ends, db, completions);
    console.log(`${objects} objects in flight after ${rampSeconds.toFixed(0)} s, ${memory.peakMiB()} MiB`);
    const latencies = await memory.byCounters(() => probe(skyferry, ids, heldMs));
    const atEnd = await inFlight(ends, db);
    console.log(`${atEnd} still in flight ${heldMs / 1_000} s later, ${memory.peakMiB()} MiB`);
    for (const { source } of ends) await source.ask({ kind: 'release' });
    await Promise.race([completions, late(endMs, 'The transfers did not end in time.')]);
    const totalSeconds = (performance.now() - startedAt) / 1_000;

    let whole = 0;
    for (const { destination } of ends) {
      whole += (await destination.ask<{ whole: number }>({ kind: 'count', sizeBytes })).whole;
    }
    for (const id of ids) requireHash(await evidenceOf(skyferry, id), 'crc32c');
    const p99 = Number(percentile(latencies, 99).toFixed(1));
    return {
      bench: 'concurrent',
      quick,
      verdicts: [
        { what: 'objects in flight, at one moment and a while later', figure: atEnd, goal: objects, bound: 'least' },
        { what: 'objects that arrived whole and verified', figure: whole, goal: objects, bound: 'least' },
        { what: 'terminal events delivered', figure: completed, goal: ids.length, bound: 'least' },
        { what: 'memory of all processes together, MiB', figure: memory.peakMiB(), goal: 3 * KiB, bound: 'most' },
        { what: 'API meanwhile, p99, ms', figure: p99, goal: 100, bound: 'most' },
      ],
      apiRequests: latencies.length,
      rampSeconds: Math.round(rampSeconds),
      totalSeconds: Math.round(totalSeconds),
      serversMiB: Math.round(
        (await residentBytes(ends.flatMap(({ source, destination }) => [source.pid, destination.pid]))).bytes / MiB,
      ),
      settings: skyferry.settings,
    };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
};

export default concurrent;

interface Ends {
  source: RepeatingServer & { credentials: object };
  destination: RepeatingServer & { credentials: object };
}

async function requireFiles(): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const files = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1]);
  if (files < wantedFiles) {
    throw new Error(`A process may open ${files} files here; ${wantedFiles} are needed: ulimit -Hn ${wantedFiles}`);
  }
}

/** How many objects are in flight by all that is known: both servers and the product, asked at the same time. */
async function inFlight(ends: readonly Ends[], db: Db): Promise<number> {
  const recorded = db.transferItem.count({
    where: { state: 'RUNNING', acknowledgedBytes: { gt: 0, lt: sizeBytes } },
  });
  const seen = await Promise.all(
    ends.map(async ({ source, destination }) => {
      const [{ streaming }, { underWay }] = await Promise.all([
        source.ask<Sample>({ kind: 'sample' }),
        destination.ask<Sample>({ kind: 'sample' }),
      ]);
      const arriving = new Set(underWay);
      return streaming.filter((key) => arriving.has(key)).length;
    }),
  );
  return Math.min(
    await recorded,
    seen.reduce((sum, count) => sum + count, 0),
  );
}

/** Resolves to the seconds that it took until so many were in flight at one moment. */
async function untilInFlight(objects: number, ends: readonly Ends[], db: Db, over: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let toldAt = startedAt;
  for (;;) {
    const count = await inFlight(ends, db);
    const elapsedMs = performance.now() - startedAt;
    if (count >= objects) return elapsedMs / 1_000;
    if (elapsedMs > rampMs) throw new Error(`Only ${count} of ${objects} objects came to be in flight.`);
    if (performance.now() - toldAt > 10_000) {
      toldAt = performance.now();
      console.log(`${count} in flight`);
    }
    await Promise.race([over, sleep(measureMs)]);
  }
}

const query = `query ($id: ID!) {
  transfer(id: $id) { name progress { state objectsCompleted objectsListed bytesAcknowledged } }
  viewer { cloudAccounts(first: 10) { nodes { id name } } }
}`;

/** Asks the API for one transfer after the other, 20 times a second whether or not it answers; how long answers took. */
async function probe({ graphql }: Skyferry, ids: readonly string[], forMs: number): Promise<number[]> {
  const latencies: number[] = [];
  const asked: Promise<void>[] = [];
  await atPace(Math.ceil(forMs / probeMs), probeMs, (index) => {
    const askedAt = performance.now();
    const answer = graphql(query, { id: ids[index % ids.length] });
    asked.push(answer.then(() => void latencies.push(performance.now() - askedAt)));
  });
  await Promise.all(asked);
  return latencies;
}

/** The most memory that processes had together, looked at every second. */
function watchMemory(pids: readonly number[]) {
  let peak = 0;
  /** What the system's counters have too much. */
  let shared = 0;
  let isMeasured = false;
  const stopping = new AbortController();
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      if (isMeasured) {
        peak = Math.max(peak, (await residentByCounters(pids)) - shared);
      } else {
        const { bytes, counterBytes } = await residentBytes(pids);
        peak = Math.max(peak, bytes);
        shared = counterBytes - bytes;
      }
      await sleep(measureMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();
  return {
    peakMiB: () => Math.round(peak / MiB),
    /** While times are measured, by what costs none: the counters, less what they had too much just before. */
    async byCounters<T>(measure: () => Promise<T>): Promise<T> {
      isMeasured = true;
      try {
        return await measure();
      } finally {
        isMeasured = false;
      }
    },
    stop: () => {
      stopping.abort();
      return watching;
    },
  };
}

async function late(ms: number, why: string): Promise<never> {
  await sleep(ms, undefined, { ref: false });
  throw new Error(why);
}
