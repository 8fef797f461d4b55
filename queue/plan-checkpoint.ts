import { z } from 'zod';

const place = z.object({
  /** Index of the source path. */
  path: z.number().int().nonnegative(),
  /** Cursor of the listing's next page; null: from its beginning. */
  cursor: z.string().nullable(),
});

/** Where planning carries on. Written in the same statement as the items that it accounts for. */
export const planCheckpointSchema = z.object({
  /** Source paths that are not listed to their end; the first is under way. */
  remaining: z.array(place),
  /** Ordinal of the next item. */
  nextOrdinal: z.number().int().nonnegative(),
  /** Paths that could not be listed to their end, each with the item that says so. */
  failed: z.array(place.extend({ ordinal: z.number().int().nonnegative() })),
});

export type PlanCheckpoint = z.infer<typeof planCheckpointSchema>;

/** The checkpoint of a transfer whose planning has not begun. */
export function firstCheckpoint(sourcePaths: readonly string[]): PlanCheckpoint {
  return { remaining: sourcePaths.map((_, path) => ({ path, cursor: null })), nextOrdinal: 0, failed: [] };
}
