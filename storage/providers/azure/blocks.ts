import { randomBytes } from 'node:crypto';

/**
 * Block ids hold the upload's session, the part's number, and what of its MD5 there is room for, so that two uploads of the
 * same blob never mix, and a part that is sent again with other bytes, by a worker that lost its lease, takes no other's
 * place. All block ids of a blob must be equally long: 48 bytes is what most of the vendor's SDKs use, so that ours can
 * stand beside theirs.
 */
const idLength = 48;
const numberDigits = 5;

export function newSessionId(): string {
  return randomBytes(16).toString('base64url');
}

/** `md5`: of the bytes, in hex, where they are known. */
export function blockId(sessionId: string, partNumber: number, md5 = ''): string {
  const text = sessionId + String(partNumber).padStart(numberDigits, '0') + md5;
  return Buffer.from(text.slice(0, idLength).padEnd(idLength, '0')).toString('base64');
}

/** The part's number, or undefined for a block of another upload. */
export function partNumberOf(id: string, sessionId: string): number | undefined {
  const text = Buffer.from(id, 'base64').toString('latin1');
  const [, number] = /^(\d{5})[0-9a-f]*$/.exec(text.slice(sessionId.length)) ?? [];
  return text.startsWith(sessionId) && number !== undefined ? Number(number) : undefined;
}
