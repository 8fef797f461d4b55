import { compileGlobs } from './glob.ts';
import type { TransferFilter } from './transfer-options.ts';

/**
 * Which objects a transfer is about (queue/transfer-options.ts). Held against the source's object, and against the
 * destination's where the source has none of its name: what is left out is not deleted either.
 */
export interface Filter {
  /** By path below the source path. */
  takesPath(path: string): boolean;
  /** By what its listing says of the object. */
  takesEntry(entry: { sizeBytes: number; modifiedAt: Date | null }): boolean;
}

/** Relative ages count from `startedAt`. Throws INVALID_INPUT for a glob that does not parse. */
export function createFilter(filter: TransferFilter, startedAt: Date): Filter {
  const included = filter.include.length === 0 ? null : compileGlobs(filter.include);
  const excluded = filter.exclude.length === 0 ? null : compileGlobs(filter.exclude);
  const { minSizeBytes, maxSizeBytes } = filter;
  const ago = (ms: number | null) => (ms === null ? null : startedAt.getTime() - ms);
  const after = latest(filter.modifiedAfter?.getTime(), ago(filter.newerThanMs));
  const before = earliest(filter.modifiedBefore?.getTime(), ago(filter.olderThanMs));
  return {
    takesPath: (path) => (included?.(path) ?? true) && !excluded?.(path),
    takesEntry: ({ sizeBytes, modifiedAt }) =>
      sizeBytes >= (minSizeBytes ?? 0) &&
      sizeBytes <= (maxSizeBytes ?? Number.MAX_SAFE_INTEGER) &&
      (modifiedAt === null || (modifiedAt.getTime() >= after && modifiedAt.getTime() < before)),
  };
}

type Moment = number | null | undefined;
const latest = (a: Moment, b: Moment) => Math.max(a ?? Number.NEGATIVE_INFINITY, b ?? Number.NEGATIVE_INFINITY);
const earliest = (a: Moment, b: Moment) => Math.min(a ?? Number.POSITIVE_INFINITY, b ?? Number.POSITIVE_INFINITY);
