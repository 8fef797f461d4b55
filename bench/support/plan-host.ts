import { readFileSync } from 'node:fs';
import { createDb } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { createAddressPolicy } from '../../storage/address-policy.ts';
import type { Entry, Page, StorageProvider } from '../../storage/provider.ts';
import { openProvider } from '../../storage/registry.ts';
import type { OpenAccount } from '../../worker/transfer/accounts.ts';
import { Budget } from '../../worker/transfer/budget.ts';
import type { Engine } from '../../worker/transfer/engine.ts';
import { readPriceTable } from '../../worker/transfer/plan/prices.ts';
import { planTransfer } from '../../worker/transfer/plan.ts';
import { RefusedRoutes } from '../../worker/transfer/route.ts';

/**
 * A process of the bench `plan`: plans a transfer whose accounts list so many generated keys, as a worker does, and tells
 * when each tenth of the keys was on record. Of ten keys one differs: in turn it is absent at the destination, extra there,
 * or of another hash.
 */
export interface PlanOrder {
  databaseUrl: string;
  transferId: string;
  sourceAccountId: string;
  keys: number;
}

const pageSize = 1_000;
/** Never asked anything: what it is able to is that of any store. */
const plain = openProvider(
  {
    provider: 's3',
    endpoint: 'http://127.0.0.1',
    region: 'us-east-1',
    addressing: 'path',
    accessKeyId: 'x',
    secretAccessKey: 'x',
  },
  { addressPolicy: createAddressPolicy([]) },
);

function entry(index: number, isSource: boolean): Entry | null {
  const differs = index % 10 === 0;
  const kind = Math.floor(index / 10) % 3;
  if (differs && kind === (isSource ? 0 : 1)) return null;
  const isChanged = differs && kind === 2 && isSource;
  return {
    kind: 'file',
    // As long as keys are in real buckets.
    key: `data/2026/${String(index >> 12).padStart(6, '0')}/customer-orders-${String(index).padStart(9, '0')}.parquet`,
    sizeBytes: 4_096 + (index % 1_000),
    modifiedAt: new Date(1_700_000_000_000 + index * 1_000),
    version: { etag: `"${index.toString(16).padStart(32, isChanged ? 'f' : '0')}"` },
    digests: { md5: index.toString(16).padStart(32, isChanged ? 'f' : '0') },
    storageClass: 'STANDARD',
  };
}

function generated(keys: number, isSource: boolean): OpenAccount {
  const provider = {
    store: isSource ? 'source' : 'destination',
    capabilities: {
      ...plain.capabilities,
      listing: { ...plain.capabilities.listing, order: 'bytes', maxPageSize: pageSize },
    },
    requests: plain.requests,
    async list({ cursor }: { cursor?: string }): Promise<Page<Entry>> {
      const from = Number(cursor ?? 0);
      const to = Math.min(from + pageSize, keys);
      const items: Entry[] = [];
      for (let index = from; index < to; index++) {
        const one = entry(index, isSource);
        if (one) items.push(one);
      }
      return { items, nextCursor: to < keys ? String(to) : null };
    },
    checkName() {},
    async assertWritable() {},
    /** Asked for one object by whoever makes sure that both sides are two stores. */
    async stat(): Promise<never> {
      throw new AppError('OBJECT_NOT_FOUND', 'Nothing is there.');
    },
  };
  return {
    provider: provider as unknown as StorageProvider,
    gate: { pass: async () => {}, watch: (work: Promise<unknown>) => work } as unknown as OpenAccount['gate'],
    release() {},
  };
}

process.once('message', async ({ databaseUrl, transferId, sourceAccountId, keys }: PlanOrder) => {
  const db = createDb({ url: databaseUrl, poolSize: 4, isDirect: true });
  const tenths: number[] = [];
  const startedAt = performance.now();
  const engine = {
    db,
    log: { error: console.error, warn: console.warn } as unknown as Engine['log'],
    accounts: {
      use: async ({ id }: { id: string }) => generated(keys, id === sourceAccountId),
    } as unknown as Engine['accounts'],
    budget: new Budget(2 ** 28),
    ledger: {} as Engine['ledger'],
    planLeases: new Set(),
    refusedRoutes: new RefusedRoutes(),
    urlReach: {} as Engine['urlReach'],
    prices: readPriceTable(undefined),
    publish({ objectsListed }) {
      while (Number(objectsListed) >= (keys / 10) * (tenths.length + 1)) tenths.push(performance.now() - startedAt);
    },
    kickDispatcher() {},
    stopping: new AbortController().signal,
  } satisfies Engine;
  const state = () =>
    db.transfer.findUniqueOrThrow({ where: { id: transferId }, select: { attempt: true, listingComplete: true } });
  for (
    let { attempt, listingComplete } = await state();
    !listingComplete;
    { attempt, listingComplete } = await state()
  ) {
    await planTransfer(engine, { transferId, attempt });
  }
  const wallMs = performance.now() - startedAt;
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  const { user, system } = process.cpuUsage();
  process.send?.({ wallMs, tenths, peakBytes: Number(peak) * 1_024, cpuMs: (user + system) / 1_000 });
  await db.$disconnect();
  process.disconnect();
});
