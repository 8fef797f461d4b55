import { z } from 'zod';
import { emptyWorkload, workloadSchema } from './plan-estimate.ts';

const place = z.object({
  /** Index of the source path. */
  path: z.number().int().nonnegative(),
  /** Cursor of the page of the source's listing with the next object; null: from its beginning. */
  cursor: z.string().nullable(),
  /** The same of the destination's listing, where that is planned with. */
  destinationCursor: z.string().nullable().default(null),
  /** What comes up to this name at the destination, as the plan sorts names, is done; null: nothing of those pages. */
  after: z.string().nullable().default(null),
});
export type PlanPlace = z.infer<typeof place>;

/** How many objects, and how many bytes at the source. */
const amount = z.object({ objects: z.number(), bytes: z.number() });
export type Amount = z.infer<typeof amount>;

/** Where planning carries on. Written in the same statement as the items that it accounts for. */
export const planCheckpointSchema = z.object({
  /** Source paths that are not listed to their end; the first is under way. */
  remaining: z.array(place),
  /** Ordinal of the next item. */
  nextOrdinal: z.number().int().nonnegative(),
  /** What is planned, by action; of what is refused, under its error. */
  totals: z.record(z.string(), amount).default({}),
  /** Objects seen at the destination: what deletions are a share of. */
  destinationObjects: z.number().default(0),
  /** Bytes that the destination has room for beyond what is planned; null: without bounds, or nobody knows. Absent: not asked. */
  roomBytes: z.number().nullable().optional(),
  /**
   * Objects that the destination's account may not write where the path under way arrives, without one that it may; null:
   * nothing more is asked there. Absent: not asked.
   */
  writeDenials: z.number().int().nonnegative().nullable().optional(),
  /** What the plan took so far and what carrying it out takes; counted for dry runs only. */
  workload: workloadSchema.prefault(emptyWorkload()),
  /** Which paths of the manifest were found, a bit each, in base64; '' without a manifest. */
  manifestFound: z.string().default(''),
  /** Paths that could not be listed to their end, each with the item that says so. */
  failed: z.array(place.extend({ ordinal: z.number().int().nonnegative() })),
  /** Of a follow-up: the failed paths of its origin that it lists, each with its item there. */
  relisted: z
    .array(z.object({ path: z.number().int().nonnegative(), ordinal: z.number().int().nonnegative() }))
    .default([]),
  /** Of a follow-up: how many failed objects and dropped deletions of its origin it has, by error code. */
  retried: z.record(z.string(), z.number().int().nonnegative()).default({}),
});

export type PlanCheckpoint = z.infer<typeof planCheckpointSchema>;

/** The checkpoint of a transfer whose planning has not begun. */
export function firstCheckpoint(sourcePaths: readonly string[]): PlanCheckpoint {
  return {
    remaining: sourcePaths.map((_, path) => ({ path, cursor: null, destinationCursor: null, after: null })),
    nextOrdinal: 0,
    totals: {},
    destinationObjects: 0,
    workload: emptyWorkload(),
    manifestFound: '',
    failed: [],
    relisted: [],
    retried: {},
  };
}
