import { AppError } from './errors.ts';

/**
 * Control characters (Unicode, general category Cc, among them line breaks and U+0000), the separators of lines and
 * paragraphs, and what turns the direction of the text around it (UAX 9, Bidi_Control): a name shows as it is.
 */
const control = /[\p{Cc}\u2028\u2029\p{Bidi_Control}]/u;

/**
 * Whether the text is kept as it is: it has no lone surrogates, which UTF-8 has no form for, and no U+0000, which
 * Postgres refuses.
 */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Whether the text is one line of characters that can be shown and kept. */
export function isPlainLine(text: string): boolean {
  return text.isWellFormed() && !control.test(text);
}

/** An address as it is compared: those that differ but in spelling (case of the host, default port, slashes at the end) are one. */
export function normalAddress(address: string): string {
  return (URL.parse(address)?.href ?? address).replace(/\/+$/, '');
}

/**
 * A name that somebody gives to something, without blanks around it. Throws INVALID_INPUT, with `field`, unless it is
 * one plain line of 1 to `maxLength` UTF-16 code units.
 */
export function parseName(text: string, maxLength: number, field: readonly string[] = ['name']): string {
  const name = text.trim();
  if (name.length < 1 || name.length > maxLength) {
    throw new AppError('INVALID_INPUT', `A name has 1 to ${maxLength} characters.`, { field });
  }
  if (!isPlainLine(name)) {
    throw new AppError(
      'INVALID_INPUT',
      'A name has no line breaks, control characters, marks of writing direction or halves of characters.',
      {
        field,
      },
    );
  }
  return name;
}
