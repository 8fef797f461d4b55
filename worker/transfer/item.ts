import { z } from 'zod';
import type { SourceRemoval, TransferAction, TransferItem, TransferReason } from '../../core/db.ts';
import { AppError, type ErrorCode } from '../../core/errors.ts';
import type { DamagedObjectRemains } from '../../storage/damaged-object.ts';
import type { PartReceipt, UploadSession, Version } from '../../storage/provider.ts';
import type { Tags } from '../../storage/tags.ts';
import type { Route } from './route.ts';
import type { Evidence } from './verify.ts';

const digests = z.partialRecord(
  z.enum(['crc32c', 'crc32', 'crc64nvme', 'md5', 'sha256', 'dropbox', 'dropbox-blocks']),
  z.string(),
);
const version = z.object({ etag: z.string().exactOptional(), versionId: z.string().exactOptional() });

export const uploadSessionSchema = z.object({
  container: z.string(),
  key: z.string(),
  id: z.string(),
  sizeBytes: z.number(),
  metadata: z.object({
    contentType: z.string().exactOptional(),
    contentEncoding: z.string().exactOptional(),
    contentLanguage: z.string().exactOptional(),
    contentDisposition: z.string().exactOptional(),
    cacheControl: z.string().exactOptional(),
    user: z.record(z.string(), z.string()),
    modifiedAt: z.coerce.date().exactOptional(),
    isModifiedAtInferred: z.boolean().exactOptional(),
    tags: z.record(z.string(), z.string()).exactOptional(),
  }),
}) satisfies z.ZodType<UploadSession>;

const receipt = z.object({
  partNumber: z.number(),
  sizeBytes: z.number(),
  tag: z.string(),
  digests,
}) satisfies z.ZodType<PartReceipt>;

/** What a source says the whole object hashes to. `asserted`: it only keeps what a writer told it. */
const statement = z.object({
  algorithm: z.enum(['crc32c', 'crc32', 'md5', 'sha256', 'dropbox']),
  value: z.string(),
  asserted: z.boolean(),
});
export type Statement = z.infer<typeof statement>;

/** An upload in parts that is not complete: with it any worker goes on at the part. */
const checkpoint = z.object({
  session: uploadSessionSchema,
  /** State of the source that the parts were read from. */
  version,
  partSizeBytes: z.number().positive(),
  statement: statement.nullable(),
  /** Whether a cloud makes the object by itself, by way of it: then nobody else goes on with it. */
  isByCloud: z.boolean().exactOptional(),
  /** Parts that the destination acknowledged, and what was hashed while they were sent. */
  parts: z.array(z.object({ receipt, sent: digests })),
});
export type Checkpoint = z.infer<typeof checkpoint>;

/** transfer_item as it is read, in JSON, when a batch is taken. Sizes are exact up to 2^53. */
export interface ItemRow {
  ordinal: number;
  sourceContainer: string;
  sourceKey: string;
  destinationContainer: string;
  destinationKey: string;
  sizeBytes: number;
  sourceVersion: unknown;
  attempts: number;
  acknowledgedBytes: number;
  checkpoint: unknown;
  state: ItemState;
  action: TransferAction;
  destinationVersion: unknown;
  sourceRemoval: SourceRemoval | null;
  evidence: unknown;
  route: Route | null;
  fallback: ErrorCode | null;
  droppedTags: string[];
}

type ItemState = TransferItem['state'];

/**
 * One object on its way. The worker that holds the batch is the only writer; what changes here is written to Postgres
 * by the ledger, always as a whole, so that writing the same state twice is harmless.
 */
export class Item {
  readonly ordinal: number;
  readonly source: { container: string; key: string };
  readonly destination: { container: string; key: string };
  readonly action: TransferAction;
  /**
   * What is to be replaced at the destination: what the plan found there, or what a try of this worker has left there
   * since; an empty one: nothing. null: the plan did not look.
   */
  expected: Version | null;
  /** What a try of this worker made visible at the destination last. */
  written: Version | null = null;
  /** Whether somebody may have worked on the object before, and left no word of how far he came. */
  readonly isRetaken: boolean;
  state: ItemState;
  sizeBytes: number;
  version: Version | null;
  /** Tries in a row that failed; of a completed object also the one that succeeded. */
  attempts: number;
  acknowledgedBytes: number;
  checkpoint: Checkpoint | null;
  /** How it is moved, once that is decided; null for a folder. */
  route: Route | null;
  /** Why it goes by no better route that the accounts are able to. */
  fallback: ErrorCode | null;
  /** Tags that it gets at the destination; null: none were read. */
  tags: Tags | null = null;
  /** Names of those that the destination does not take. */
  droppedTags: string[];
  /** Whether a cloud was asked to move it by itself and has not answered: it may do so whatever becomes of the request. */
  isAtCloud = false;
  evidence: Evidence | null;
  /** What becomes of the source, for moves. */
  sourceRemoval: SourceRemoval | null;
  /** Set when it turned out that it need not be moved after all. */
  skipReason: TransferReason | undefined;
  errorCode: ErrorCode | null = null;
  errorMessage: string | null = null;
  /** Left at the destination by a try of this worker; what succeeds takes its place. */
  remains: DamagedObjectRemains | null = null;
  /** Set when the database refused the item for what the clouds said of it: it has to be given up. */
  refused: AppError | null = null;

  constructor(row: ItemRow, isRetaken = false) {
    this.ordinal = row.ordinal;
    this.isRetaken = isRetaken;
    this.action = row.action;
    this.expected = version.safeParse(row.destinationVersion).data ?? null;
    // What was under way in other hands begins again.
    this.state = row.state === 'RUNNING' ? 'PENDING' : row.state;
    this.sourceRemoval = row.sourceRemoval;
    // Written by this product, in this form.
    this.evidence = row.evidence as Evidence | null;
    this.route = row.route;
    this.source = { container: row.sourceContainer, key: row.sourceKey };
    this.destination = { container: row.destinationContainer, key: row.destinationKey };
    this.sizeBytes = row.sizeBytes;
    this.version = version.safeParse(row.sourceVersion).data ?? null;
    this.attempts = row.attempts;
    // One that another version of the product wrote otherwise is as good as none: the object begins anew.
    this.checkpoint = checkpoint.safeParse(row.checkpoint).data ?? null;
    this.fallback = this.checkpoint === null ? null : row.fallback;
    this.droppedTags = row.droppedTags;
    // Of a move, one that has arrived is taken up again for the removal of its source.
    const isCounted = this.checkpoint !== null || this.state === 'COMPLETED';
    this.acknowledgedBytes = isCounted ? row.acknowledgedBytes : 0;
  }

  /** Back to the beginning of the object: nothing counts as acknowledged. */
  reset(): void {
    this.acknowledgedBytes = 0;
    this.checkpoint = null;
  }

  fail(error: AppError): void {
    this.reset();
    this.state = 'FAILED';
    if (this.sourceRemoval === 'PENDING') this.sourceRemoval = 'KEPT';
    this.failedTry(error);
  }

  /** A try failed; others may follow. */
  failedTry(error: AppError): void {
    this.errorCode = error.code;
    // Postgres keeps no U+0000 in text, and no half of a surrogate pair.
    this.errorMessage = error.message.replaceAll('\0', '\uFFFD').slice(0, 2_000).toWellFormed();
  }

  /** It is not moved, because of what is at the destination. Its source stays. */
  skip(reason: TransferReason): void {
    this.reset();
    this.state = 'SKIPPED';
    this.skipReason = reason;
    this.errorCode = null;
    this.errorMessage = null;
    if (this.sourceRemoval === 'PENDING') this.sourceRemoval = 'KEPT';
  }

  /** `evidence`: null where nothing was moved. */
  complete(evidence: Evidence | null): void {
    this.state = 'COMPLETED';
    this.acknowledgedBytes = this.sizeBytes;
    this.checkpoint = null;
    this.evidence = evidence;
    this.errorCode = null;
    this.errorMessage = null;
  }

  /** As it is written. */
  toRecord(): object {
    return {
      ordinal: this.ordinal,
      state: this.state,
      size_bytes: this.sizeBytes,
      version: this.version,
      attempts: this.attempts,
      acknowledged_bytes: this.acknowledgedBytes,
      checkpoint: this.checkpoint,
      route: this.route,
      fallback_code: this.fallback,
      dropped_tags: this.droppedTags,
      evidence: this.evidence,
      verified: this.evidence?.verified ?? false,
      skip_reason: this.skipReason,
      source_removal: this.sourceRemoval,
      error_code: this.errorCode,
      error_message: this.errorMessage,
    };
  }
}

/** The reason with which work is stopped that can go on later from its checkpoints. */
export function stoppedError(why: string): AppError {
  return new AppError('CANCELLED', why);
}
