import { compileGlobs } from './glob.ts';
import type { TransferFilter } from './transfer-options.ts';

/** Which objects a transfer is about (queue/transfer-options.ts). */
export interface Filter {
  /** By path below the source path; holds for both sides, so that what is left out is not deleted either. */
  takesPath(path: string): boolean;
  /** By what the source's listing says of the object. */
  takesEntry(entry: { sizeBytes: number; modifiedAt: Date | null }): boolean;
}

/** Throws INVALID_INPUT for a glob that does not parse. */
export function createFilter(filter: TransferFilter): Filter {
  const included = filter.include.length === 0 ? null : compileGlobs(filter.include);
  const excluded = filter.exclude.length === 0 ? null : compileGlobs(filter.exclude);
  const { minSizeBytes, maxSizeBytes, modifiedAfter, modifiedBefore } = filter;
  return {
    takesPath: (path) => (included?.(path) ?? true) && !excluded?.(path),
    takesEntry: ({ sizeBytes, modifiedAt }) =>
      sizeBytes >= (minSizeBytes ?? 0) &&
      sizeBytes <= (maxSizeBytes ?? Number.MAX_SAFE_INTEGER) &&
      (modifiedAt === null ||
        ((modifiedAfter === null || modifiedAt >= modifiedAfter) &&
          (modifiedBefore === null || modifiedAt < modifiedBefore))),
  };
}
