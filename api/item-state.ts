import type { TransferItem, TransferState } from '../core/db.ts';

type ItemState = TransferItem['state'];

/** The states that end with the transfer. A cancelled transfer's items, maybe millions, keep them in the database. */
export const unfinished: readonly ItemState[] = ['PENDING', 'RUNNING'];

/** The state of an item as it is told. */
export const effectiveState = (state: ItemState, transferState: TransferState | undefined): ItemState =>
  transferState === 'CANCELLED' && unfinished.includes(state) ? 'CANCELLED' : state;

/** One leg as the worker records it (worker/transfer/verify.ts). */
export interface StoredLeg {
  kind: 'provider-hash' | 'per-part-hash' | 'asserted' | 'reread' | 'size-only';
  algorithm?: string | null;
  value?: string | null;
}

export interface StoredEvidence {
  source: StoredLeg;
  destination: StoredLeg;
  verified: boolean;
}
