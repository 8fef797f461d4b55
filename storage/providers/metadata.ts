import type { ObjectMetadata } from '../provider.ts';

/**
 * User metadata travels in HTTP headers, which hold printable ASCII only. Other values become an encoded word of
 * RFC 2047 in UTF-8, as S3 documents for its own metadata; anything that could be mistaken for one is encoded as well,
 * so that decoding gives back exactly what was encoded. It is one word, however long: a store that decodes it and
 * encodes it again need not keep several apart as they were.
 */
export function encodeHeaderValue(value: string): string {
  const isPlain = value === '' || /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value);
  if (isPlain && !value.includes('=?')) return value;
  return `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`;
}

const encodedWord = /=\?utf-8\?([bq])\?([^?]*)\?=/gi;

/** Text as any store and database keeps it: without U+0000 and halves of surrogate pairs, which stand replaced. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}

/** Reverses `encodeHeaderValue`, and reads quoted-printable words, which S3 may answer with. */
export function decodeHeaderValue(value: string): string {
  if (!value.includes('=?')) return value;
  const decoded = value
    .replace(/(\?=)\s+(=\?)/g, '$1$2')
    .replace(encodedWord, (_all, encoding: string, text: string) => {
      if (encoding.toLowerCase() === 'b') return Buffer.from(text, 'base64').toString('utf8');
      const bytes = text
        .replaceAll('_', ' ')
        .replace(/=([0-9a-f]{2})/gi, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      return Buffer.from(bytes, 'latin1').toString('utf8');
    });
  return storableText(decoded);
}

/** Key of the user metadata that holds the original file's modification time, as rclone keeps it. */
export const mtimeKey = 'mtime';

/**
 * The metadata of an object, as it is sent, with the modification time as `text`. A time that nobody recorded takes neither
 * the place of what is under its key already nor room that is not there: the store would refuse the whole object.
 *
 * @param maxBytes Most bytes of all names and values together.
 */
export function withMtime(
  sent: Record<string, string>,
  { modifiedAt, isModifiedAtInferred }: ObjectMetadata,
  text: (modifiedAt: Date) => string,
  maxBytes: number,
): Record<string, string> {
  if (modifiedAt === undefined) return sent;
  const all = { ...sent, [mtimeKey]: text(modifiedAt) };
  return isModifiedAtInferred && (mtimeKey in sent || sizeBytes(all) > maxBytes) ? sent : all;
}

/** Of header-safe text: one byte a character. */
function sizeBytes(sent: Record<string, string>): number {
  return Object.entries(sent).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

/** Seconds since the epoch with a fraction, as rclone writes for S3. */
export function mtimeSeconds(date: Date): string {
  return (date.getTime() / 1000).toFixed(3).replace(/\.?0+$/, '');
}

/** Reads seconds since the epoch or an RFC 3339 time, to the millisecond; undefined for anything else. */
export function parseMtime(value: string | undefined): Date | undefined {
  if (value === undefined) return undefined;
  const ms = /^-?\d+(\.\d+)?$/.test(value)
    ? Math.round(Number(value) * 1000)
    : /^\d{4}-\d{2}-\d{2}T/.test(value)
      ? Date.parse(value)
      : Number.NaN;
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
