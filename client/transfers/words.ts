import type { Item } from './items.ts';
import type { Options } from './options.ts';
import type { TransferDetail } from './transfer.ts';

/** What the API's names of choices, plans and reasons are to people. */

export type Mode = TransferDetail['mode'];
export type ConflictPolicy = Options['conflictPolicy'];
export type Action = Item['action'];
export type PlanTotal = TransferDetail['planTotals'][number];
type RefusalCode = PlanTotal['refusedFor'];

interface ModeWords {
  label: string;
  help: string;
  /** What it is once it has ended well, and while it lasts. */
  done: string;
  doing: string;
  /** What bytes and objects are that it is done with, and those that it is not. */
  settled: string;
  failed: string;
}

export const modes: Record<Mode, ModeWords> = {
  COPY: {
    label: 'Copy',
    help: 'The source stays as it is.',
    done: 'Arrived',
    doing: 'moving',
    settled: 'arrived',
    failed: 'failed',
  },
  MOVE: {
    label: 'Move',
    help: 'Copies, and then removes at the source what was proven to have arrived.',
    // Not 'moved': a source may have been kept, which its object says.
    done: 'Arrived',
    doing: 'moving',
    settled: 'arrived',
    failed: 'failed',
  },
  SYNC: {
    label: 'Mirror',
    help: 'Makes the destination hold the same as the source, and nothing else.',
    done: 'Mirrored',
    doing: 'mirroring',
    settled: 'arrived',
    failed: 'failed',
  },
  VERIFY: {
    label: 'Compare',
    help: 'Looks whether both sides hold the same, and changes nothing.',
    done: 'Alike',
    doing: 'comparing',
    settled: 'found alike',
    failed: 'not alike',
  },
};

export const policies: Record<ConflictPolicy, string> = {
  OVERWRITE: 'Replace it',
  OVERWRITE_IF_DIFFERENT: 'Replace it if it differs',
  OVERWRITE_IF_NEWER: 'Replace it if the source is newer',
  SKIP: 'Leave it',
  KEEP_BOTH: 'Keep both, under another name',
  FAIL: 'Refuse the new one',
};

/** What one may choose in a mode, the usual one first. Comparing replaces nothing. */
export const policiesOf: Record<Mode, readonly ConflictPolicy[]> = {
  COPY: ['OVERWRITE', 'OVERWRITE_IF_DIFFERENT', 'OVERWRITE_IF_NEWER', 'SKIP', 'KEEP_BOTH', 'FAIL'],
  MOVE: ['OVERWRITE', 'OVERWRITE_IF_DIFFERENT', 'OVERWRITE_IF_NEWER', 'SKIP', 'KEEP_BOTH', 'FAIL'],
  SYNC: ['OVERWRITE_IF_DIFFERENT', 'OVERWRITE_IF_NEWER', 'OVERWRITE'],
  VERIFY: [],
};

export const actions: Record<Action, string> = {
  WRITE: 'Write',
  ADD: 'Add',
  REPLACE: 'Replace',
  SKIP: 'Skip',
  DELETE: 'Delete',
  COMPARE: 'Compare',
};

const refusals: Partial<Record<NonNullable<RefusalCode>, string>> = {
  NAME_COLLISION: 'Names that collide',
  NAME_NOT_ALLOWED: 'Names that do not fit',
  OBJECT_TOO_LARGE: 'Too large',
  QUOTA_EXCEEDED: 'No room left',
  DESTINATION_EXISTS: 'There already',
  DESTINATION_DIFFERS: 'Different',
  OBJECT_NOT_FOUND: 'Not found',
  CONTAINER_NOT_FOUND: 'Not found',
  PERMISSION_DENIED: 'Not permitted',
  LISTING_INCOMPLETE: 'Not deleted after all',
};

/** Why objects are refused, as the name of a group. */
export function refusalText(code: RefusalCode): string {
  return (code === null ? undefined : refusals[code]) ?? 'Cannot be looked at';
}

/** Why this is planned for an object, in a sentence; null: nobody looked. */
export function reasonText({ action, reason }: Pick<Item, 'action' | 'reason'>): string | null {
  switch (reason) {
    case null:
      return null;
    case 'ABSENT':
      return 'It is not at the destination.';
    case 'EXTRA':
      return 'It is not at the source.';
    case 'EXISTS':
      return action === 'ADD'
        ? 'Another one is there: this one arrives beside it.'
        : 'It is at the destination already.';
    case 'NEWER':
      return 'It is newer at the source.';
    case 'NOT_NEWER':
      return 'It is not newer at the source.';
    case 'DIFFERENT_SIZE':
      return 'The sizes differ.';
    case 'DIFFERENT_HASH':
      return 'The contents differ: their hashes do.';
    case 'SAME':
      return 'Both sides hold the same: their hashes agree.';
    case 'NOT_COMPARABLE':
      return 'The clouds’ listings give nothing to tell them apart by.';
  }
}
