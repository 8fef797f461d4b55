import { randomUUID } from 'node:crypto';

/**
 * Block ids hold the upload's session and the part's number, so that two uploads of the same blob never mix. All
 * block ids of a blob must be equally long: 48 bytes is what most of the vendor's SDKs use, so that ours can stand
 * beside theirs.
 */
const numberDigits = 12;

export function newSessionId(): string {
  return randomUUID();
}

export function blockId(sessionId: string, partNumber: number): string {
  return Buffer.from(sessionId + String(partNumber).padStart(numberDigits, '0')).toString('base64');
}

/** The part's number, or undefined for a block of another upload. */
export function partNumberOf(id: string, sessionId: string): number | undefined {
  const text = Buffer.from(id, 'base64').toString('latin1');
  const number = text.slice(sessionId.length);
  return text.startsWith(sessionId) && /^\d{12}$/.test(number) ? Number(number) : undefined;
}
