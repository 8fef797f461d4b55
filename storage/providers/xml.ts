import { AppError } from '../../core/errors.ts';
import { isPlainLine } from '../../core/text.ts';

/**
 * Reads listings without an XML parser: their form is fixed, and a transfer of a million objects reads hundreds of them.
 * Elements are found by name; none of these contains one of the same name.
 */

/** The inner text of every element of that name, in order. */
export function* blocks(document: string, name: string): Generator<string> {
  const [open, close] = [`<${name}>`, `</${name}>`];
  for (let at = document.indexOf(open); at !== -1; at = document.indexOf(open, at)) {
    const end = document.indexOf(close, at);
    if (end === -1) return;
    yield document.slice(at + open.length, end);
    at = end;
  }
}

/** The inner text of the first element of that name, still escaped; undefined when there is none. */
export function element(block: string, name: string): string | undefined {
  const open = `<${name}>`;
  const start = block.indexOf(open);
  if (start === -1) return undefined;
  const end = block.indexOf(`</${name}>`, start);
  return end === -1 ? undefined : block.slice(start + open.length, end);
}

/**
 * PROVIDER_UNAVAILABLE for a document that was cut off: an answer without a length ends wherever its connection does, and what is
 * missing from a listing is gone for whoever mirrors it.
 */
export function requireWhole(document: string, root: string): void {
  if (!document.trimEnd().endsWith(`</${root}>`)) throw cutOff(root);
}

/** The same, whichever its root; what is no XML passes. */
export function requireWholeXml(text: string): void {
  const document = text.trim();
  if (!/^<[?A-Za-z]/.test(document)) return;
  const opening = /^(?:<\?[^>]*>\s*)?<([A-Za-z][\w.:-]*)[^>]*?(\/?)>/.exec(document);
  if (opening === null) throw cutOff('root element');
  const [, root = '', isEmpty] = opening;
  if (!isEmpty) requireWhole(document, root);
}

/** The answer ended within that element. */
export function cutOff(name: string): AppError {
  return new AppError('PROVIDER_UNAVAILABLE', `The answer of the endpoint ended before its ${name} did.`);
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Resolves the entities of XML 1.0 and character references. ENDPOINT_INVALID for one beyond Unicode. */
export function unescapeXml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex?: string, decimal?: string, name?: string) => {
    if (hex !== undefined) return character(Number.parseInt(hex, 16));
    if (decimal !== undefined) return character(Number(decimal));
    return entities[name ?? ''] ?? all;
  });
}

function character(codePoint: number): string {
  if (codePoint > 0x10ffff) throw invalid('a character that is not in Unicode');
  return String.fromCodePoint(codePoint);
}

/**
 * A key as a listing gives it. ENDPOINT_INVALID unless it can be written in UTF-8 and lies below the prefix that was asked
 * for: a mirror deletes what a listing of its place shows, and a store that passes over the prefix shows all it has.
 */
export function listedKey(key: string, prefix: string): string {
  if (!key.isWellFormed()) throw invalid('a name that is not valid Unicode');
  if (!key.startsWith(prefix)) throw invalid('a name outside the folder that was asked for');
  return key;
}

/**
 * The name of a bucket or container as a listing gives it. ENDPOINT_INVALID for one that is more or less than a name: it
 * becomes the beginning of paths, and is shown.
 */
export function listedContainer(name: string | undefined): string {
  const isName = name !== undefined && name !== '' && isPlainLine(name) && !/^\.\.?$|[/\\]/.test(name);
  if (!isName) throw invalid('a bucket or container whose name is none');
  return name;
}

/**
 * The cursor of the next page as a listing gives it; null: there is none. ENDPOINT_INVALID for the one that led to this
 * page, by which a listing would never end.
 */
export function listedCursor(next: string | undefined, current: string | undefined): string | null {
  if (!next) return null;
  if (next === current) throw invalid('the same page again and again');
  return next;
}

/** The size of an object in a listing, in bytes. ENDPOINT_INVALID unless it is a number that is exact. */
export function listedSize(text: string | undefined): number {
  const size = /^\s*\d+\s*$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw invalid('a size that is no number of bytes');
  return size;
}

/** When an object changed, as a listing gives it; `missing` where it gives nothing. ENDPOINT_INVALID for what is no date. */
export function listedDate<Missing>(text: string | undefined, missing: Missing): Date | Missing {
  if (text === undefined) return missing;
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw invalid('a time that is none');
  return date;
}

/** An ETag in a listing, unescaped. ENDPOINT_INVALID for one that no header could carry back. */
export function listedEtag(text: string): string {
  const etag = unescapeXml(text);
  // RFC 9110, section 8.8.3: visible ASCII and bytes above; blanks are seen at compatible stores.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
  if (/[\u0000-\u001f\u007f]/.test(etag) || !etag.isWellFormed()) throw invalid('an ETag with control characters');
  return etag;
}

function invalid(what: string): AppError {
  return new AppError('ENDPOINT_INVALID', `The endpoint does not answer as such a store does: it lists ${what}.`);
}
