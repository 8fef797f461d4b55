import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PlanEstimate, planEstimateSchema, type RequestCounts } from '../queue/plan-estimate.ts';
import { approveTransfer, type SubmitTransfer } from '../queue/transfer.ts';
import type { GivenTransferOptions } from '../queue/transfer-options.ts';
import { type CloudName, type CloudScene, cloudNames, fill, mayFetch, startCloudScene } from './support/clouds.ts';
import { countRequests, noRequests } from './support/request-counts.ts';

const MiB = 1024 * 1024;
/** Large enough for two parts everywhere, of which the last is short. */
const tree = {
  'empty.txt': Buffer.alloc(0),
  'small.txt': randomBytes(10_000),
  'there.txt': randomBytes(1_000),
  'deep/parts.bin': randomBytes(17 * MiB + 5),
};
const treeBytes = Object.values(tree).reduce((sum, bytes) => sum + bytes.byteLength, 0);

interface Scene extends CloudScene {
  requests: ReturnType<typeof countRequests>;
}
let scenes: Record<'private' | 'fetching', Scene>;
let round = 0;

beforeAll(async () => {
  const start = async (env?: Record<string, string>) => {
    const scene = await startCloudScene(env);
    return Object.assign(scene, { requests: countRequests(scene) });
  };
  scenes = { private: await start(), fetching: await start(mayFetch) };
}, 120_000);

afterAll(async () => {
  for (const scene of Object.values(scenes ?? {})) await scene.stop();
});

interface Outcome {
  estimate: PlanEstimate;
  asked: Record<CloudName, RequestCounts>;
}

/** Plans, approves and runs a transfer of the tree, of which one object is at the destination already, as is one other. */
async function outcomeOf(
  scene: Scene,
  from: CloudName,
  to: CloudName,
  more: Partial<SubmitTransfer> = {},
  there: Record<string, Buffer> = { 'there.txt': randomBytes(50), 'extra.txt': randomBytes(5) },
): Promise<Outcome> {
  const { engine, clouds, requests } = scene;
  round += 1;
  const [source, destination] = [`source-${round}/`, `target-${round}/`];
  const below = (folder: string, objects: Record<string, Buffer>) =>
    Object.fromEntries(Object.entries(objects).map(([name, bytes]) => [folder + name, bytes]));
  await fill(clouds[from], below(source, tree));
  await fill(clouds[to], below(`${destination}${source}`, there));
  requests.take();
  const { id } = await engine.submit({
    sourceAccountId: clouds[from].accountId,
    sourcePaths: [`${clouds[from].container}/${source}`],
    destinationAccountId: clouds[to].accountId,
    destinationPath: `${clouds[to].container}/${destination}`,
    dryRun: true,
    ...more,
  });
  const { planEstimate } = await engine.until(id, ({ state }) => state === 'AWAITING_APPROVAL');
  await engine.db.$transaction((tx) => approveTransfer(tx, id));
  expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', errorCode: null });
  return { estimate: planEstimateSchema.parse(planEstimate), asked: requests.take() };
}

function sum(a: RequestCounts, b: RequestCounts): RequestCounts {
  const total = noRequests();
  for (const kind of Object.keys(total) as (keyof RequestCounts)[]) total[kind] = a[kind] + b[kind];
  return total;
}

/** Holds the estimate against what both clouds were asked: to the request, but for Dropbox's, which is the most. */
function expectCounted({ estimate, asked }: Outcome, from: CloudName, to: CloudName): void {
  const { source, destination } = estimate;
  const sides =
    from === to
      ? [[from, sum(source.requests, destination.requests)] as const]
      : [[from, source.requests] as const, [to, destination.requests] as const];
  for (const [cloud, expected] of sides) {
    if (cloud !== 'dropbox') expect([cloud, asked[cloud]]).toEqual([cloud, expected]);
    else {
      for (const kind of Object.keys(expected) as (keyof RequestCounts)[]) {
        expect([kind, asked.dropbox[kind]]).toEqual([kind, expect.any(Number)]);
        expect(asked.dropbox[kind]).toBeLessThanOrEqual(expected[kind]);
      }
    }
  }
}

const pairs = cloudNames.flatMap((from) => cloudNames.map((to) => [from, to] as const));

test.each(pairs)('%s to %s: the clouds are asked what the plan said', async (from, to) => {
  const outcome = await outcomeOf(scenes.private, from, to);
  expectCounted(outcome, from, to);
  expect(outcome.estimate.source.egressBytes).toBe(from === to ? 0 : treeBytes);
  expect(outcome.estimate.destination.egressBytes).toBe(0);
});

test.each(pairs.filter(([from, to]) => from !== to && (to === 'azure' || to === 'dropbox')))(
  '%s to %s: the clouds are asked what the plan said, where one fetches by itself',
  async (from, to) => {
    // A relay would go before the fetch for want of a hash in common, and to date what Dropbox cannot.
    const options = {
      routes: ['INGEST_FROM_URL'],
      keep: { modifiedAt: to !== 'dropbox' },
    } satisfies GivenTransferOptions;
    const outcome = await outcomeOf(scenes.fetching, from, to, { options });
    expect(outcome.estimate.destination.requests.copy).toBeGreaterThan(0);
    expectCounted(outcome, from, to);
  },
);

test.each([
  { mode: 'MOVE' },
  { mode: 'SYNC', options: { deletionLimit: { share: 1 } } },
  { options: { verification: 'REREAD', routes: ['RELAY'] } },
  { options: { conflictPolicy: 'SKIP' } },
] satisfies Partial<SubmitTransfer>[])('the clouds are asked what the plan of %j said', async (more) => {
  const outcome = await outcomeOf(scenes.private, 's3', 'gcs', more);
  expectCounted(outcome, 's3', 'gcs');
});

const apart = [
  ['s3', 'dropbox'],
  ['dropbox', 'azure'],
  ['azure', 'gcs'],
  ['s3', 'azure'],
] as const satisfies (readonly [CloudName, CloudName])[];
const hashChoices = [
  { options: { verification: 'REREAD', routes: ['RELAY'] } },
  { mode: 'MOVE' },
  { options: { conflictPolicy: 'OVERWRITE_IF_DIFFERENT' } },
] satisfies Partial<SubmitTransfer>[];

test.each(apart.flatMap(([from, to]) => hashChoices.map((more) => [from, to, more] as const)))(
  '%s to %s, with few hashes in common: the clouds are asked what the plan of %j said',
  async (from, to, more) => {
    expectCounted(await outcomeOf(scenes.private, from, to, more), from, to);
  },
);

test.each(apart)('%s to %s, compared: the clouds are asked what the plan said', async (from, to) => {
  const { 'there.txt': _, ...same } = tree;
  const outcome = await outcomeOf(
    scenes.private,
    from,
    to,
    { mode: 'VERIFY', options: { filter: { include: Object.keys(same) } } },
    same,
  );
  expectCounted(outcome, from, to);
});

test('a plan without work costs what was spent on planning, and takes no time', async () => {
  const { estimate } = await outcomeOf(scenes.private, 's3', 'gcs', { options: { filter: { include: ['nothing'] } } });
  const none = { ...noRequests(), list: 1 };
  expect(estimate.source).toEqual({ requests: none, egressBytes: 0, cost: null });
  expect(estimate.destination).toEqual({ requests: none, egressBytes: 0, cost: null });
  expect(estimate.duration).toEqual({ lowMs: 0, highMs: 0, measuredTransfers: 0 });
});
