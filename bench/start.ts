import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from './support/bench.ts';
import { connectPair, orderRelay, untilCompleted } from './support/order.ts';
import { startSkyferry } from './support/skyferry.ts';
import { median, percentile } from './support/statistics.ts';
import { startLocalS3 } from './support/stores/s3.ts';
import { clear, fill, verify } from './support/stores/store.ts';
import { startWatchedDestination } from './support/watched-destination.ts';

const warmUps = 10;

/**
 * `start`: transfers of one object of 1 MiB are ordered one after the other of a service that does nothing else. The time
 * runs from the mutation's answer, as its client has it, to the first byte of the object at the destination, as that server
 * has it: both are this process, so there is one clock. A byte that comes before the answer counts as 0. Each object is
 * compared by SHA-256. Goal: 95 of a hundred within 100 ms.
 */
const start: Bench = async ({ quick, rounds }) => {
  const samples = rounds ?? (quick ? 40 : 300);
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const { store: source, stop } = await startLocalS3('bench-source', directory);
    stops.push(stop);
    const watched = await startWatchedDestination();
    stops.push(watched.stop);
    const destination = watched.store;
    const objects = await fill(source, 'start/', [1024 ** 2]);
    const skyferry = await startSkyferry(directory);
    stops.push(skyferry.close);
    const pair = await connectPair(skyferry, { source, destination });

    const waits: number[] = [];
    for (let sample = -warmUps; sample < samples; sample++) {
      const to = `start-${sample}/`;
      const firstByte = watched.nextFirstByte();
      const id = await orderRelay(skyferry, pair, `${source.bucket}/start/`, `${destination.bucket}/${to}`);
      const answeredAt = performance.now();
      const begunAt = await firstByte;
      await untilCompleted(skyferry, id);
      await verify(destination, 'start/', `${to}start/`, objects);
      await clear(destination, to);
      if (sample >= 0) waits.push(Math.max(0, begunAt - answeredAt));
    }
    const at = (hundredths: number) => Number(percentile(waits, hundredths).toFixed(1));
    console.log(`${samples} orders: median ${median(waits).toFixed(1)} ms, p95 ${at(95)} ms, p99 ${at(99)} ms`);
    return {
      bench: 'start',
      quick,
      verdicts: [
        {
          what: "mutation's answer to first byte at the destination, p95, ms",
          figure: at(95),
          goal: 100,
          bound: 'most',
        },
      ],
      samples,
      medianMs: at(50),
      p99Ms: at(99),
      mostMs: at(100),
      settings: skyferry.settings,
    };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
};

export default start;
