import { z } from 'zod';

const count = z.number().int().nonnegative();

/** Requests to a cloud, in the classes by which clouds charge for them. */
export const requestCountsSchema = z.object({
  /** Looks at objects, and reads of their bytes. */
  read: count,
  /** Writes of objects and parts, and what begins and completes an upload. */
  write: count,
  /** Pages of listings. */
  list: count,
  delete: count,
  /** Copies that the cloud makes by itself, and fetches from URLs. */
  copy: count,
});
export type RequestCounts = z.infer<typeof requestCountsSchema>;

const load = z.object({ requests: requestCountsSchema, egressBytes: count });

/** What a transfer asks of both sides, and how much there is to do. */
export const workloadSchema = z.object({
  source: load,
  destination: load,
  /** Objects for which something is done. */
  objects: count,
  /** Bytes of those that are written. */
  bytes: count,
  /** As many of these as pass through workers. */
  relayedBytes: count,
});
export type Workload = z.infer<typeof workloadSchema>;

export function emptyWorkload(): Workload {
  const nothing = () => ({ requests: { read: 0, write: 0, list: 0, delete: 0, copy: 0 }, egressBytes: 0 });
  return { source: nothing(), destination: nothing(), objects: 0, bytes: 0, relayedBytes: 0 };
}

/** Amounts are decimal text in units of the currency, rounded up at the sixth place. */
const cost = z.object({ currency: z.string(), requests: z.string(), egress: z.string(), total: z.string() });
export type Cost = z.infer<typeof cost>;

const sideEstimate = load.extend({
  /** null: the price table has no prices of this store. */
  cost: cost.nullable(),
});
export type SideEstimate = z.infer<typeof sideEstimate>;

/** What carrying out a plan comes to, as it was computed when the plan was complete. */
export const planEstimateSchema = z.object({
  source: sideEstimate,
  destination: sideEstimate,
  /** null: one side has no prices. */
  cost: cost.nullable(),
  duration: z.object({
    lowMs: count,
    highMs: count,
    /** Former transfers that this is measured by; 0: it is assumed. */
    measuredTransfers: count,
  }),
});
export type PlanEstimate = z.infer<typeof planEstimateSchema>;
