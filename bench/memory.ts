import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Verdict } from './support/bench.ts';
import { evidenceOf, requireHash } from './support/evidence.ts';
import { connectPair, orderRelay, untilCompleted } from './support/order.ts';
import { peakBytes } from './support/processes.ts';
import { bucket, RepeatingServer, type Sample } from './support/repeating/server.ts';
import { startSkyferry } from './support/skyferry.ts';

const MiB = 1024 ** 2;
const objects = 64;
const sampleMs = 200;
const goalMiB = 384;

/**
 * `memory`: one worker moves 64 objects of 256 MiB at once, and another, new one 64 of 1 GiB. The local S3 servers at both
 * ends keep bodies that repeat one block of random bytes: they compare each byte that comes, refuse any other, answer
 * hashes that they computed, and so hold 64 GiB in no memory. All 64 are at once under way when the destination is receiving parts of
 * each. Whose are complete first is up to the order in which the server, which is the slowest of all, reads its connections. Afterwards each object's CRC32C of all bytes is compared, and the evidence of both legs. Goals: at most 384 MiB
 * resident at the worker's peak, at both sizes.
 */
const memory: Bench = async ({ quick }) => {
  const sizes = (quick ? [64, 256] : [256, 1_024]).map((size) => size * MiB);
  const verdicts: Verdict[] = [];
  let settings = '';
  for (const sizeBytes of sizes) {
    const moved = await moveAtOnce(sizeBytes);
    settings = moved.settings;
    const what = `${objects} objects of ${sizeBytes / MiB} MiB`;
    verdicts.push(
      { what: `${what}: peak of the worker, MiB`, figure: moved.peakMiB, goal: goalMiB, bound: 'most' },
      { what: `${what}: under way at once`, figure: moved.atOnce, goal: objects, bound: 'least' },
    );
    console.log(`${what}: ${moved.seconds.toFixed(1)} s, peak ${moved.peakMiB} MiB, ${moved.atOnce} at once`);
  }
  return { bench: 'memory', quick, verdicts, settings };
};

export default memory;

async function moveAtOnce(sizeBytes: number) {
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const source = await RepeatingServer.start();
    stops.push(() => source.stop());
    const destination = await RepeatingServer.start();
    stops.push(() => destination.stop());
    await source.ask({ kind: 'fill', prefix: 'memory/', count: objects, sizeBytes });
    // An object of this size is a batch of its own, and one slot moves one batch.
    const settings = { MAX_CONCURRENT_TRANSFERS: String(objects) };
    const skyferry = await startSkyferry(directory, { workerCount: 1, settings });
    stops.push(skyferry.close);
    const pair = await connectPair(skyferry, { source, destination });

    const startedAt = performance.now();
    const id = await orderRelay(skyferry, pair, `${bucket}/memory/`, `${bucket}/`);
    let isOver = false;
    const over = untilCompleted(skyferry, id).finally(() => {
      isOver = true;
    });
    let atOnce = 0;
    while (!isOver) {
      const { receiving } = await destination.ask<Sample>({ kind: 'sample' });
      atOnce = Math.max(atOnce, receiving.length);
      await Promise.race([over, sleep(sampleMs)]);
    }
    await over;
    const seconds = (performance.now() - startedAt) / 1_000;
    const peakMiB = Math.round(peakBytes(skyferry.workers[0] as number) / MiB);
    const { found, whole } = await destination.ask<{ found: number; whole: number }>({
      kind: 'count',
      prefix: 'memory/',
      sizeBytes,
    });
    if (found !== objects || whole !== objects) throw new Error(`${whole} of ${objects} objects arrived whole.`);
    requireHash(await evidenceOf(skyferry, id), 'crc32c');
    return { seconds, peakMiB, atOnce, settings: skyferry.settings };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}
