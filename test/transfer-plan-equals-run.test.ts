import { PutObjectCommand } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TransferMode } from '../core/db.ts';
import { approveTransfer } from '../queue/transfer.ts';
import type { ConflictPolicy } from '../queue/transfer-options.ts';
import { type Crossing, startCrossing, type TestStore } from './support/engine.ts';

let crossing: Crossing;
let engine: Crossing['engine'];
let from: Crossing['from'];
let to: Crossing['to'];
let accounts: Crossing['accounts'];
let round = 0;

beforeAll(async () => {
  crossing = await startCrossing();
  ({ engine, from, to, accounts } = crossing);
});

afterAll(() => crossing?.stop());

type Tree = Record<string, string>;
const tree = fc.dictionary(
  fc.constantFrom('a', 'b.txt', 'b (2).txt', 'c/d', 'c/', 'é', 'z//y', '%41'),
  fc.constantFrom('', 'one', 'two', 'three'),
);
const wish = fc.oneof(
  fc.record({
    mode: fc.constantFrom<TransferMode>('COPY', 'MOVE'),
    conflictPolicy: fc.constantFrom<ConflictPolicy>('OVERWRITE', 'SKIP', 'OVERWRITE_IF_DIFFERENT', 'KEEP_BOTH', 'FAIL'),
  }),
  fc.record({
    mode: fc.constant<TransferMode>('SYNC'),
    conflictPolicy: fc.constantFrom<ConflictPolicy>('OVERWRITE', 'OVERWRITE_IF_DIFFERENT'),
  }),
);

/** What the plan's items say that both sides will hold. */
function predicted(source: Tree, target: Tree, items: Planned[], mode: TransferMode): { source: Tree; target: Tree } {
  const after = { source: { ...source }, target: { ...target } };
  for (const { action, state, sourceName, targetName, reason } of items) {
    if (state === 'FAILED') continue;
    if (action === 'DELETE') delete after.target[targetName];
    if (action === 'ADD' || action === 'REPLACE') after.target[targetName] = source[sourceName] as string;
    if (mode === 'MOVE' && (action !== 'SKIP' || reason === 'SAME')) delete after.source[sourceName];
  }
  return after;
}

interface Planned {
  action: string;
  state: string;
  reason: string | null;
  sourceName: string;
  targetName: string;
}

async function fill(store: TestStore, prefix: string, objects: Tree): Promise<void> {
  // So that the folder exists whatever the tree.
  const all = { ...objects, 'always.txt': 'there' };
  for (const [name, body] of Object.entries(all)) {
    await store.client.send(
      new PutObjectCommand({ Bucket: store.bucket, Key: prefix + name, Body: Buffer.from(body) }),
    );
  }
}

test('an approved dry run does to random trees what it said, to each object', async () => {
  await fc.assert(
    fc.asyncProperty(tree, tree, wish, async (source, target, { mode, conflictPolicy }) => {
      round += 1;
      const prefix = `${round}/`;
      await fill(from, prefix, source);
      await fill(to, prefix, target);
      const { id } = await engine.submit({
        ...accounts,
        sourcePaths: [`source/${prefix}`],
        destinationPath: 'target/',
        mode,
        options: { conflictPolicy },
        dryRun: true,
      });
      const plan = await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
      const hashesBefore = { source: await from.hashes(prefix), target: await to.hashes(prefix) };
      const rows = await engine.db.transferItem.findMany({ where: { transferId: id }, orderBy: { ordinal: 'asc' } });
      const items = rows.map(({ action, state, reason, sourceKey, destinationKey }) => ({
        action,
        state,
        reason,
        sourceName: sourceKey.slice(prefix.length),
        targetName: destinationKey.slice(prefix.length),
      }));
      const expected = predicted(hashesBefore.source, hashesBefore.target, items, mode);
      await engine.db.$transaction((tx) => approveTransfer(tx, id));
      const end = await engine.ended(id);
      expect(await to.hashes(prefix)).toEqual(expected.target);
      expect(await from.hashes(prefix)).toEqual(expected.source);
      // No more and no less than planned, and nothing failed that was not refused by the plan.
      expect(end.objectsListed).toBe(plan.objectsListed);
      expect(end.objectsFailed).toBe(plan.objectsFailed);
      expect(end.objectsCompleted).toBe(plan.objectsPlanned);
    }),
    { numRuns: 25, seed: 4 },
  );
});
