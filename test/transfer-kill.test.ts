import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FinishedRequest, RequestInfo } from '../emulators/s3/observer.ts';
import { type Crossing, startCrossing } from './support/engine.ts';

const MiB = 1024 * 1024;
/** Acknowledged so long ago, a part is in Postgres even on a busy machine: what changed is written within 200 ms. */
const writtenMs = 2_000;

let crossing: Crossing;
let round = 0;

beforeAll(async () => {
  crossing = await startCrossing({ workers: 0 });
  crossing.to.server.faults.add({
    match: { operation: 'UploadPart', count: 100_000 },
    action: { kind: 'slow', bytesPerSecond: 24 * MiB },
  });
});

afterAll(() => crossing?.stop());

/** One part on its way, as the destination tells of it. */
interface Sending {
  part: string;
  /** The worker that sent it, from 0. */
  life: number;
  /** null: it was not. */
  acknowledgedAt: number | null;
}

/** Records what the destination is sent below a prefix. */
function record(prefix: string) {
  const { observer } = crossing.to.server;
  const sendings = new Map<string, Sending>();
  let life = 0;
  let wish = { acknowledged: 0, resolve: () => {} };
  const check = () => {
    const own = [...sendings.values()].filter((sending) => sending.life === life);
    const acknowledged = own.filter(({ acknowledgedAt }) => acknowledgedAt !== null);
    if (own.length > 0 && acknowledged.length >= wish.acknowledged) wish.resolve();
  };
  const onArrived = ({ operation, key = '', partNumber, requestId }: RequestInfo) => {
    if (operation !== 'UploadPart' || !key.startsWith(prefix)) return;
    sendings.set(requestId, { part: `${key}#${partNumber}`, life, acknowledgedAt: null });
    check();
  };
  const onFinished = ({ requestId, status }: FinishedRequest) => {
    const sending = sendings.get(requestId);
    if (sending === undefined || status !== 200) return;
    sending.acknowledgedAt = Date.now();
    check();
  };
  observer.on('arrived', onArrived).on('finished', onFinished);
  return {
    all: () => [...sendings.values()],
    /** Resolves once so many parts of this life are acknowledged, or, of none, once the first one begins. */
    reached: (acknowledged: number) =>
      new Promise<void>((resolve) => {
        wish = { acknowledged, resolve };
      }),
    nextLife() {
      life += 1;
    },
    stop: () => observer.off('arrived', onArrived).off('finished', onFinished),
  };
}

/** Of these parts, those that Postgres has on record as acknowledged. */
async function onRecord(transferId: string, parts: readonly string[]): Promise<Set<string>> {
  const items = await crossing.engine.db.transferItem.findMany({ where: { transferId } });
  const found = items.flatMap(({ destinationKey, state, checkpoint }) => {
    if (state === 'COMPLETED') return parts.filter((part) => part.startsWith(`${destinationKey}#`));
    const { parts: kept = [] } = (checkpoint ?? {}) as { parts?: { receipt: { partNumber: number } }[] };
    return kept.map(({ receipt }) => `${destinationKey}#${receipt.partNumber}`);
  });
  return new Set(found);
}

/** As if the time of a dead worker's lease were over. */
async function expireLeases(transferId: string): Promise<void> {
  await crossing.engine.db.$executeRaw`
    UPDATE transfer_batch SET lease_until = now() WHERE transfer_id = ${transferId}::uuid AND state = 'ADMITTED'`;
}

interface Scene {
  sizes: number[];
  /** Of each worker's life, by its acknowledged parts. */
  kills: number[];
}

/** Moves objects by workers that are killed one after the other. Returns how many parts stayed on record. */
async function moveByMortals({ sizes, kills }: Scene): Promise<number> {
  const { engine, from, to, accounts } = crossing;
  const folder = `kill-${++round}/`;
  const sent: Record<string, string> = {};
  for (const [index, size] of sizes.entries()) sent[index] = await from.put(`${folder}${index}`, size);
  const log = record(folder);
  const { id } = await engine.submit({ ...accounts, sourcePaths: [`source/${folder}`], destinationPath: 'target/' });
  const ended = engine.ended(id, 60_000);
  const deaths: { at: number; kept: Set<string> }[] = [];
  let worker = await engine.startWorker();
  for (const acknowledged of kills) {
    const killed = log.reached(acknowledged).then(() => worker.kill());
    if ((await Promise.race([killed, ended])) !== undefined) break;
    const parts = log.all().map(({ part }) => part);
    deaths.push({ at: Date.now(), kept: await onRecord(id, parts) });
    log.nextLife();
    await expireLeases(id);
    worker = await engine.startWorker();
  }
  expect(await ended).toMatchObject({ state: 'COMPLETED', objectsVerified: BigInt(sizes.length) });
  await worker.stop();
  log.stop();
  for (const [life, { at, kept }] of deaths.entries()) {
    const later = log.all().filter((sending) => sending.life > life);
    expect(later.filter(({ part }) => kept.has(part))).toEqual([]);
    // All others of this life were in flight: sent and not acknowledged, or acknowledged a moment before.
    const own = log.all().filter((sending) => sending.life === life);
    const known = own.filter(({ acknowledgedAt }) => acknowledgedAt !== null && acknowledgedAt < at - writtenMs);
    expect(known.filter(({ part }) => !kept.has(part))).toEqual([]);
  }
  expect(await to.hashes(folder)).toEqual(sent);
  return deaths.reduce((sum, { kept }) => sum + kept.size, 0);
}

test('workers killed at any moment: the next one sends what was in flight again, and nothing that was on record', async () => {
  const scene = fc.record({
    sizes: fc.array(fc.integer({ min: 17 * MiB, max: 60 * MiB }), { minLength: 1, maxLength: 2 }),
    kills: fc.array(fc.nat({ max: 8 }), { minLength: 1, maxLength: 2 }),
  });
  let kept = 0;
  const property = fc.asyncProperty(scene, async (scene) => {
    kept += await moveByMortals(scene);
  });
  const inTheMiddle = { sizes: [60 * MiB, 60 * MiB], kills: [9] };
  await fc.assert(property, { numRuns: 5, examples: [[inTheMiddle]], endOnFailure: true });
  expect(kept).toBeGreaterThan(0);
}, 180_000);
