import type { TransferAction, TransferReason } from '../../../core/db.ts';
import type { ConflictPolicy } from '../../../queue/transfer-options.ts';
import type { Digests } from '../../../storage/digest-algorithm.ts';
import type { Entry } from '../../../storage/provider.ts';

/** What a listing, or a look at the object, says that decides about it. */
export type Facts = Pick<Entry, 'sizeBytes' | 'modifiedAt' | 'digests'>;

export interface Decision {
  action: TransferAction;
  reason: TransferReason;
  /** REFUSED: the policy wants the object to fail. RENAMED: written beside what is there, under another name. */
  how?: 'REFUSED' | 'RENAMED';
}

/**
 * What becomes of an object that is at the source, by what is at the destination under its name. null: only the hashes
 * decide, and these facts hold none of both sides.
 */
export function decide(source: Facts, destination: Facts | null, policy: ConflictPolicy): Decision | null {
  if (destination === null) return { action: 'ADD', reason: 'ABSENT' };
  switch (policy) {
    case 'OVERWRITE':
      return { action: 'REPLACE', reason: 'EXISTS' };
    case 'SKIP':
      return { action: 'SKIP', reason: 'EXISTS' };
    case 'FAIL':
      return { action: 'SKIP', reason: 'EXISTS', how: 'REFUSED' };
    case 'KEEP_BOTH':
      return { action: 'ADD', reason: 'EXISTS', how: 'RENAMED' };
    case 'OVERWRITE_IF_NEWER':
      return decideByAge(source.modifiedAt, destination.modifiedAt);
    case 'OVERWRITE_IF_DIFFERENT':
      return decideByContent(source, destination);
  }
}

function decideByAge(source: Date | null, destination: Date | null): Decision {
  if (source === null || destination === null) return { action: 'REPLACE', reason: 'NOT_COMPARABLE' };
  return source > destination ? { action: 'REPLACE', reason: 'NEWER' } : { action: 'SKIP', reason: 'NOT_NEWER' };
}

function decideByContent(source: Facts, destination: Facts): Decision | null {
  if (source.sizeBytes !== destination.sizeBytes) return { action: 'REPLACE', reason: 'DIFFERENT_SIZE' };
  const same = haveSameDigest(source.digests, destination.digests);
  if (same === null) return null;
  return same ? { action: 'SKIP', reason: 'SAME' } : { action: 'REPLACE', reason: 'DIFFERENT_HASH' };
}

/** Whether hashes of one kind agree; null: there is none of both. One that differs outweighs any that agrees. */
export function haveSameDigest(a: Digests, b: Digests): boolean | null {
  let same: boolean | null = null;
  for (const [algorithm, value] of Object.entries(a) as [keyof Digests, string][]) {
    const other = b[algorithm];
    if (other === undefined) continue;
    if (other !== value) return false;
    same = true;
  }
  return same;
}
