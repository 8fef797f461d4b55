import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { v7 as uuidv7 } from 'uuid';
import { createDb } from '../core/db.ts';
import { jobIds, queueNames } from '../queue/jobs.ts';
import { enqueue } from '../queue/outbox.ts';
import type { Bench } from './support/bench.ts';
import { atPace } from './support/pace.ts';
import { startSkyferry } from './support/skyferry.ts';
import { median, percentile } from './support/statistics.ts';

const perSecond = 200;
const warmUpSeconds = 3;
/** Longer than anything that counts as a start. */
const patienceMs = 30_000;
/** Wall clock with fractions of a millisecond; that of Redis is the same machine's. */
const now = () => performance.timeOrigin + performance.now();

/**
 * `outbox`: 200 jobs a second are promised in transactions of their own, evenly, and workers take them: through Postgres'
 * notification, the relay and BullMQ. The time runs from just before COMMIT is sent to when BullMQ gives the job to a
 * worker, which Redis tells in whole milliseconds, rounded up here. The jobs are batches that do not exist, so a worker
 * looks into Postgres for each and has done. Every job must start once. Goal: 95 of a hundred within 25 ms.
 */
const outbox: Bench = async ({ quick, rounds }) => {
  const seconds = rounds ?? (quick ? 5 : 30);
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const skyferry = await startSkyferry(directory);
    stops.push(skyferry.close);
    const db = createDb({ url: skyferry.databaseUrl, poolSize: 10 });
    stops.push(() => db.$disconnect());
    const starts = watchStarts(skyferry.redisUrl);
    stops.push(starts.stop);

    const committed = new Map<string, number>();
    const promise = async (isCounted: boolean) => {
      const payload = { transferId: uuidv7(), batchNumber: 0, attempt: 1 };
      await db.$transaction(async (tx) => {
        await enqueue(tx, 'transfer.batch', payload);
        if (isCounted) committed.set(jobIds['transfer.batch'](payload), now());
      });
    };
    const commits: Promise<void>[] = [];
    const total = (warmUpSeconds + seconds) * perSecond;
    const startedAt = performance.now();
    await atPace(total, 1_000 / perSecond, (index) => {
      commits.push(promise(index >= warmUpSeconds * perSecond));
    });
    const rate = (total * 1_000) / (performance.now() - startedAt);
    await Promise.all(commits);
    await starts.until(total);

    const waits = [...committed].map(([id, committedAt]) => {
      const times = starts.of(id);
      if (times.length !== 1) throw new Error(`A job started ${times.length} times.`);
      return (times[0] as number) + 1 - committedAt;
    });
    const at = (hundredths: number) => Number(percentile(waits, hundredths).toFixed(1));
    console.log(
      `${waits.length} jobs at ${rate.toFixed(0)} a second: median ${median(waits).toFixed(1)} ms, p95 ${at(95)} ms, p99 ${at(99)} ms`,
    );
    return {
      bench: 'outbox',
      quick,
      verdicts: [
        { what: 'commit to job start, p95, ms', figure: at(95), goal: 25, bound: 'most' },
        { what: 'jobs promised a second', figure: rate, goal: perSecond * 0.98, bound: 'least' },
      ],
      jobs: waits.length,
      medianMs: at(50),
      p99Ms: at(99),
      mostMs: at(100),
      settings: skyferry.settings,
    };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
};

export default outbox;

/** Follows BullMQ's events of the queue: when each job became active, in milliseconds by the clock of Redis. */
function watchStarts(redisUrl: string) {
  const redis = new Redis(redisUrl);
  const stream = `bull:${queueNames['transfer.batch']}:events`;
  const starts = new Map<string, number[]>();
  let isStopped = false;
  const follow = async () => {
    for (let last = '0'; !isStopped; ) {
      const answer = await redis.xread('COUNT', 1_000, 'BLOCK', 200, 'STREAMS', stream, last);
      for (const [id, fields] of answer?.[0]?.[1] ?? []) {
        last = id;
        const event = Object.fromEntries(pairsOf(fields));
        if (event.event !== 'active' || event.jobId === undefined) continue;
        const times = starts.get(event.jobId) ?? [];
        times.push(Number(id.split('-')[0]));
        starts.set(event.jobId, times);
      }
    }
  };
  const following = follow();
  return {
    of: (id: string): readonly number[] => starts.get(id) ?? [],
    /** Resolves when so many jobs have started. */
    async until(count: number): Promise<void> {
      const deadline = performance.now() + patienceMs;
      while (starts.size < count) {
        if (performance.now() > deadline) throw new Error(`${starts.size} of ${count} jobs started.`);
        await sleep(50);
      }
    },
    async stop(): Promise<void> {
      isStopped = true;
      await following;
      redis.disconnect();
    },
  };
}

function* pairsOf(fields: readonly string[]): Generator<[string, string]> {
  for (let index = 0; index + 1 < fields.length; index += 2)
    yield [fields[index] as string, fields[index + 1] as string];
}
