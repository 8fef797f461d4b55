import { readdir, readlink } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from './key-order.ts';
import { Spool, type Spooled } from './spool.ts';

const spooled = (sortKey: string, index: number): Spooled => ({
  sortKey,
  entry: {
    kind: 'file',
    key: `${index}\u2028\n`,
    sizeBytes: index,
    modifiedAt: index % 2 === 0 ? new Date(index) : null,
    version: {},
    digests: {},
    storageClass: null,
  },
});

/** Files of spools that this process has open. */
async function openFiles(): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd');
  const paths = await Promise.all(descriptors.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return paths.filter((path) => path.includes('skyferry-plan-'));
}

test('sorts by key through any number of merges, and those of one key in the order of their coming', async () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '\uffff', '\u{10000}'), maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(fc.array(key, { maxLength: 60 }), async (keys) => {
      const spool = new Spool(3, 2);
      const given = keys.map(spooled);
      for (const one of given) await spool.add(one);
      // Three runs of three make a level, and each level is merged at two.
      expect((await openFiles()).length).toBeLessThanOrEqual(5);
      const sorted: Spooled[] = [];
      for await (const one of spool.sorted()) sorted.push(one);
      await spool.close();
      expect(sorted).toEqual(given.toSorted((a, b) => compareKeys(a.sortKey, b.sortKey)));
    }),
  );
  expect(await openFiles()).toEqual([]);
});

test('has no file with a name, and none open any more when it is closed half-way', async () => {
  const spool = new Spool(1_000, 4);
  for (let index = 0; index < 10_000; index++) await spool.add(spooled(String(index % 97), index));
  const files = await openFiles();
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((path) => !path.endsWith(' (deleted)'))).toEqual([]);
  const sorted = spool.sorted();
  expect((await sorted.next()).value).toMatchObject({ sortKey: '0', entry: { sizeBytes: 0 } });
  await spool.close();
  expect(await openFiles()).toEqual([]);
});
