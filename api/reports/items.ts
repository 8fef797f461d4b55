import type { Db, Prisma, TransferState } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import type { Version } from '../../storage/provider.ts';
import { storedError } from '../errors.ts';
import { effectiveState, type StoredEvidence } from '../item-state.ts';
import type { ReportItem } from './manifest.ts';

/** Rows read at once. With keys of the greatest length a page is about 256 KiB, which V8 frees soon and cheaply. */
const pageSize = 100;

/** The end of a transfer that a report or receipt is of. Whatever changes afterwards raises the sequence. */
export interface TransferEnd {
  id: string;
  state: TransferState;
  sequence: bigint;
}

const columns = {
  ordinal: true,
  action: true,
  reason: true,
  state: true,
  sourceContainer: true,
  sourceKey: true,
  destinationContainer: true,
  destinationKey: true,
  sizeBytes: true,
  sourceVersion: true,
  evidence: true,
  route: true,
  fallbackCode: true,
  droppedTags: true,
  sourceRemoval: true,
  attempts: true,
  errorCode: true,
  errorMessage: true,
  startedAt: true,
  finishedAt: true,
} as const satisfies Prisma.TransferItemSelect;

type ItemColumns = Prisma.TransferItemGetPayload<{ select: typeof columns }>;

/**
 * All objects of a transfer, by ordinal, a page at a time. No transaction is held meanwhile, however slowly pages are
 * taken: when the transfer went on before the last one, the end is CONFLICT.
 */
export async function* itemPages(db: Db, end: TransferEnd): AsyncGenerator<ReportItem[], void> {
  const transferId = end.id;
  const { _max: last } = await db.transferItem.aggregate({ where: { transferId }, _max: { ordinal: true } });
  // Both bounds are said: what Postgres does not know of a new transfer yet can then not mislead it to read all that
  // remains for each page. Gaps, of which a follow-up has many, are leapt over.
  for (let from = 0; from <= (last.ordinal ?? -1); from += pageSize) {
    const rows = await db.transferItem.findMany({
      select: columns,
      where: { transferId, ordinal: { gte: from, lt: from + pageSize } },
      orderBy: { ordinal: 'asc' },
    });
    if (rows.length > 0) {
      yield rows.map((row) => toReportItem(row, end.state));
      continue;
    }
    const beyond = { transferId, ordinal: { gte: from + pageSize } };
    const { _min: next } = await db.transferItem.aggregate({ where: beyond, _min: { ordinal: true } });
    if (next.ordinal !== null) from = next.ordinal - pageSize;
  }
  const row = await db.transfer.findUnique({ where: { id: end.id }, select: { sequence: true } });
  if (row?.sequence !== end.sequence) throw wentOn();
}

export function wentOn(): AppError {
  return new AppError('CONFLICT', 'The transfer has gone on meanwhile. Try again once it has ended.');
}

function toReportItem(row: ItemColumns, transferState: TransferState): ReportItem {
  const version = row.sourceVersion as Version | null;
  const evidence = row.evidence as StoredEvidence | null;
  const error = storedError(row.errorCode, row.errorMessage);
  return {
    ordinal: row.ordinal,
    action: row.action,
    reason: row.reason,
    state: effectiveState(row.state, transferState),
    sourcePath: `${row.sourceContainer}/${row.sourceKey}`,
    destinationPath: `${row.destinationContainer}/${row.destinationKey}`,
    sizeBytes: row.sizeBytes.toString(),
    sourceEtag: version?.etag ?? null,
    sourceVersionId: version?.versionId ?? null,
    sourceEvidence: kindName(evidence?.source),
    sourceHashAlgorithm: evidence?.source.algorithm ?? null,
    sourceHash: evidence?.source.value ?? null,
    destinationEvidence: kindName(evidence?.destination),
    destinationHashAlgorithm: evidence?.destination.algorithm ?? null,
    destinationHash: evidence?.destination.value ?? null,
    verified: evidence?.verified ?? null,
    route: row.route,
    fallbackCode: row.fallbackCode,
    droppedTags: row.droppedTags,
    sourceRemoval: row.sourceRemoval,
    attempts: row.attempts,
    errorCode: error?.code ?? null,
    errorMessage: error?.message ?? null,
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}

/** As the API's EvidenceKind names it. */
function kindName(leg: StoredEvidence['source'] | undefined): string | null {
  return leg?.kind.toUpperCase().replaceAll('-', '_') ?? null;
}
