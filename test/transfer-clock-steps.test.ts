import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { databaseTime } from '../core/db.ts';
import { createRedis, type Redis } from '../core/redis.ts';
import { scheduledOrderSchema } from '../queue/schedule.ts';
import { pauseTransfer, publishControl, resumeTransfer } from '../queue/transfer.ts';
import { type CloudName, type Clouds, fill, mayFetch, sha256, startClouds } from './support/clouds.ts';
import { startOwnEngine } from './support/engine.ts';
import { createSchedule } from './support/schedules.ts';
import { temporaryDirectory } from './support/servers.ts';

const hook = new URL('./support/shifted-clock.mjs', import.meta.url).href;
const [minuteMs, MiB] = [60_000, 1024 * 1024];

/** By shared keys and a signed URL, by tokens that expire, and by all of them. */
const voyages = [
  ['s3', 'azure'],
  ['dropbox', 'gcs'],
  ['gcs', 's3'],
] as const satisfies [CloudName, CloudName][];

const tree: Record<string, Buffer> = {
  ...Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${index}.bin`, randomBytes(8_192)])),
  'parts.bin': randomBytes(17 * MiB),
};
const expected = Object.fromEntries(Object.entries(tree).map(([name, bytes]) => [name, sha256(bytes)]));

let engine: Awaited<ReturnType<typeof startOwnEngine>>;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let all: Clouds;
let redis: Redis;
/** Sets the clock of each of the two workers so far off from the right time, and resolves when both have stepped. */
let step: (shiftMs: number) => Promise<void>;

beforeAll(async () => {
  [engine, directory] = await Promise.all([startOwnEngine(), temporaryDirectory()]);
  redis = createRedis(engine.redisUrl);
  all = await startClouds(engine);
  const names = voyages.map(([from]) => from);
  for (const name of names) {
    await fill(
      all.clouds[name],
      Object.fromEntries(Object.entries(tree).map(([key, bytes]) => [`tree/${key}`, bytes])),
    );
  }
  const workers = await Promise.all(
    ['one', 'other'].map(async (name) => {
      const file = join(directory.path, name);
      const env = { ...mayFetch, NODE_OPTIONS: `--import=${hook}`, CLOCK_SHIFT_FILE: file };
      return { file, worker: await engine.startWorker(env) };
    }),
  );
  step = async (shiftMs) => {
    for (const { file, worker } of workers) {
      await writeFile(file, String(shiftMs));
      process.kill(worker.pid, 'SIGUSR2');
      await expect.poll(() => existsSync(file)).toBe(false);
    }
  };
});

afterEach(() => step(0));

afterAll(async () => {
  redis?.disconnect();
  await engine?.stop();
  await all?.stop();
  await directory?.remove();
});

const orderOf = ([from, to]: readonly [CloudName, CloudName], into: string) => ({
  sourceAccountId: all.clouds[from].accountId,
  sourcePaths: [`${all.clouds[from].container}/tree/`],
  destinationAccountId: all.clouds[to].accountId,
  destinationPath: `${all.clouds[to].container}/${into}/`,
});

/** A timetable whose one run is due at a moment, and the next in a year. */
function schedule(nextRunAt: Date, into: string): Promise<string> {
  const { sourceAccountId, destinationAccountId, ...places } = orderOf(['gcs', 's3'], into);
  const order = scheduledOrderSchema.parse({ ...places, mode: 'COPY', options: {}, priority: 'NORMAL' });
  const user = { userId: engine.userId, accountId: sourceAccountId };
  return createSchedule(engine.db, user, {
    ...{ destinationAccountId, name: into, cron: '0 0 1 1 *', nextRunAt, order },
  });
}

/** How often each object was put into S3. */
function countCommits(): Map<string, number> {
  const commits = new Map<string, number>();
  all.servers.s3.observer.on('finished', ({ operation, key = '', status }) => {
    if (status !== 200 || (operation !== 'PutObject' && operation !== 'CompleteMultipartUpload')) return;
    commits.set(key, (commits.get(key) ?? 0) + 1);
  });
  return commits;
}

async function stopAndGoOn(id: string): Promise<void> {
  for (const change of [pauseTransfer, resumeTransfer]) {
    await engine.db.$transaction((tx) => change(tx, id));
    await publishControl(redis, id);
    const underWay = () => engine.db.transferBatch.count({ where: { transferId: id, state: 'ADMITTED' } });
    if (change === pauseTransfer) await expect.poll(underWay).toBe(0);
  }
}

test.each([
  ['by some minutes, which clouds put up with', 5 * minuteMs],
  ['by hours, which they refuse', 3 * 60 * minuteMs],
])('the clocks of workers step %s, forward and backward: all arrives whole and once', async (_, byMs) => {
  const commits = countCommits();
  for (const shiftMs of [byMs, -byMs]) {
    const into = `by${shiftMs}`;
    const ids: string[] = [];
    for (const voyage of voyages) {
      ids.push((await engine.submit({ ...orderOf(voyage, into), bandwidthLimit: BigInt(MiB) })).id);
    }
    const soon = new Date((await databaseTime(engine.db)).getTime() + 2_000);
    const scheduleId = await schedule(soon, `${into}-schedule`);
    const later = await engine.submit({ ...orderOf(['gcs', 's3'], `${into}-later`), startAt: soon });
    for (const id of ids) await engine.until(id, ({ objectsCompleted }) => objectsCompleted > 0n);
    await step(shiftMs);
    // Of the one whose destination fetches by itself, no limit slows what is moved.
    await stopAndGoOn(ids[1] as string);
    // It is due while the clocks are wrong.
    await engine.until(later.id, ({ startedAt }) => startedAt !== null);
    if (Math.abs(shiftMs) > 15 * minuteMs) {
      const refused = () => engine.db.transferItem.count({ where: { errorCode: 'CLOCK_SKEWED' } });
      await expect.poll(refused).toBeGreaterThan(0);
    }
    await step(0);
    // Slow enough until here for the clocks to step in the midst of them.
    await engine.db.transfer.updateMany({ where: { id: { in: ids } }, data: { bandwidthLimit: null } });

    const run = () => engine.db.transfer.findMany({ where: { scheduleId } });
    await expect.poll(run).toHaveLength(1);
    ids.push(later.id, (await run())[0]?.id ?? '');
    for (const id of ids) {
      const row = await engine.ended(id);
      expect(row).toMatchObject({
        state: 'COMPLETED',
        objectsListed: 41n,
        objectsCompleted: 41n,
        objectsVerified: 41n,
      });
    }
    const { startedAt } = await engine.db.transfer.findUniqueOrThrow({ where: { id: later.id } });
    expect(Number(startedAt)).toBeGreaterThanOrEqual(Number(soon));
    expect(await run()).toHaveLength(1);
    for (const [, to] of voyages) expect(await all.readers[to].hashes(`${into}/tree/`)).toEqual(expected);
    for (const more of ['', '-schedule', '-later']) {
      const prefix = `${into}${more}/tree/`;
      expect(await all.readers.s3.hashes(prefix)).toEqual(expected);
      const found = [...commits].filter(([key]) => key.startsWith(prefix)).map(([, times]) => times);
      expect(found).toEqual(Object.keys(tree).map(() => 1));
    }
  }
});
