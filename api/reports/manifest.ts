import { createHash } from 'node:crypto';

/**
 * Rises when `manifestFields`, `canonicalJson` or the order of lines change. Receipts live for ever: those of an older
 * version are then still made and verified by its rules.
 */
export const manifestVersion = 1;

/** One object of a transfer as reports tell it. Sizes are decimal text, times ISO 8601 in UTC, hashes lower-case hex. */
export interface ReportItem {
  /** Place in the order of listing, from 0. */
  ordinal: number;
  /** What was planned for it and why, as the API's TransferAction and TransferReason. */
  action: string;
  reason: string | null;
  state: string;
  /** "container/key", as is destinationPath. */
  sourcePath: string;
  destinationPath: string;
  sizeBytes: string;
  sourceEtag: string | null;
  sourceVersionId: string | null;
  /** EvidenceKind of the API; null: not completed. */
  sourceEvidence: string | null;
  sourceHashAlgorithm: string | null;
  sourceHash: string | null;
  destinationEvidence: string | null;
  destinationHashAlgorithm: string | null;
  destinationHash: string | null;
  /** Whether both sides vouch by more than size. */
  verified: boolean | null;
  /** How it travelled, and what led to no better way; as the API's TransferRoute and ErrorCode. */
  route: string | null;
  fallbackCode: string | null;
  /** Names of the source's tags that the destination does not take. */
  droppedTags: readonly string[];
  /** What became of the source of a move. */
  sourceRemoval: string | null;
  attempts: number;
  errorCode: string | null;
  errorMessage: string | null;
  startedAt: string | null;
  finishedAt: string | null;
}

/** What the manifest says of a completed object, in the order of its line. */
export const manifestFields = [
  'ordinal',
  'action',
  'sourcePath',
  'destinationPath',
  'sizeBytes',
  'sourceEtag',
  'sourceVersionId',
  'sourceEvidence',
  'sourceHashAlgorithm',
  'sourceHash',
  'destinationEvidence',
  'destinationHashAlgorithm',
  'destinationHash',
  'finishedAt',
] as const satisfies (keyof ReportItem)[];

export type ManifestItem = Pick<ReportItem, (typeof manifestFields)[number]>;

/**
 * JSON as `jq -c` writes it: no blanks, members in the order of the value, text in UTF-8 as it is but for `"`, `\` and
 * control characters, of which U+007F is one. Numbers are whole and below 2^53.
 */
export function canonicalJson(value: object): string {
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}

/** SHA-256 over the lines of the completed objects, which are added in the order of their ordinals. */
export class Manifest {
  readonly #hash = createHash('sha256');
  objects = 0;
  bytes = 0n;

  add(item: ManifestItem): void {
    const line = Object.fromEntries(manifestFields.map((field) => [field, item[field]]));
    this.#hash.update(`${canonicalJson(line)}\n`);
    this.objects += 1;
    this.bytes += BigInt(item.sizeBytes);
  }

  /** Lower-case hex. Called once, at the end. */
  sha256(): string {
    return this.#hash.digest('hex');
  }
}
