import { afterAll, beforeAll, expect, test } from 'vitest';
import { etaMs } from '../api/types/transfer-progress.ts';
import { createDb, type Db } from '../core/db.ts';
import { toProgress } from '../queue/transfer.ts';
import { writeCheckpoint } from '../worker/transfer/checkpoint.ts';
import { takeBatch } from '../worker/transfer/take-batch.ts';
import { createTestDatabase, type TestDatabase } from './support/databases.ts';
import { createTransfer, createUser } from './support/transfers.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ url: database.url, poolSize: 4 });
});

afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

/**
 * So many seconds passed, and then so many bytes were acknowledged at once, or so many more objects were complete, while so
 * many bytes were on their way. Default: none.
 */
interface Step {
  seconds: number;
  bytes: number;
  objects: number;
  bytesInFlight?: number;
}

interface Course {
  /** Of its objects, in order. */
  sizes: number[];
  steps: Step[];
  /** The step from which it is steady. Default: a tenth of them. */
  steadyFrom?: number;
}

/** Numbers from 0 to 1, the same for each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One object in parts of one size, each of which takes up to a third more or less than the mean. */
function parts(count: number, bytes: number, meanSeconds: number): Course {
  const random = seeded(7);
  const one = () => ({ bytes, objects: 0, seconds: meanSeconds * (2 / 3 + (random() * 2) / 3) });
  return { sizes: [count * bytes], steps: Array.from({ length: count }, one) };
}

/** Small objects of any size, and now and then a large one, at 20 ms each and 100 ms a MiB, written at intervals. */
function mixture(count: number): Course {
  const random = seeded(11);
  const sizes = Array.from({ length: count }, () => Math.ceil(random() * (random() < 0.02 ? 8 * MiB : 64 * KiB)));
  const steps: Step[] = [];
  let step = { seconds: 0, bytes: 0, objects: 0 };
  for (const size of sizes) {
    step.seconds += 0.02 + (size / MiB) * 0.1;
    step.objects += 1;
    if (step.seconds < 0.2) continue;
    steps.push(step);
    step = { seconds: 0, bytes: 0, objects: 0 };
  }
  return { sizes: sizes.slice(0, count - step.objects), steps };
}

/** Rounds of four objects of 8 MiB that share 8 MiB a second, so that they end at the same time. */
function abreast(rounds: number): Course {
  const round: Step[] = [
    ...[1, 2, 3, 4, 5, 6, 7].map((n) => ({ seconds: 0.5, bytes: 0, objects: 0, bytesInFlight: n * 4 * MiB })),
    ...[3, 2, 1, 0].map((n) => ({
      seconds: n === 3 ? 0.485 : 0.005,
      bytes: 0,
      objects: 1,
      bytesInFlight: n * 8 * MiB,
    })),
  ];
  return {
    sizes: Array.from({ length: rounds * 4 }, () => 8 * MiB),
    steps: Array.from({ length: rounds }, () => round).flat(),
  };
}

/** What has no bytes: half a thousand a second, more or less. */
function deletions(count: number): Course {
  const random = seeded(13);
  const one = () => ({ bytes: 0, objects: 100, seconds: 0.2 * (2 / 3 + (random() * 2) / 3) });
  return { sizes: Array.from({ length: count * 100 }, () => 0), steps: Array.from({ length: count }, one) };
}

/** The estimate has a quarter of a minute to learn that only deletions are left. */
function thenDeletions(before: Course, after: Course): Course {
  const steadyFrom = before.steps.length + 75;
  return { sizes: [...before.sizes, ...after.sizes], steps: [...before.steps, ...after.steps], steadyFrom };
}

test.each([
  ['deletions', deletions(60)],
  [
    'deletions after objects in parts',
    thenDeletions(
      {
        sizes: Array.from({ length: 60 }, () => 32 * MiB),
        steps: Array.from({ length: 60 }, () => ({ bytes: 0, objects: 1, seconds: 1.6 })),
      },
      deletions(240),
    ),
  ],
  ['parts of 8 MiB', parts(240, 8 * MiB, 0.4)],
  ['parts of 64 MiB', parts(240, 64 * MiB, 3)],
  ['objects of 8 MiB, four abreast', abreast(10)],
  ['objects of 1 B to 8 MiB', mixture(4_000)],
] as [string, Course][])(
  'from a tenth of a steady transfer on, the estimate is within 15 %: %s',
  async (_, { sizes, steps, steadyFrom = steps.length / 10 }: Course) => {
    const longest = Math.max(...steps.map(({ seconds }) => seconds));
    const transferId = await createTransfer(db, await createUser(db), {
      batches: [sizes.length],
      data: { bytesListed: sizes.reduce((sum, size) => sum + size, 0) },
    });
    await db.$executeRaw`
      UPDATE transfer_item SET size_bytes = (${sizes}::bigint[])[ordinal + 1] WHERE transfer_id = ${transferId}::uuid`;
    await db.transferBatch.updateMany({
      where: { transferId },
      data: { state: 'ADMITTED', leaseUntil: new Date(Date.now() + 600_000) },
    });
    const items = (await takeBatch(db, { transferId, batchNumber: 0, attempt: 1 }))?.items ?? [];
    const run = { number: 0, attempt: 1, release: null, renew: false, restMs: 0 };
    let left = steps.reduce((sum, { seconds }) => sum + seconds, 0);
    const wrong: string[] = [];
    for (const [index, { seconds, bytes, objects, bytesInFlight = 0 }] of steps.entries()) {
      const touched = items.slice(0, Math.max(objects, 1));
      for (const item of touched) {
        if (objects === 0) item.acknowledgedBytes += bytes;
        else item.complete(null);
      }
      items.splice(0, objects);
      left -= seconds;
      // In one transaction, because in one the database's clock stands still.
      const written = await db.$transaction(async (tx) => {
        await tx.$executeRaw`
        UPDATE transfer SET speed_at = now() - make_interval(secs => ${seconds}::float8),
          speed_since = now() - (speed_at - speed_since) - make_interval(secs => ${seconds}::float8)
        WHERE id = ${transferId}::uuid AND speed_at IS NOT NULL`;
        return writeCheckpoint(
          tx,
          transferId,
          [{ ...run, bytesInFlight }],
          touched.map((item) => ({ item, number: 0, attempt: 1 })),
          {
            elapsedMs: seconds * 1_000,
            throttledMs: 0,
          },
        );
      });
      if (!written) throw new Error('no transfer');
      if (index < steadyFrom || index === steps.length - 1) continue;
      const estimated = (etaMs(toProgress(written.row)) ?? 0) / 1_000;
      // What clouds copy by themselves comes in pieces: nobody can tell the end more closely than the piece under way.
      if (Math.abs(estimated - left) > Math.max(0.15 * left, longest)) wrong.push(`${left} s left, not ${estimated}`);
    }
    expect(wrong).toEqual([]);
  },
  60_000,
);
