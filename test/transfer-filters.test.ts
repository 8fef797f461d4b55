import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { TransferMode } from '../core/db.ts';
import type { TransferFilter } from '../queue/transfer-options.ts';
import { type CloudScene, contents, fill, startCloudScene } from './support/clouds.ts';

const dayMs = 24 * 3_600_000;
const weekMs = 7 * dayMs;
const kinds = ['small old', 'large old', 'small new', 'large new'];

let all: CloudScene;
let round = 0;
let folder: string;

beforeAll(async () => {
  all = await startCloudScene();
}, 60_000);

afterAll(async () => {
  vi.useRealTimers();
  await all?.stop();
});

/** Of each kind one that only the source has, and one that only the destination has. */
beforeEach(async () => {
  round += 1;
  folder = `${round}/`;
  const { s3, gcs } = all.clouds;
  // The clouds of this process date what they are given by its clock.
  for (const [age, ageMs] of Object.entries({ old: 30 * dayMs, new: 0 })) {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - ageMs });
    for (const [size, body] of Object.entries({ small: Buffer.alloc(10), large: Buffer.alloc(1_000) })) {
      await fill(s3, { [`${folder}source ${size} ${age}`]: body });
      await fill(gcs, { [`${folder}target ${size} ${age}`]: body });
    }
    vi.useRealTimers();
  }
});

async function run(mode: TransferMode, filter: Partial<TransferFilter>) {
  const { engine, clouds } = all;
  const { id } = await engine.submit({
    mode,
    sourceAccountId: clouds.s3.accountId,
    sourcePaths: [`place/${folder}`],
    destinationAccountId: clouds.gcs.accountId,
    destinationPath: 'place/',
    options: { filter, ...(mode === 'SYNC' && { deletionLimit: { share: 1 } }) },
  });
  return engine.ended(id);
}

const named = (side: string, names: readonly string[]) => names.map((name) => `${side} ${name}`);
const arrived = async () => Object.keys(await contents(all.clouds.gcs, folder)).toSorted();

const aWeekAgo = new Date(Date.now() - weekMs);

const filters: [string, Partial<TransferFilter>, string[]][] = [
  ['a smallest size', { minSizeBytes: 11 }, ['large new', 'large old']],
  ['a largest size', { maxSizeBytes: 999 }, ['small new', 'small old']],
  ['an earliest time', { modifiedAfter: aWeekAgo }, ['large new', 'small new']],
  ['a latest time', { modifiedBefore: aWeekAgo }, ['large old', 'small old']],
  ['a greatest age', { newerThanMs: weekMs }, ['large new', 'small new']],
  ['a least age', { olderThanMs: weekMs }, ['large old', 'small old']],
];

test.for(filters)('COPY moves what is within %s, and nothing else', async ([, filter, taken]) => {
  const row = await run('COPY', filter);
  expect(row).toMatchObject({ state: 'COMPLETED', objectsCompleted: 2n, objectsExcluded: 2n });
  expect(await arrived()).toEqual([...named('source', taken), ...named('target', kinds)].toSorted());
});

test.for(filters)(
  'SYNC mirrors what is within %s, and leaves all else alone on both sides',
  async ([, filter, taken]) => {
    const row = await run('SYNC', filter);
    expect(row).toMatchObject({ state: 'COMPLETED', objectsExcluded: 4n, deletionsCompleted: 2n });
    const left = kinds.filter((kind) => !taken.includes(kind));
    expect(await arrived()).toEqual([...named('source', taken), ...named('target', left)].toSorted());
  },
);

test.for(filters)('VERIFY compares what is within %s on both sides, and nothing else', async ([, filter, taken]) => {
  const { id } = await run('VERIFY', filter);
  const items = await all.engine.db.transferItem.findMany({ where: { transferId: id } });
  const compared = items.map(({ destinationKey }) => destinationKey.slice(folder.length)).toSorted();
  expect(compared).toEqual([...named('source', taken), ...named('target', taken)]);
});
