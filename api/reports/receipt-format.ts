import { createHash } from 'node:crypto';

/** Rises when members of a receipt, or what is signed of it, change. */
export const receiptVersion = 1;

/** What is signed: its `canonicalJson`, with its members in this order. */
export interface Receipt {
  receiptVersion: number;
  manifestVersion: number;
  /** Where people reach the installation that signed. */
  instance: string;
  transferId: string;
  /** Which end of the transfer it is of: a transfer that went on has a higher one. */
  sequence: string;
  state: string;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  objectsListed: number;
  objectsCompleted: number;
  objectsFailed: number;
  objectsSkipped: number;
  bytesCompleted: string;
  manifestSha256: string;
  /** The key that signed, as it is published. */
  keyId: string;
}

/** A receipt as it is handed out. */
export interface SignedReceipt {
  receipt: Receipt;
  /** Ed25519, base64. */
  signature: string;
}

/** Id of a key: the thumbprint of RFC 7638, base64url, which no other key has. `x` is its public half in base64url. */
export function thumbprint(x: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');
}
