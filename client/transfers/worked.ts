import type { TransferDetail } from './transfer.ts';

/** How long it was under way: what was planned first began, but for its listing, when it was approved. null: not yet over. */
export function workedMs({
  isDryRun,
  startedAt,
  approvedAt,
  finishedAt,
}: Pick<TransferDetail, 'isDryRun' | 'startedAt' | 'approvedAt' | 'finishedAt'>): number | null {
  if (startedAt === null || finishedAt === null) return null;
  // A follow-up of an approved plan was approved before it began.
  const began = Math.max(Date.parse(startedAt), isDryRun && approvedAt !== null ? Date.parse(approvedAt) : 0);
  return Date.parse(finishedAt) - began;
}
