import { z } from 'zod';
import type { TransferMode } from '../core/db.ts';
import { AppError } from '../core/errors.ts';
import { createFilter } from './filter.ts';

/** What is done where an object is at the destination already. */
export const conflictPolicies = [
  'OVERWRITE',
  'SKIP',
  'OVERWRITE_IF_NEWER',
  'OVERWRITE_IF_DIFFERENT',
  'KEEP_BOTH',
  'FAIL',
] as const;
export type ConflictPolicy = (typeof conflictPolicies)[number];

/** Ways in which an object gets from one account to another, best first. A relay is possible always. */
export const routes = ['SERVER_SIDE_COPY', 'INGEST_FROM_URL', 'RELAY'] as const;

/** Most globs of one kind, and the characters of one: each is held against each object. */
export const maxGlobs = 100;
export const maxGlobLength = 256;
export const maxObjectTries = 20;
export const maxConcurrency = 10_000;

const globs = z.array(z.string().min(1).max(maxGlobLength)).max(maxGlobs).default([]);
const bytes = z.number().int().nonnegative();
/** Longest relative age: 100 years. */
const maxAgeMs = 100 * 366 * 24 * 3_600_000;
const ageMs = z.number().int().min(0).max(maxAgeMs, 'must be at most 100 years').nullable().default(null);

/**
 * Which objects a transfer is about. Globs (queue/glob.ts) are held against an object's path below its source path, with `*`
 * and `?` within a folder and `**` across folders. An object is left out when there are `include` globs and none
 * matches, or one of `exclude` does. An object that only the destination has is left out in the same way, by its own size
 * and time there.
 */
export const transferFilterSchema = z.object({
  include: globs,
  exclude: globs,
  minSizeBytes: bytes.nullable().default(null),
  maxSizeBytes: bytes.nullable().default(null),
  /** Held against the modification time that the listing gives; objects without one pass. */
  modifiedAfter: z.coerce.date().nullable().default(null),
  modifiedBefore: z.coerce.date().nullable().default(null),
  /** The same in milliseconds before the start of the transfer, so that each run of a schedule has its own times. */
  olderThanMs: ageMs,
  newerThanMs: ageMs,
  /** Only the paths of this manifest (queue/manifest.ts), exactly; each that is not found is a failed object. */
  manifestId: z.uuid().nullable().default(null),
});
export type TransferFilter = z.infer<typeof transferFilterSchema>;

const defaultDeletionLimit = { objects: 1_000, share: 0.5 };

/** A transfer's choices as kept in its row. Every one has a default, so that a row without them is a plain copy. */
export const transferOptionsSchema = z.object({
  conflictPolicy: z.enum(conflictPolicies).default('OVERWRITE'),
  filter: transferFilterSchema.prefault({}),
  /** What travels with the bytes. */
  keep: z
    .object({
      contentType: z.boolean().default(true),
      userMetadata: z.boolean().default(true),
      modifiedAt: z.boolean().default(true),
      /** Reading them takes a request for each object, and a right that few accounts have. */
      tags: z.boolean().default(false),
      /** Markers of folders: zero-byte objects whose key ends in '/'. */
      emptyFolders: z.boolean().default(true),
    })
    .prefault({}),
  /**
   * Names that the destination cannot hold: refused one by one, or encoded reversibly (queue/key-encoding.ts). DECODE:
   * what was encoded is turned back, and refused if it cannot be held.
   */
  names: z.enum(['REFUSE', 'ENCODE', 'DECODE']).default('REFUSE'),
  /** STANDARD: the best evidence that both clouds offer. REREAD: the destination is read back besides. */
  verification: z.enum(['STANDARD', 'REREAD']).default('STANDARD'),
  /** Tries of one object in a row without progress. */
  maxTries: z.number().int().min(1).max(maxObjectTries).default(3),
  /** Objects under way at a time, over all workers; null: as many as the workers have room for. */
  concurrency: z.number().int().min(1).max(maxConcurrency).nullable().default(null),
  /** Of SYNC: more deletions than that wait for approval. */
  deletionLimit: z
    .object({
      objects: z.number().int().nonnegative().default(defaultDeletionLimit.objects),
      /** Of the objects at the destination, from 0 to 1. */
      share: z.number().min(0).max(1).default(defaultDeletionLimit.share),
    })
    .prefault({}),
  routes: z
    .array(z.enum(routes))
    .min(1)
    .default([...routes]),
});

export type TransferOptions = z.infer<typeof transferOptionsSchema>;
/** What differs from the defaults. */
export type GivenTransferOptions = z.input<typeof transferOptionsSchema>;

/** What the API calls those fields that are kept under another name. */
const inputNames: Readonly<Record<string, string>> = {
  minSizeBytes: 'minSize',
  maxSizeBytes: 'maxSize',
  olderThanMs: 'olderThan',
  newerThanMs: 'newerThan',
  manifestId: 'manifest',
} satisfies Partial<Record<keyof TransferFilter, string>>;

/** Policies that leave a mirror. */
const mirrorPolicies: readonly ConflictPolicy[] = ['OVERWRITE', 'OVERWRITE_IF_DIFFERENT', 'OVERWRITE_IF_NEWER'];

const boundsInWords: z.core.$ZodErrorMap = (issue) => {
  const unit = { string: ' characters', array: ' entries' }[issue.origin as string] ?? '';
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}${unit}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}${unit}`;
  return 'is none of the values that it can have';
};

/** Throws INVALID_INPUT, with the input field at fault, for choices that make no sense for the mode or of themselves. */
export function parseTransferOptions(mode: TransferMode, given: GivenTransferOptions): TransferOptions {
  const isMirror = mode === 'SYNC';
  const wrong = (field: readonly string[], message: string) =>
    new AppError('INVALID_INPUT', message, { field: ['options', ...field] });
  const conflictPolicy = given.conflictPolicy ?? (isMirror ? 'OVERWRITE_IF_DIFFERENT' : 'OVERWRITE');
  const parsed = transferOptionsSchema.safeParse({ ...given, conflictPolicy }, { error: boundsInWords });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue?.path.map((name) => inputNames[String(name)] ?? String(name)) ?? [];
    throw wrong(path, `\`${path.join('.')}\` ${issue?.message}.`);
  }
  const options = parsed.data;
  if (isMirror && !mirrorPolicies.includes(options.conflictPolicy)) {
    const message = `A mirror replaces what differs: choose ${mirrorPolicies.join(', ')}, or copy instead.`;
    throw wrong(['conflictPolicy'], message);
  }
  if (mode === 'VERIFY' && options.conflictPolicy !== 'OVERWRITE') {
    throw wrong(['conflictPolicy'], 'Objects are only compared and none is written: leave the conflict policy out.');
  }
  const { objects, share } = defaultDeletionLimit;
  if (!isMirror && (options.deletionLimit.objects !== objects || options.deletionLimit.share !== share)) {
    throw wrong(['deletionLimit'], 'Only a mirror deletes at the destination: leave the limit out, or choose SYNC.');
  }
  const { minSizeBytes, maxSizeBytes, modifiedAfter, modifiedBefore, olderThanMs, newerThanMs } = options.filter;
  if (minSizeBytes !== null && maxSizeBytes !== null && minSizeBytes > maxSizeBytes) {
    throw wrong(['filter', 'maxSize'], 'No object is larger than the one size and smaller than the other.');
  }
  if (modifiedAfter !== null && modifiedBefore !== null && modifiedAfter >= modifiedBefore) {
    throw wrong(['filter', 'modifiedBefore'], 'No time is after the one and before the other.');
  }
  if (olderThanMs !== null && newerThanMs !== null && olderThanMs >= newerThanMs) {
    throw wrong(['filter', 'newerThan'], 'No object is older than the one age and newer than the other.');
  }
  for (const kind of ['include', 'exclude'] as const) {
    try {
      createFilter({ ...options.filter, include: [], exclude: [], [kind]: options.filter[kind] }, new Date());
    } catch (error) {
      throw wrong(['filter', kind], (error as AppError).message);
    }
  }
  return options;
}
