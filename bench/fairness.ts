import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './support/bench.ts';
import { connectPair, orderRelay, untilCompleted } from './support/order.ts';
import { bucket, RepeatingServer } from './support/repeating/server.ts';
import { startSkyferry } from './support/skyferry.ts';
import { median, percentile } from './support/statistics.ts';
import { startLocalS3 } from './support/stores/s3.ts';
import { clear, fill, verify } from './support/stores/store.ts';
import { startWatchedDestination } from './support/watched-destination.ts';

/** Between one order's end and the next order. */
const restMs = 500;

/**
 * `fairness`: while 100,000 objects of 4 KiB of one user are queued and moved, another one orders a single object, again and
 * again. The time runs from before the mutation is sent to the object's first byte at the destination. Everything must
 * arrive whole. Goal: each within 2 s.
 */
const fairness: Bench = async ({ quick }) => {
  const [count, sizeBytes] = [quick ? 10_000 : 100_000, 4_096];
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const ends = { source: await RepeatingServer.start(), destination: await RepeatingServer.start() };
    stops.push(
      () => ends.source.stop(),
      () => ends.destination.stop(),
    );
    await ends.source.ask({ kind: 'fill', prefix: 'many/', count, sizeBytes });
    const { store: source, stop } = await startLocalS3('bench-source', directory);
    stops.push(stop);
    const watched = await startWatchedDestination();
    stops.push(watched.stop);
    const objects = await fill(source, 'one/', [sizeBytes]);
    const skyferry = await startSkyferry(directory);
    stops.push(skyferry.close);
    const other = await skyferry.anotherUser();
    const pair = await connectPair(skyferry, ends);
    const othersPair = await connectPair(other, { source, destination: watched.store });

    let isOver = false;
    const many = await orderRelay(skyferry, pair, `${bucket}/many/`, `${bucket}/`);
    const ended = untilCompleted(skyferry, many).finally(() => {
      isOver = true;
    });
    // Waited for below.
    ended.catch(() => {});
    const waits: number[] = [];
    for (;;) {
      const firstByte = watched.nextFirstByte();
      const orderedAt = performance.now();
      const to = `one-${waits.length}/`;
      const id = await orderRelay(other, othersPair, `${source.bucket}/one/`, `${watched.store.bucket}/${to}`);
      const begunAt = await firstByte;
      await untilCompleted(other, id);
      if (isOver) break;
      waits.push(begunAt - orderedAt);
      await verify(watched.store, 'one/', `${to}one/`, objects);
      await clear(watched.store, to);
      await sleep(restMs);
    }
    await ended;
    const { whole } = await ends.destination.ask<{ whole: number }>({ kind: 'count', sizeBytes });
    const at = (hundredths: number) => Math.round(percentile(waits, hundredths));
    console.log(`${waits.length} orders: median ${median(waits).toFixed(0)} ms, p95 ${at(95)} ms`);
    return {
      bench: 'fairness',
      quick,
      verdicts: [
        { what: 'order to first byte at the destination, longest, ms', figure: at(100), goal: 2_000, bound: 'most' },
        { what: "the other user's objects that arrived whole", figure: whole, goal: count, bound: 'least' },
      ],
      orders: waits.length,
      medianMs: at(50),
      p95Ms: at(95),
      settings: skyferry.settings,
    };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
};

export default fairness;
